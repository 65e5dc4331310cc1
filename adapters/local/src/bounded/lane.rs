//! The bounds on one kind of request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use discovery_domain::{Clock, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tracing::warn;

use super::Bounds;
use super::metrics::LaneMetrics;

/// A number of places, and a queue of bounded length and time for them.
pub(super) struct Lane {
    places: Semaphore,
    queue: Semaphore,
    bounds: Bounds,
    metrics: LaneMetrics,
    clock: Arc<dyn Clock>,
    /// What is not told yet.
    news: Mutex<News>,
}

#[derive(Default)]
struct News {
    refused: u64,
    /// When they may be told, by the monotonic clock.
    due: Duration,
}

/// A request that waits.
struct Waiting<'a>(
    #[expect(dead_code, reason = "held")] SemaphorePermit<'a>,
    &'a LaneMetrics,
);

impl Lane {
    /// The longest that a request waits for its place: with the time that the store has, it is still answered in time.
    const PATIENCE: Duration = Duration::from_secs(1);
    /// The shortest time between two log lines about refusals.
    const PAUSE: Duration = Duration::from_secs(1);

    pub(super) fn new(bounds: Bounds, metrics: LaneMetrics, clock: Arc<dyn Clock>) -> Self {
        Self {
            places: Semaphore::new(bounds.requests),
            queue: Semaphore::new(bounds.waiting),
            bounds,
            metrics,
            clock,
            news: Mutex::default(),
        }
    }

    /// Takes a place, waits for one, or refuses.
    pub(super) async fn place(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let (kind, most) = (self.metrics.kind(), self.bounds.waiting);
        let Some(_waiting) = self.wait() else {
            return Err(self.refuse(format!("{most} {kind} wait for it already")));
        };
        match timeout(Self::PATIENCE, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(self.refuse(format!("other {kind} keep it from this one"))),
        }
    }

    fn wait(&self) -> Option<Waiting<'_>> {
        let waiting = Waiting(self.queue.try_acquire().ok()?, &self.metrics);
        self.metrics.waiting.inc();
        Some(waiting)
    }

    fn refuse(&self, what: String) -> StoreError {
        self.metrics.refused.inc();
        if let Some(requests) = self.news_due() {
            let (kind, most) = (self.metrics.kind(), self.bounds.requests);
            warn!(
                kind,
                requests,
                most,
                "refused, for the store has as much to do as it may: see STORE_MAX_REQUESTS"
            );
        }
        StoreError::Busy { what }
    }

    /// Counts one more refusal; returns how many there were since the last time, if it is time to tell.
    fn news_due(&self) -> Option<u64> {
        let now = self.clock.monotonic();
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        news.refused += 1;
        if now < news.due {
            return None;
        }
        news.due = now + Self::PAUSE;
        Some(std::mem::take(&mut news.refused))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.1.waiting.dec();
    }
}

#[cfg(test)]
mod tests {
    use discovery_testkit::ManualClock;

    use super::*;
    use crate::bounded::metrics::{BoundsMetrics, Kind};

    #[test]
    fn refusals_are_told_once_a_second_with_their_number() {
        let clock = ManualClock::new();
        let metrics = BoundsMetrics::default().of(Kind::Lists);
        let bounds = Bounds {
            requests: 1,
            waiting: 0,
        };
        let lane = Lane::new(bounds, metrics, clock.clone());
        let told = |count: usize| {
            (0..count)
                .filter_map(|_| lane.news_due())
                .collect::<Vec<_>>()
        };
        assert_eq!(told(1000), [1]);
        clock.advance(Duration::from_millis(999));
        assert!(told(1).is_empty());
        clock.advance(Duration::from_millis(1));
        assert_eq!(told(10), [1001]);
        clock.advance(Duration::from_mins(1));
        assert_eq!(told(1), [10]);
    }
}
