//! Requests at full speed, or at a given one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until};

use crate::client::{Connection, Target};
use crate::fleet::Fleet;
use crate::progress::Progress;
use crate::tally::Tally;
use crate::{Result, now};

/// Sends the requests made of 0 up to `count`, each connection its next as soon as it has its answer.
pub async fn flat_out(
    target: Target,
    connections: usize,
    label: &'static str,
    count: u32,
    request: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static,
) -> Result<Tally> {
    let (next, request) = (Arc::new(AtomicU32::new(0)), Arc::new(request));
    let progress = Arc::new(Progress::new(label, count.into()));
    let mut tasks = JoinSet::new();
    for _ in 0..connections.max(1) {
        let (next, request) = (Arc::clone(&next), Arc::clone(&request));
        let (progress, mut caller) = (Arc::clone(&progress), Caller::connect(target).await?);
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return caller.tally;
                }
                caller.call(&request(number), now()).await;
                progress.tick();
            }
        });
    }
    Ok(sum(tasks).await)
}

/// Has every host of a fleet check in once; any refusal is an error.
pub async fn register(target: Target, fleet: &Fleet) -> Result<()> {
    const CONNECTIONS: usize = 64;
    let (fleet, hosts) = (fleet.clone(), fleet.hosts());
    let check_in = move |number| fleet.host(number).check_in();
    let tally = flat_out(target, CONNECTIONS, "register", hosts, check_in).await?;
    match tally.unsuccessful() {
        0 => Ok(()),
        _ => Err(format!("hosts could not be registered: {tally}").into()),
    }
}

/// When each of several connections sends: at a steady rate over all of them, until the end.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    start: Instant,
    end: Instant,
    between: Duration,
}

impl Pace {
    /// So many requests a second, more than none, from now on.
    pub fn new(a_second: f64, lasting: Duration) -> Self {
        let start = now();
        let between = Duration::from_secs_f64(1.0 / a_second);
        Self {
            start,
            end: start + lasting,
            between,
        }
    }

    /// How many requests that makes until the end.
    pub fn turns(&self) -> u64 {
        let turns = (self.end - self.start).as_nanos() / self.between.as_nanos().max(1);
        u64::try_from(turns).unwrap_or(u64::MAX)
    }

    /// Waits for the turn of a request; `None` after the end. A late one is due at once, but its latency counts from
    /// when it should have been sent.
    pub async fn turn(&self, number: u64) -> Option<Instant> {
        let nanos = self.between.as_nanos().saturating_mul(u128::from(number));
        let due = self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        if due >= self.end {
            return None;
        }
        sleep_until(due).await;
        (now() < self.end).then_some(due)
    }
}

/// Sends requests at that pace over so many connections, whatever the server takes to answer.
pub async fn paced(
    target: Target,
    connections: u64,
    pace: Pace,
    request: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static,
) -> Result<Tally> {
    let request = Arc::new(request);
    let mut tasks = JoinSet::new();
    for connection in 0..connections.max(1) {
        let (request, mut caller) = (Arc::clone(&request), Caller::connect(target).await?);
        tasks.spawn(async move {
            let mut number = connection;
            while let Some(due) = pace.turn(number).await {
                caller.call(&request(number), due).await;
                number += connections;
            }
            caller.tally
        });
    }
    Ok(sum(tasks).await)
}

/// Adds up what the connections counted.
pub async fn sum(tasks: JoinSet<Tally>) -> Tally {
    let mut total = Tally::default();
    for tally in tasks.join_all().await {
        total.add(&tally);
    }
    total
}

/// A connection that counts its requests, and is opened anew when it breaks.
pub struct Caller {
    target: Target,
    connection: Option<Connection>,
    /// What came of its requests so far.
    pub tally: Tally,
}

impl Caller {
    /// Connects.
    pub async fn connect(target: Target) -> Result<Self> {
        let connection = Some(Connection::open(target).await?);
        Ok(Self {
            target,
            connection,
            tally: Tally::default(),
        })
    }

    /// Sends a request that was due at some moment and counts its answer; tells the status, if there was one.
    pub async fn call(&mut self, request: &[u8], due: Instant) -> Option<u16> {
        match self.try_call(request).await {
            Ok(status) => {
                self.tally.answered(status, due.elapsed());
                Some(status)
            }
            Err(error) => {
                self.connection = None;
                self.tally.failed(&error);
                None
            }
        }
    }

    async fn try_call(&mut self, request: &[u8]) -> Result<u16> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Connection::open(self.target).await?),
        };
        Ok(connection.send(request).await?.status)
    }
}
