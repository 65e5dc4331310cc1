//! How many connections there may be at a time.

use std::sync::Arc;

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use prometheus_client::registry::Registry;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A place for each connection, and a few for those that are told that there is none.
pub(crate) struct Places {
    all: usize,
    all_requests: usize,
    free: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    refused: Counter,
    taken: Gauge,
}

impl Places {
    /// How many connections may be refused at a time; more are closed without a word.
    const REFUSALS: usize = 64;
    /// How many requests may be under way over HTTP/2, of which one connection has many, beside streams.
    const REQUESTS: usize = 16 * 1024;
    /// How many files stay for the store and everything else.
    const OTHER_FILES: usize = 128;
    /// How many looks of the watchdog a connection may be quiet while places are scarce.
    const SCARCE_PATIENCE: u32 = 1;

    /// At most `wanted` places, and no more than the open files that the system allows.
    pub(crate) fn new(
        wanted: usize,
        store_connections: usize,
        streams: usize,
        metrics: &mut Registry,
    ) -> Self {
        let spoken_for = Self::REFUSALS + Self::OTHER_FILES + store_connections;
        let allowed = open_files().saturating_sub(spoken_for).max(1);
        if allowed < wanted {
            tracing::warn!(
                wanted,
                allowed,
                "fewer connections than wanted: the limit of open files is too low"
            );
        }
        let all_requests = Self::REQUESTS + streams;
        let places = Self {
            all: wanted.min(allowed),
            all_requests,
            free: Arc::new(Semaphore::new(wanted.min(allowed))),
            refusals: Arc::new(Semaphore::new(Self::REFUSALS)),
            requests: Arc::new(Semaphore::new(all_requests)),
            refused: Counter::default(),
            taken: Gauge::default(),
        };
        let (refused, taken) = (places.refused.clone(), places.taken.clone());
        metrics.register(
            "discovery_connections_refused",
            "Connections refused for want of a place",
            refused,
        );
        metrics.register("discovery_connections", "Open connections", taken);
        places
    }

    /// Takes a place, if there is one.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// Takes a place for being refused.
    pub(super) fn take_for_refusal(&self) -> Option<OwnedSemaphorePermit> {
        self.refused.inc();
        Arc::clone(&self.refusals).try_acquire_owned().ok()
    }

    /// Takes a place for a request of a connection that may have several.
    pub(super) fn take_for_request(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.requests).try_acquire_owned().ok()
    }

    /// How many looks of the watchdog a connection may be quiet: `usual`, or fewer once three quarters are taken.
    pub(super) fn patience(&self, usual: u32) -> u32 {
        let scarce = self.free.available_permits() * 4 < self.all;
        if scarce { Self::SCARCE_PATIENCE } else { usual }
    }

    /// Waits until every place is free, also those of requests whose connections have gone.
    pub(super) async fn all_free(&self) {
        let permits = |all: usize| u32::try_from(all).unwrap_or(u32::MAX);
        drop(self.free.acquire_many(permits(self.all)).await);
        let requests = permits(self.all_requests);
        drop(self.requests.acquire_many(requests).await);
    }

    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        self.all.saturating_sub(self.free.available_permits())
    }

    /// Shows in the metrics how many places are taken, and returns how many connections have been refused.
    pub(crate) fn observe(&self) -> u64 {
        self.taken
            .set(i64::try_from(self.taken()).unwrap_or(i64::MAX));
        self.refused.get()
    }
}

/// How many files this process may open, after asking for as many as it can get.
fn open_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, most) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    current
        .and_then(|files| usize::try_from(files).ok())
        .unwrap_or(usize::MAX)
}
