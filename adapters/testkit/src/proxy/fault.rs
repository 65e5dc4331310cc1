//! Which requests are broken, and how.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// A way in which a request goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection is reset before the request reaches the store.
    Refuse,
    /// No answer comes, until the rules change.
    Hang,
    /// The store answers with an error and does nothing.
    Error {
        /// The HTTP status.
        status: u16,
        /// The name of the error.
        code: &'static str,
    },
    /// Something on the way says 200 in the store's place, with an empty object or nothing at all.
    Impostor {
        /// What it sends.
        body: &'static str,
    },
    /// The request reaches the store late.
    Delay(Duration),
    /// The store does what was asked, and the connection is reset before the answer.
    LoseReply,
    /// The request waits at a gate until the test opens it, and reaches the store also when its client has given up.
    Hold(Gate),
    /// The store does what was asked, and its answer waits at a gate until the test opens it.
    HoldReply(Gate),
    /// A read that may be stale is answered as it was at some time in this span before now.
    Stale(Duration),
}

impl Fault {
    /// The table's throughput is used up.
    pub const THROTTLE: Self = Self::Error {
        status: 400,
        code: "ProvisionedThroughputExceededException",
    };
    /// The account sends too many requests.
    pub const THROTTLE_ACCOUNT: Self = Self::Error {
        status: 400,
        code: "ThrottlingException",
    };
    /// The store fails inside.
    pub const SERVER_ERROR: Self = Self::Error {
        status: 500,
        code: "InternalServerError",
    };

    /// This fault on requests of that operation only, such as `UpdateItem`.
    pub fn on(self, operation: &'static str) -> Rule {
        Rule::from(self).on(operation)
    }

    /// This fault on the next requests only, so many of them.
    pub fn times(self, times: usize) -> Rule {
        Rule::from(self).times(times)
    }

    /// This fault on a share of the requests, 0 to 1.
    pub fn share(self, share: f64) -> Rule {
        Rule::from(self).share(share)
    }
}

/// A fault and the requests it strikes.
#[derive(Debug)]
pub struct Rule {
    fault: Fault,
    operations: Vec<&'static str>,
    left: AtomicUsize,
    share: f64,
    dice: AtomicU64,
}

impl From<Fault> for Rule {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            operations: Vec::new(),
            left: AtomicUsize::new(usize::MAX),
            share: 1.0,
            dice: AtomicU64::new(0),
        }
    }
}

impl Rule {
    /// Strikes requests of that operation, and of others named in the same way.
    #[must_use]
    pub fn on(mut self, operation: &'static str) -> Self {
        self.operations.push(operation);
        self
    }

    /// Strikes no more than so many requests.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.left = AtomicUsize::new(times);
        self
    }

    /// Strikes a share of the requests, 0 to 1, spread without a pattern and alike in every run.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// The fault, if this request is to be struck.
    pub(super) fn strikes(&self, operation: &str) -> Option<&Fault> {
        let fits = self.operations.is_empty() || self.operations.contains(&operation);
        if !fits || self.roll() >= self.share {
            return None;
        }
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .ok()
            .map(|_| &self.fault)
    }

    /// The next number of a fixed sequence, 0 to 1.
    fn roll(&self) -> f64 {
        let turn = self.dice.fetch_add(1, Ordering::Relaxed) + 1;
        let mixed = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let top = u32::try_from(mixed >> 32).expect("half of 64 bits are 32");
        f64::from(top) / f64::from(u32::MAX)
    }
}

/// Where requests wait until a test lets them go on.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: watch::Sender<usize>,
    done: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            waiting: watch::Sender::new(0),
            done: watch::Sender::new(0),
            open: watch::Sender::new(false),
        }))
    }

    /// Waits until so many requests have reached the gate.
    pub async fn reached_by(&self, requests: usize) {
        let mut waiting = self.0.waiting.subscribe();
        // The sender lives as long as this gate.
        let _ = waiting.wait_for(|count| *count >= requests).await;
    }

    /// Waits until the store has done so many requests that waited at the gate.
    pub async fn left_by(&self, requests: usize) {
        let mut done = self.0.done.subscribe();
        // The sender lives as long as this gate.
        let _ = done.wait_for(|count| *count >= requests).await;
    }

    /// Lets through all that wait and all that come.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    pub(super) fn leave(&self) {
        self.0.done.send_modify(|count| *count += 1);
    }

    pub(super) async fn pass(&self) {
        self.0.waiting.send_modify(|count| *count += 1);
        let _ = self.0.open.subscribe().wait_for(|open| *open).await;
    }
}
