//! How many writes heartbeats cost on DynamoDB, which bills them: counted on their way to an emulated table while a
//! clock is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Clock, HostRepository, LeaseClock, Liveness, Registry};
use discovery_dynamodb::{DynamoDbHostRepository, DynamoDbSettings};
use discovery_local::HeldBack;
use discovery_testkit::emulator::Emulator;
use discovery_testkit::proxy::Proxy;
use discovery_testkit::{ManualClock, hosts};

const HOSTS: usize = 5;
const MINUTES: usize = 60;
const INTERVAL: Duration = Duration::from_secs(200);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_beat_a_minute_costs_a_write_and_held_back_for_200_s_a_third_of_one_at_most() {
    let beats = HOSTS * MINUTES;
    assert_eq!(writes(None).await, beats);
    let writes = writes(Some(INTERVAL)).await;
    assert!(
        writes * 100 <= beats * 34,
        "{writes} writes for {beats} beats"
    );
    assert!(
        writes * 100 >= beats * 28,
        "{writes} writes for {beats} beats can't be one of each host in 200 s"
    );
}

/// How many writes an hour of a beat a minute takes after the hosts have registered.
async fn writes(interval: Option<Duration>) -> usize {
    let (emulator, clock) = (Emulator::start().await, ManualClock::new());
    emulator.create_table("hosts").await;
    let proxy = Proxy::start(emulator.url()).await;
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    let table = Arc::new(table(&proxy, &lease).await);
    let as_clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let held_back = interval.map(|interval| {
        let table = Arc::clone(&table);
        Arc::new(HeldBack::new(table, interval, as_clock))
    });
    let store: Arc<dyn HostRepository> = match &held_back {
        Some(held_back) => held_back.clone(),
        None => table,
    };
    let liveness = Liveness {
        host_ttl: Duration::from_mins(10),
        guard_minimum_live: 0.5,
    };
    let registry = Registry::new(store, lease, liveness);
    beat(&registry).await;
    proxy.reset_counts();
    for second in 1..=MINUTES * 60 {
        clock.advance_proving(registry.lease(), SECOND);
        if let Some(held_back) = &held_back {
            held_back.store_due().await.expect("the table answers");
        }
        if second % 60 == 0 {
            beat(&registry).await;
        }
    }
    let writes = ["PutItem", "UpdateItem", "DeleteItem"];
    writes.iter().map(|operation| proxy.count(operation)).sum()
}

async fn table(proxy: &Proxy, lease: &Arc<LeaseClock>) -> DynamoDbHostRepository {
    let settings = DynamoDbSettings {
        table: "hosts".into(),
        url: Some(proxy.url().into()),
        create_table: false,
        connection_pool_size: 10,
    };
    let metrics = &mut prometheus_client::registry::Registry::default();
    DynamoDbHostRepository::open(settings, Arc::clone(lease), metrics).await
}

/// Has every host check in.
async fn beat(registry: &Registry) {
    for host in 0..HOSTS {
        let registration = hosts::registration("web", &format!("10.0.0.{host}"));
        let checked_in = registry.register(registration).await;
        checked_in.expect("the table takes it");
    }
}
