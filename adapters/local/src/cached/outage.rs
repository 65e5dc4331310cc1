//! Whether the store answers reads at the moment.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use discovery_domain::{LeaseInstant, StoreError};
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Cached, Key, Shared};

/// Whether the store answers reads, of services and of repos apart: a store may fail to answer from one index alone.
#[derive(Default)]
pub(super) struct Outages {
    of_services: Outage,
    of_repos: Outage,
}

/// How a read went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symptom {
    /// The store refused it.
    Failed,
    /// The store has said nothing so far: perhaps it is only late, with one long list alone.
    Late,
}

/// A switch that one failed read throws and one successful read throws back.
#[derive(Default)]
pub(super) struct Outage {
    failing: AtomicBool,
    reason: Mutex<Option<StoreError>>,
    /// Whether the last symptom was a late read.
    is_late: AtomicBool,
    /// Whether it has lasted long enough to be told of.
    is_told: AtomicBool,
    /// How many reads were successful so far.
    landed: AtomicU64,
}

impl Outage {
    /// Whether reads should not wait for the store.
    fn is_on(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Why the store is taken for failing, while it is.
    pub(super) fn reason(&self) -> Option<StoreError> {
        let reason = || self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_on().then(|| reason().clone()).flatten()
    }

    /// Whether it is on only because the store is late.
    pub(super) fn is_late(&self) -> bool {
        self.is_on() && self.is_late.load(Ordering::Relaxed)
    }

    /// How many reads were successful so far.
    pub(super) fn landed(&self) -> u64 {
        self.landed.load(Ordering::Relaxed)
    }

    /// Notes a failed or overdue read; tells whether that is news.
    fn begins(&self, reason: &StoreError, symptom: Symptom) -> bool {
        self.is_late
            .store(symptom == Symptom::Late, Ordering::Relaxed);
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
        let is_news = !self.failing.swap(true, Ordering::Relaxed);
        if is_news {
            self.is_told.store(false, Ordering::Relaxed);
        }
        is_news
    }

    /// Why it still lasts, if nobody has been told of it.
    fn lasts(&self) -> Option<StoreError> {
        let reason = self.reason()?;
        (!self.is_told.swap(true, Ordering::Relaxed)).then_some(reason)
    }

    /// Notes a successful read; tells whether that is news.
    fn ends(&self) -> bool {
        self.landed.fetch_add(1, Ordering::Relaxed);
        self.failing.swap(false, Ordering::Relaxed) && self.is_told.swap(false, Ordering::Relaxed)
    }
}

impl Outages {
    pub(super) fn of(&self, key: &Key) -> &Outage {
        match key {
            Key::Service(_) => &self.of_services,
            Key::Repo(_) => &self.of_repos,
        }
    }

    pub(super) fn reason(&self) -> Option<StoreError> {
        self.of_services.reason().or_else(|| self.of_repos.reason())
    }
}

impl Cached {
    /// The pause between two attempts to read from a failing store.
    const PROBE_PAUSE: Duration = Duration::from_millis(500);

    /// Has reads not wait for the store any more, until the probe gets an answer.
    pub(super) fn fails(&self, key: &Key, error: &StoreError, symptom: Symptom) {
        if self.0.outages.of(key).begins(error, symptom) {
            tokio::spawn(self.clone().probe(key.clone()));
        }
    }

    pub(super) fn recovers(&self, key: &Key) {
        if self.0.outages.of(key).ends() {
            info!(lists = key.kind(), "the store answers reads again");
        }
    }

    /// Reads lists until the store answers: the one probe that decides for all readers. The first is the one that
    /// could not be read, then any that is known, for that one may be all that can't. An outage that is over at once, as
    /// of a store that is a little late now and then, is not told of.
    async fn probe(self, failed: Key) {
        let (outage, mut key) = (self.0.outages.of(&failed), failed.clone());
        while outage.is_on() {
            sleep(Self::PROBE_PAUSE).await;
            if let Some(error) = outage.lasts() {
                warn!(
                    error = &error as &dyn std::error::Error,
                    lists = failed.kind(),
                    "the store fails to answer reads: the last known lists are served, where there are any"
                );
            }
            let entry = self.0.entry(&key);
            let mut flight = entry
                .flight(|| self.load(key.clone(), Arc::clone(&entry), LeaseInstant::DISTANT_PAST));
            // The outcome is in the switch already; a load that was lost is tried again.
            let _ = flight.ended.wait_for(Option::is_some).await;
            key = self.0.any_like(&failed);
        }
    }
}

impl Shared {
    /// The key of any list of that kind.
    fn any_like(&self, key: &Key) -> Key {
        let keys = self.lists.iter().map(|entry| entry.key().clone());
        let alike = keys.filter(|other| other.kind() == key.kind());
        fastrand::choice(alike.collect::<Vec<_>>()).unwrap_or_else(|| key.clone())
    }
}
