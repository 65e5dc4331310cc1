use discovery_domain::{HostRepository, LeaseClock, Liveness};
use discovery_local::{CacheMetrics, CacheSettings, Cached, InMemoryHostRepository, SystemClock};
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
    node.census.changed(&service("users"), Origin::Elsewhere);
    assert!(node.census.meet_strangers().await);
    assert!(node.census.catalogue().finds(&service("users")));
}

#[tokio::test]
async fn a_service_that_is_announced_while_the_store_is_down_is_met_once_it_is_back() {
    let node = Node::new();
    node.register_elsewhere().await;
    node.store.set(Fault::Refuse);
    node.census.changed(&service("users"), Origin::Elsewhere);
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
