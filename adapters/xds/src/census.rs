//! Finds out which services there are: all of them now and then, new ones at once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use discovery_domain::{LeaseInstant, Registry, ServiceName};
use futures_util::stream::{self, StreamExt};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::catalogue::Catalogue;
use crate::feed::{Feed, GATHERING, READERS};
use crate::metrics::XdsMetrics;
use crate::resources::Resources;

/// Keeps the catalogue and has clusters made of it.
pub(crate) struct Census {
    registry: Arc<Registry>,
    resources: Arc<Resources>,
    feed: Arc<Feed>,
    catalogue: Mutex<Catalogue>,
    /// Services that have changed and are not in the catalogue, or missing from the store as far as it knows.
    strangers: Mutex<BTreeSet<ServiceName>>,
    stranger_came: Notify,
    missed: Notify,
    pace: Pace,
    metrics: XdsMetrics,
}

/// When services are looked for, and how long they are remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// After how long all services are named again.
    pub(crate) scan: Duration,
    /// How long a service without rows stays in the catalogue.
    pub(crate) retention: Duration,
}

impl Census {
    /// The pause after a scan that failed.
    const RETRY: Duration = Duration::from_secs(5);
    /// The shortest pause after one that did not: a scan of a large table costs something.
    const REST: Duration = Duration::from_mins(1);

    /// A census that has not begun.
    pub(crate) fn new(
        registry: Arc<Registry>,
        resources: Arc<Resources>,
        feed: Arc<Feed>,
        pace: Pace,
        metrics: XdsMetrics,
    ) -> Self {
        Self {
            registry,
            resources,
            feed,
            catalogue: Mutex::default(),
            strangers: Mutex::default(),
            stranger_came: Notify::new(),
            missed: Notify::new(),
            pace,
            metrics,
        }
    }

    /// Takes in that a service has changed: it may be a new one.
    pub(crate) fn changed(&self, service: &ServiceName) {
        if !self.catalogue().finds(service) {
            self.strangers().insert(service.clone());
            self.stranger_came.notify_one();
        }
    }

    /// Takes in that any service may have changed.
    pub(crate) fn missed_changes(&self) {
        self.missed.notify_one();
    }

    /// Keeps the catalogue for ever.
    pub(crate) async fn keep(&self) {
        tokio::join!(self.keep_scanning(), self.keep_meeting());
    }

    async fn keep_scanning(&self) {
        let mut failing = false;
        loop {
            if !self.scan(&mut failing).await {
                sleep(Self::RETRY).await;
                continue;
            }
            let rest = Self::REST.min(self.pace.scan);
            sleep(rest).await;
            tokio::select! {
                () = sleep(self.pace.scan.saturating_sub(rest)) => {}
                () = self.missed.notified() => {}
            }
        }
    }

    /// Has the store name all services; tells whether it did.
    async fn scan(&self, failing: &mut bool) -> bool {
        let services = match self.registry.watch_all().await {
            Ok(services) => services,
            Err(error) => {
                if !std::mem::replace(failing, true) {
                    let error = &error as &dyn std::error::Error;
                    warn!(error, "services can't be looked for, those known stay");
                }
                return false;
            }
        };
        *failing = false;
        let now = self.registry.lease().instant();
        let mut catalogue = self.catalogue();
        if catalogue.scanned(&services, now, self.pace.retention) {
            self.publish(&catalogue);
        }
        self.feed.forget_all_but(|service| catalogue.has(service));
        true
    }

    /// Adds new services as they come.
    async fn keep_meeting(&self) {
        loop {
            self.stranger_came.notified().await;
            sleep(GATHERING).await;
            while !self.meet_strangers().await {
                sleep(Self::RETRY).await;
            }
        }
    }

    /// Adds those strangers that have hosts by now; tells whether all could be read. The others stay strangers.
    async fn meet_strangers(&self) -> bool {
        let strangers = std::mem::take(&mut *self.strangers());
        let now = self.registry.lease().instant();
        let read = async |service| (self.has_hosts_since(now, &service).await, service);
        let read = stream::iter(strangers).map(read).buffer_unordered(READERS);
        let answers: Vec<_> = read.collect().await;
        let mut catalogue = self.catalogue();
        let (mut changed, mut all_read) = (false, true);
        for (has_hosts, service) in answers {
            match has_hosts {
                Some(true) => changed |= catalogue.meets(&service),
                Some(false) => {}
                None => {
                    all_read = false;
                    self.strangers().insert(service);
                }
            }
        }
        if changed {
            self.publish(&catalogue);
        }
        all_read
    }

