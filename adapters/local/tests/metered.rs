//! Counters around a store: they change nothing, and count what is asked and how it is answered.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Clock, LeaseClock};
use discovery_local::{InMemoryHostRepository, Metered, StoreMetrics};
use discovery_testkit::{Fault, Faulty, ManualClock, Store, storage_contract};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// A store behind counters, with all that a test needs of it.
struct Rig {
    store: Store,
    faulty: Arc<Faulty>,
    registry: Registry,
}

fn rig() -> Rig {
    let clock = ManualClock::new();
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    let faulty = Faulty::new(Arc::new(InMemoryHostRepository::new()));
    let mut registry = Registry::default();
    let metrics = StoreMetrics::registered(&mut registry);
    let by: Arc<dyn Clock> = clock.clone();
    let metered = Metered::new(faulty.clone(), metrics, by);
    Rig {
        store: Store::new(Arc::new(metered), lease, clock),
        faulty,
        registry,
    }
}

impl Rig {
    fn assert_shown(&self, lines: &[&str]) {
        let mut shown = String::new();
        encode(&mut shown, &self.registry).expect("a string takes whatever is written");
        for line in lines {
            assert!(
                shown.lines().any(|shown| shown == *line),
                "{line} in {shown}"
            );
        }
    }
}

async fn metered() -> Store {
    rig().store
}

storage_contract!(metered);

#[tokio::test]
async fn every_call_is_counted_under_the_name_of_its_operation() {
    let rig = rig();
    rig.store.register("web", "10.0.0.1").await;
    rig.store.register("web", "10.0.0.2").await;
    rig.store.rows_of("web").await;
    let services = rig.store.repository.services().await;
    services.expect("a store in memory answers");
    rig.assert_shown(&[
        r#"discovery_store_requests_total{operation="check_in"} 2"#,
        r#"discovery_store_requests_total{operation="hosts_of"} 1"#,
        r#"discovery_store_requests_total{operation="services"} 1"#,
        r#"discovery_store_requests_total{operation="delete"} 0"#,
        r#"discovery_store_errors_total{operation="check_in"} 0"#,
    ]);
}

#[tokio::test]
async fn a_call_that_the_store_fails_is_counted_as_an_error_too() {
    let rig = rig();
    let check_in = rig.store.check_in("web", "10.0.0.1");
    rig.faulty.set(Fault::Refuse);
    let refused = rig.store.repository.check_in(check_in).await;
    refused.expect_err("the store refuses");
    rig.assert_shown(&[
        r#"discovery_store_requests_total{operation="check_in"} 1"#,
        r#"discovery_store_errors_total{operation="check_in"} 1"#,
    ]);
}

#[tokio::test]
async fn a_call_is_timed_from_its_start_to_its_answer() {
    let rig = rig();
    rig.faulty.set(Fault::Hang);
    let proof = rig.store.repository.prove(rig.store.lease.now().wall);
    let answer = async {
        tokio::task::yield_now().await;
        rig.store.clock.advance(Duration::from_secs(2));
        rig.faulty.set(Fault::None);
    };
    let (proof, ()) = tokio::join!(proof, answer);
    proof.expect("the store is mended");
    rig.assert_shown(&[
        r#"discovery_store_latency_seconds_sum{operation="prove"} 2.0"#,
        r#"discovery_store_latency_seconds_count{operation="prove"} 1"#,
    ]);
}
