//! Lists kept by this node in front of a store that is asked over a network.

mod entry;
mod metrics;
mod outage;
mod port;
mod read;
mod saved;
mod shown;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use discovery_domain::{
    Clock, HostRepository, LeaseClock, ServiceName, ServiceRepoName, StoreError,
};
use mini_moka::sync::{Cache, ConcurrentCacheExt};

use entry::Entry;
pub use metrics::CacheMetrics;
use outage::Outages;
pub use saved::{LoadError, Loaded};

/// What a cache may keep, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct CacheSettings {
    /// How long a list is served without asking the store; zero asks at every read.
    pub ttl: Duration,
    /// The most rows kept, over all lists.
    pub max_rows: u64,
}

/// A store whose lists this node keeps: fresh ones are served without asking, one load serves however many readers,
/// this node's writes show at once (liveness rules 5 and 6), and while the store fails the last list stands (rule 7).
#[derive(Clone)]
pub struct Cached(Arc<Shared>);

struct Shared {
    inner: Arc<dyn HostRepository>,
    lists: Cache<Key, Arc<Entry>>,
    /// Held while an entry is made, so that all readers who miss together find the same one.
    making: [Mutex<()>; 64],
    hasher: RandomState,
    ttl: Duration,
    lease: Arc<LeaseClock>,
    clock: Arc<dyn Clock>,
    outages: Outages,
    metrics: CacheMetrics,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Service(ServiceName),
    Repo(ServiceRepoName),
}

impl Cached {
    /// Puts a cache in front of a store.
    pub fn new(
        inner: Arc<dyn HostRepository>,
        settings: CacheSettings,
        lease: Arc<LeaseClock>,
        clock: Arc<dyn Clock>,
        metrics: CacheMetrics,
    ) -> Self {
        let weigh =
            |_: &Key, entry: &Arc<Entry>| u32::try_from(entry.len() + 1).unwrap_or(u32::MAX);
        Self(Arc::new(Shared {
            inner,
            lists: Cache::builder()
                .weigher(weigh)
                .max_capacity(settings.max_rows)
                .build(),
            making: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            ttl: settings.ttl,
            lease,
            clock,
            outages: Outages::default(),
            metrics,
        }))
    }

    /// Why the store is taken for failing to answer reads, while it is.
    pub fn outage(&self) -> Option<StoreError> {
        self.0.outages.reason()
    }

    /// Shows in the metrics how many lists are kept.
    pub fn observe(&self) {
        // What was put in or has gone since is counted only now.
        self.0.lists.sync();
        let lists = i64::try_from(self.0.lists.entry_count());
        self.0.metrics.lists.set(lists.unwrap_or(i64::MAX));
    }

    /// Takes in that another node has changed services: their lists are read again before they are served, and so is
    /// that of every repo, for who has joined which is not known (liveness rule 16).
    pub fn changed_elsewhere(&self, services: &BTreeSet<ServiceName>) {
        if services.is_empty() {
            return;
        }
        let now = self.0.lease.instant();
        for service in services {
            self.0.entry(&Key::Service(service.clone())).outdated(now);
        }
        let lists = self.0.lists.iter();
        for entry in lists.filter(|entry| matches!(entry.key(), Key::Repo(_))) {
            entry.value().outdated(now);
        }
    }

    /// Takes in that other nodes have changed services, and that nobody knows which.
    pub fn anything_changed_elsewhere(&self) {
        let now = self.0.lease.instant();
        for entry in &self.0.lists {
            entry.value().outdated(now);
        }
    }
}

impl Key {
    /// What it is a list of.
    fn kind(&self) -> &'static str {
        match self {
            Self::Service(_) => "services",
            Self::Repo(_) => "repos",
        }
    }
}

impl Shared {
    /// The entry of a key, made if there is none.
    fn entry(&self, key: &Key) -> Arc<Entry> {
        if let Some(entry) = self.lists.get(key) {
            return entry;
        }
        let stripe =
            usize::try_from(self.hasher.hash_one(key) % 64).expect("a number below 64 fits");
        let _making = self.making[stripe]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.lists.get(key).unwrap_or_else(|| {
            let entry = Arc::new(Entry::default());
            self.lists.insert(key.clone(), Arc::clone(&entry));
            entry
        })
    }
}
