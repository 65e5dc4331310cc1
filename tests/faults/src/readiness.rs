//! A load balancer's look at a node, ten times a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use discovery_bench::client::{Connection, Target};
use discovery_bench::fleet::get;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const PAUSE: Duration = Duration::from_millis(100);
/// How long a load balancer waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks until this is dropped.
pub(crate) struct Readiness {
    counts: Arc<[AtomicU64; 2]>,
    looking: JoinHandle<()>,
}

impl Readiness {
    /// Begins to look.
    pub(crate) fn of(target: Target) -> Self {
        let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let looking = tokio::spawn(look(target, Arc::clone(&counts)));
        Self { counts, looking }
    }

    /// How often it was not ready, and how often that was asked.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let [unready, looks] = &*self.counts;
        (unready.load(Relaxed), looks.load(Relaxed))
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn look(target: Target, counts: Arc<[AtomicU64; 2]>) {
    let [unready, looks] = &*counts;
    loop {
        let status = timeout(PATIENCE, status(target)).await;
        unready.fetch_add(u64::from(!matches!(status, Ok(Some(200)))), Relaxed);
        looks.fetch_add(1, Relaxed);
        sleep(PAUSE).await;
    }
}

async fn status(target: Target) -> Option<u16> {
    let mut connection = Connection::open(target).await.ok()?;
    let reply = connection.send(&get("/readyz")).await.ok()?;
    Some(reply.status)
}
