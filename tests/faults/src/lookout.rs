//! Somebody who looks at one list all the time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use discovery_bench::client::{Connection, Target};
use discovery_bench::{Result, now};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::launch::PATIENCE;
use crate::lists::{self, Addresses};

const PAUSE: Duration = Duration::from_millis(50);

/// Looks at the list of a service until this is dropped. A node that is not there is passed over.
pub(crate) struct Lookout {
    shared: Arc<Shared>,
    looking: JoinHandle<()>,
}

struct Shared {
    target: Target,
    service: String,
    seen: Mutex<Vec<(Instant, Addresses)>>,
}

impl Lookout {
    /// Begins to look.
    pub(crate) fn at(target: Target, service: &str) -> Self {
        let (service, seen) = (service.to_owned(), Mutex::default());
        let shared = Arc::new(Shared {
            target,
            service,
            seen,
        });
        let looking = tokio::spawn(Arc::clone(&shared).look());
        Self { shared, looking }
    }

    /// Every list that differed from the one before, with when it was first seen.
    pub(crate) fn seen(&self) -> Vec<(Instant, Addresses)> {
        self.shared
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until the list is of that kind; tells when it became so.
    pub(crate) async fn sees(
        &self,
        what: &str,
        is: impl Fn(&Addresses) -> bool,
    ) -> Result<Instant> {
        self.sees_after(Duration::ZERO, what, is).await
    }

    /// The same for what needs so much time by right.
    pub(crate) async fn sees_after(
        &self,
        time: Duration,
        what: &str,
        is: impl Fn(&Addresses) -> bool,
    ) -> Result<Instant> {
        let deadline = now() + time + PATIENCE;
        loop {
            if let Some((at, list)) = self.seen().last() {
                if is(list) {
                    return Ok(*at);
                }
                if now() > deadline {
                    let seen = self.seen();
                    let first = seen[0].0;
                    let told = |(at, list): &(Instant, Addresses)| {
                        format!("{} after {:.1} s", list.len(), (*at - first).as_secs_f64())
                    };
                    let told: Vec<String> = seen.iter().map(told).collect();
                    return Err(
                        format!("never saw {what}, but lists of {}", told.join(", ")).into(),
                    );
                }
            }
            sleep(PAUSE).await;
        }
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

impl Shared {
    async fn look(self: Arc<Self>) {
        loop {
            if let Ok(mut connection) = Connection::open(self.target).await {
                while let Ok(list) = lists::read(&mut connection, &self.service).await {
                    self.note(list);
                    sleep(PAUSE).await;
                }
            }
            sleep(PAUSE).await;
        }
    }

    fn note(&self, list: Addresses) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.last().is_none_or(|(_, last)| *last != list) {
            seen.push((now(), list));
        }
    }
}
