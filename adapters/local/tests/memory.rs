//! The storage contract on the store in memory, plain and behind its counters.

use std::sync::Arc;

use discovery_domain::LeaseClock;
use discovery_local::InMemoryHostRepository;
use discovery_testkit::{ManualClock, Store, local_storage_contract, storage_contract};

async fn in_memory() -> Store {
    let clock = ManualClock::new();
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    Store::new(Arc::new(InMemoryHostRepository::new()), lease, clock)
}

storage_contract!(in_memory);
local_storage_contract!(in_memory);

mod metered {
    use std::sync::Arc;

    use discovery_domain::{Clock, HostRepository, LeaseClock};
    use discovery_local::{InMemoryHostRepository, Metered, StoreMetrics};
    use discovery_testkit::{ManualClock, Store, storage_contract};
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    /// A store behind counters, and what they show.
    fn counted(clock: &Arc<ManualClock>) -> (Arc<Metered>, Registry) {
        let mut registry = Registry::default();
        let metrics = StoreMetrics::registered(&mut registry);
        let inner = Arc::new(InMemoryHostRepository::new());
        let clock: Arc<dyn Clock> = clock.clone();
        (Arc::new(Metered::new(inner, metrics, clock)), registry)
    }

    async fn metered() -> Store {
        let clock = ManualClock::new();
        let lease = Arc::new(LeaseClock::new(clock.clone()));
        Store::new(counted(&clock).0, lease, clock)
    }

    storage_contract!(metered);

    #[tokio::test]
    async fn every_call_is_counted_and_timed_under_the_name_of_its_operation() {
        let clock = ManualClock::new();
        let lease = Arc::new(LeaseClock::new(clock.clone()));
        let (repository, registry) = counted(&clock);
        let store = Store::new(repository.clone(), lease, clock);
        store.register("web", "10.0.0.1").await;
        store.register("web", "10.0.0.2").await;
        store.rows_of("web").await;
        repository
            .services()
            .await
            .expect("a store in memory answers");
        let mut shown = String::new();
        encode(&mut shown, &registry).expect("a string takes whatever is written");
        for line in [
            "discovery_store_requests_total{operation=\"check_in\"} 2",
            "discovery_store_requests_total{operation=\"hosts_of\"} 1",
            "discovery_store_requests_total{operation=\"services\"} 1",
            "discovery_store_requests_total{operation=\"delete\"} 0",
            "discovery_store_errors_total{operation=\"check_in\"} 0",
            "discovery_store_latency_seconds_count{operation=\"check_in\"} 2",
        ] {
            assert!(shown.contains(line), "{line} in {shown}");
        }
    }
}
