//! Lists kept by this node in front of a store that is asked over a network.

mod entry;
mod metrics;
mod outage;
mod port;
mod saved;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use discovery_domain::{
    Change, Clock, HostKey, HostRepository, LeaseClock, LeaseInstant, Reading, Row, ServiceName,
    ServiceRepoName, StoreError,
};
use mini_moka::sync::{Cache, ConcurrentCacheExt};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use entry::{Entry, Flight, ReadAt};
pub use metrics::CacheMetrics;
use outage::Outage;
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

/// Whether the store answers reads, of services and of repos apart: a store may fail to answer from one index alone.
#[derive(Default)]
struct Outages {
    of_services: Outage,
    of_repos: Outage,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Service(ServiceName),
    Repo(ServiceRepoName),
}

impl Cached {
    /// The longest a read waits for the store while an older list could be served.
    const PATIENCE: Duration = Duration::from_millis(300);
    /// The pause between two attempts to read from a failing store.
    const PROBE_PAUSE: Duration = Duration::from_millis(500);

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
        let Outages {
            of_services,
            of_repos,
        } = &self.0.outages;
        of_services.reason().or_else(|| of_repos.reason())
    }

    /// Shows in the metrics how many lists are kept.
    pub fn observe(&self) {
        // What was put in or has gone since is counted only now.
        self.0.lists.sync();
        let lists = i64::try_from(self.0.lists.entry_count());
        self.0.metrics.lists.set(lists.unwrap_or(i64::MAX));
    }

    /// Takes in that another node has changed a service: its list, and those of the repos whose hosts are on it, are
    /// read again before they are served (liveness rule 16).
    pub fn changed_elsewhere(&self, service: &ServiceName) {
        let now = self.0.lease.instant();
        let entry = self.0.entry(&Key::Service(service.clone()));
        entry.outdated(now);
        let repos = entry.repos().into_iter().map(Key::Repo);
        for entry in repos.filter_map(|repo| self.0.lists.get(&repo)) {
            entry.outdated(now);
        }
    }

    /// Takes in that other nodes have changed services, and that nobody knows which.
    pub fn anything_changed_elsewhere(&self) {
        let now = self.0.lease.instant();
        for entry in &self.0.lists {
            entry.value().outdated(now);
        }
    }

    async fn read(&self, key: Key, not_before: LeaseInstant) -> Result<Reading, StoreError> {
        let entry = self.0.entry(&key);
        let not_before = not_before.max(entry.outdated_at());
        let (came, mut is_first_load) = (self.0.clock.monotonic(), true);
        loop {
            if let Some(reading) = self.hit(&entry, not_before) {
                return Ok(reading);
            }
            if let Some(reason) = self.0.outages.of(&key).reason() {
                return entry.last_known().ok_or(reason);
            }
            let flight = entry.flight(|| self.load(key.clone(), Arc::clone(&entry), not_before));
            let began = flight.began;
            let waited = self.0.clock.monotonic().saturating_sub(came);
            let patience = Self::PATIENCE.saturating_sub(waited);
            match Self::landing(&entry, flight, patience).await {
                Some(Ok(())) if began < not_before => is_first_load = false,
                Some(Ok(())) => return entry.last_read().ok_or_else(abandoned),
                Some(Err(error)) => return entry.last_known().ok_or(error),
                None => {
                    let overdue = overdue();
                    // One that began while this reader waited for another has not had its time yet.
                    if is_first_load {
                        self.fails(&key, &overdue);
                    }
                    return entry.last_known().ok_or(overdue);
                }
            }
        }
    }

    /// A list that is served without asking the store.
    fn hit(&self, entry: &Entry, not_before: LeaseInstant) -> Option<Reading> {
        let reading = entry.fresh(|read| self.0.is_fresh(read, not_before))?;
        self.0.metrics.hits.inc();
        Some(reading)
    }

    /// Waits for a load: with patience where an older list could be served instead, else for as long as it takes. `None`
    /// where the patience has ended.
    async fn landing(
        entry: &Entry,
        mut flight: Flight,
        patience: Duration,
    ) -> Option<Result<(), StoreError>> {
        let landing = flight.ended.wait_for(Option::is_some);
        let ended = if entry.last_known().is_none() {
            landing.await
        } else {
            timeout(patience, landing).await.ok()?
        };
        Some(match ended {
            Ok(ended) => ended.clone().unwrap_or(Ok(())),
            Err(_) => Err(abandoned()),
        })
    }

    /// Starts a load that ends whether or not anybody still waits for it.
    fn load(&self, key: Key, entry: Arc<Entry>, not_before: LeaseInstant) -> Flight {
        let (end, ended) = watch::channel(None);
        let (cached, began) = (self.clone(), self.0.lease.instant());
        self.0.metrics.loads.inc();
        tokio::spawn(async move {
            let outcome = cached.0.load(&key, &entry, not_before).await;
            match &outcome {
                Ok(()) => cached.recovers(&key),
                Err(error) => {
                    entry.failed();
                    if matches!(error, StoreError::Unavailable { .. }) {
                        cached.fails(&key, error);
                    }
                }
            }
            end.send_replace(Some(outcome));
        });
        Flight { began, ended }
    }

    /// Has reads not wait for the store any more, until the probe gets an answer.
    fn fails(&self, key: &Key, error: &StoreError) {
        if self.0.outages.of(key).begins(error) {
            warn!(
                error = error as &dyn std::error::Error,
                of = key.kind(),
                "the store fails to answer reads: the last known lists are served"
            );
            tokio::spawn(self.clone().probe(key.clone()));
        }
    }

    fn recovers(&self, key: &Key) {
        if self.0.outages.of(key).ends() {
            info!(of = key.kind(), "the store answers reads again");
        }
    }

    /// Reads lists until the store answers: the one probe that decides for all readers. The first is the one that
    /// could not be read, then any that is known, for that one may be all that can't.
    async fn probe(self, failed: Key) {
        let (outage, mut key) = (self.0.outages.of(&failed), failed.clone());
        while outage.is_on() {
            sleep(Self::PROBE_PAUSE).await;
            let entry = self.0.entry(&key);
            let mut flight = entry
                .flight(|| self.load(key.clone(), Arc::clone(&entry), LeaseInstant::DISTANT_PAST));
            // The outcome is in the switch already; a load that was lost is tried again.
            let _ = flight.ended.wait_for(Option::is_some).await;
            key = self.0.any_like(&failed);
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

impl Outages {
    fn of(&self, key: &Key) -> &Outage {
        match key {
            Key::Service(_) => &self.of_services,
            Key::Repo(_) => &self.of_repos,
        }
    }
}

fn overdue() -> StoreError {
    unavailable("it did not answer a read within 300 ms")
}

fn abandoned() -> StoreError {
    unavailable("the read was abandoned")
}

fn unavailable(what: &str) -> StoreError {
    StoreError::Unavailable {
        what: what.into(),
        source: None,
    }
}

impl Shared {
    fn is_fresh(&self, read: &ReadAt, not_before: LeaseInstant) -> bool {
        read.lease >= not_before && self.clock.monotonic().saturating_sub(read.monotonic) < self.ttl
    }

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

    /// The key of any list of that kind.
    fn any_like(&self, key: &Key) -> Key {
        let keys = self.lists.iter().map(|entry| entry.key().clone());
        let alike = keys.filter(|other| other.kind() == key.kind());
        fastrand::choice(alike.collect::<Vec<_>>()).unwrap_or_else(|| key.clone())
    }

    async fn load(
        &self,
        key: &Key,
        entry: &Arc<Entry>,
        not_before: LeaseInstant,
    ) -> Result<(), StoreError> {
        let (monotonic, wall) = (self.clock.monotonic(), self.clock.wall());
        let reading = match key {
            Key::Service(service) => self.inner.hosts_of(service, not_before).await?,
            Key::Repo(repo) => self.inner.hosts_of_repo(repo, not_before).await?,
        };
        let lease = reading.as_of.min(self.lease.instant());
        entry.landed(
            reading.list.rows(),
            ReadAt {
                lease,
                monotonic,
                wall,
                doubted: false,
            },
        );
        self.lists.insert(key.clone(), Arc::clone(entry));
        Ok(())
    }

    /// Shows a stored row on every list it is on, and takes it off the one it has left.
    fn stored(&self, change: &Change) {
        let (host, row) = (&change.row.host, Some(&change.row));
        let previous = change.previous.as_ref();
        let (stayed, moved) = match previous {
            Some(old) if old.host.service_repo_name != host.service_repo_name => (None, previous),
            _ => (previous, None),
        };
        self.wrote(
            &Key::Service(host.key.service().clone()),
            &host.key,
            previous,
            row,
        );
        self.wrote(
            &Key::Repo(host.service_repo_name.clone()),
            &host.key,
            stayed,
            row,
        );
        if let Some(moved) = moved {
            self.wrote(
                &Key::Repo(moved.host.service_repo_name.clone()),
                &host.key,
                Some(moved),
                None,
            );
        }
    }

    /// Takes a host off its lists.
    fn removed(&self, key: &HostKey, row: Option<&Row>) {
        let service = Key::Service(key.service().clone());
        let shown = self.lists.get(&service).and_then(|entry| entry.row(key));
        if let Some(row) = row.or(shown.as_ref()) {
            let repo = Key::Repo(row.host.service_repo_name.clone());
            self.wrote(&repo, key, Some(row), None);
        }
        self.wrote(&service, key, row, None);
    }

    fn wrote(&self, list: &Key, key: &HostKey, before: Option<&Row>, after: Option<&Row>) {
        if let Some(entry) = self.lists.get(list) {
            entry.wrote(key, before, after);
        }
    }

    /// Has the lists that may show a host read again: a write of it ended without saying whether it was done.
    fn doubt(&self, service: &ServiceName, repos: impl IntoIterator<Item = ServiceRepoName>) {
        let lists = repos
            .into_iter()
            .map(Key::Repo)
            .chain([Key::Service(service.clone())]);
        lists
            .filter_map(|list| self.lists.get(&list))
            .for_each(|entry| entry.doubt());
    }
}