    /// Whether a service has hosts, as the store has it at a moment or later; None where it can't be asked. What was
    /// read before says nothing of one that another node has just announced.
    async fn has_hosts_since(&self, moment: LeaseInstant, service: &ServiceName) -> Option<bool> {
        let answer = self.registry.hosts_of_since(service, moment).await.ok()?;
        let is_fresh = answer.stale.is_none();
        is_fresh.then(|| !answer.listing.listed.is_empty())
    }

    fn publish(&self, catalogue: &Catalogue) {
        let Some(services) = catalogue.services() else {
            return;
        };
        debug!(services = services.len(), "the catalogue changed");
        self.metrics
            .clusters
            .set(i64::try_from(services.len()).unwrap_or(i64::MAX));
        self.resources.publish_catalogue(services);
    }

    fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        self.catalogue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn strangers(&self) -> MutexGuard<'_, BTreeSet<ServiceName>> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use discovery_domain::{HostRepository, LeaseClock, Liveness};
    use discovery_local::{
        CacheMetrics, CacheSettings, Cached, InMemoryHostRepository, SystemClock,
    };
    use discovery_testkit::hosts::{HOST_TTL, check_in, registration, service};
    use discovery_testkit::{Fault, Faulty};
    use tokio::time::timeout;

    use super::*;
    use crate::cluster::ClusterTemplate;

    /// A census of a store from which a node caches what it reads.
    struct Node {
        census: Census,
        store: Arc<Faulty>,
        lease: Arc<LeaseClock>,
    }

    impl Node {
        fn new() -> Self {
            let clock = Arc::new(SystemClock::new());
            let lease = Arc::new(LeaseClock::new(clock.clone()));
            let store = Faulty::new(Arc::new(InMemoryHostRepository::new()));
            let caching = CacheSettings {
                ttl: Duration::from_hours(1),
                max_rows: 100,
            };
            let metrics = CacheMetrics::default();
            let cached = Cached::new(store.clone(), caching, lease.clone(), clock, metrics);
            let liveness = Liveness {
                host_ttl: HOST_TTL,
                guard_minimum_live: 0.0,
            };
            let registry = Registry::new(Arc::new(cached), lease.clone(), liveness);
            let census = census(Arc::new(registry));
            Self {
                census,
                store,
                lease,
            }
        }

        /// Has another node register the first host of a service that this one has read to have none.
        async fn register_elsewhere(&self) {
            let users = service("users");
            let none = self.census.registry.hosts_of(&users).await.unwrap();
            assert!(none.listing.listed.is_empty());
            let check_in = check_in(registration("users", "10.0.0.1"), self.lease.now());
            self.store.check_in(check_in).await.unwrap();
        }
    }

    fn census(registry: Arc<Registry>) -> Census {
        let metrics = XdsMetrics::default();
        let resources = Arc::new(Resources::new(ClusterTemplate::default(), usize::MAX));
        let feed = Feed::new(
            Arc::clone(&registry),
            Arc::clone(&resources),
            Duration::from_hours(1),
            metrics.clone(),
        );
        let pace = Pace {
            scan: Duration::from_hours(1),
            retention: Duration::from_hours(1),
        };
        Census::new(registry, resources, Arc::new(feed), pace, metrics)
    }

    #[tokio::test]
    async fn a_service_that_another_node_announces_is_met_whatever_was_read_of_it_before() {
        let node = Node::new();
        node.register_elsewhere().await;
        node.census.changed(&service("users"));
        assert!(node.census.meet_strangers().await);
        assert!(node.census.catalogue().finds(&service("users")));
    }

    #[tokio::test]
    async fn a_service_that_is_announced_while_the_store_is_down_is_met_once_it_is_back() {
        let node = Node::new();
        node.register_elsewhere().await;
        node.store.set(Fault::Refuse);
        node.census.changed(&service("users"));
        assert!(!node.census.meet_strangers().await);
        node.store.set(Fault::None);
        let met = async {
            while !node.census.meet_strangers().await {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(20), met).await.unwrap();
        assert!(node.census.catalogue().finds(&service("users")));
    }
}
