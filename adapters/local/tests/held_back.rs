//! Heartbeats that are held back: what they save, and what they must never do.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{HostRepository, LeaseClock};
use discovery_local::{HeldBack, InMemoryHostRepository};
use discovery_testkit::{Fault, Faulty, ManualClock, Store, hosts, storage_contract};

const INTERVAL: Duration = Duration::from_secs(200);

struct Rig {
    /// The store as hosts see it.
    store: Store,
    /// What is stored behind it, as another node sees it.
    behind: Arc<InMemoryHostRepository>,
    held_back: Arc<HeldBack>,
}

fn rig() -> Rig {
    let clock = ManualClock::new();
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    let behind = Arc::new(InMemoryHostRepository::new());
    let held_back = Arc::new(HeldBack::new(behind.clone(), INTERVAL, clock.clone()));
    let store = Store::new(held_back.clone(), lease, clock);
    Rig {
        store,
        behind,
        held_back,
    }
}

async fn holding_store() -> Store {
    rig().store
}

mod contract {
    use super::*;
    storage_contract!(holding_store);
}

impl Rig {
    /// The stored check-in of the one host, as seconds since `began`.
    async fn stored_at(&self, began: chrono::DateTime<chrono::Utc>) -> i64 {
        let row = self.behind.get(&hosts::key("web", "10.0.0.1")).await;
        let row = row.expect("memory answers").expect("the host is stored");
        (row.host.last_check_in - began).num_seconds()
    }

    async fn shown_at(&self, began: chrono::DateTime<chrono::Utc>) -> i64 {
        let row = self.store.rows_of("web").await.remove(0);
        (row.host.last_check_in - began).num_seconds()
    }
}

#[tokio::test]
async fn heartbeats_within_the_interval_are_shown_and_not_stored() {
    let rig = rig();
    let began = rig
        .store
        .register("web", "10.0.0.1")
        .await
        .host
        .last_check_in;
    for minute in 1..=3 {
        rig.store.pass(Duration::from_mins(1));
        rig.store.register("web", "10.0.0.1").await;
        rig.held_back.store_due().await.expect("memory answers");
        assert_eq!(rig.shown_at(began).await, 60 * minute);
        assert_eq!(rig.stored_at(began).await, 0);
    }
}

#[tokio::test]
async fn a_heartbeat_that_is_held_back_proves_nothing_of_the_store() {
    let rig = rig();
    for recorded in [true, false, false] {
        rig.store.pass(Duration::from_mins(1));
        let check_in = rig.store.check_in("web", "10.0.0.1");
        let change = rig.held_back.check_in(check_in).await;
        assert_eq!(change.expect("memory answers").recorded, recorded);
    }
}

#[tokio::test]
async fn what_cannot_be_stored_before_an_operators_change_stays_held_back() {
    let mut rig = rig();
    let faulty = Faulty::new(rig.behind.clone());
    let clock = rig.store.clock.clone();
    rig.held_back = Arc::new(HeldBack::new(faulty.clone(), INTERVAL, clock.clone()));
    rig.store = Store::new(rig.held_back.clone(), rig.store.lease.clone(), clock);
    let host = rig.store.register("web", "10.0.0.1").await.host;
    rig.store.pass(Duration::from_mins(1));
    rig.store.register("web", "10.0.0.1").await;
    faulty.set(Fault::Refuse);
    let weights = [hosts::weight(3), hosts::weight(4)];
    let one = rig.held_back.set_weight(&host.key, weights[0]).await;
    one.expect_err("the store is down");
    let all = rig
        .held_back
        .set_weight_of_service(host.key.service(), weights[1]);
    all.await.expect_err("the store is down");
    faulty.set(Fault::None);
    rig.held_back.store_all().await.expect("memory answers");
    assert_eq!(rig.stored_at(host.last_check_in).await, 60);
}

#[tokio::test]
async fn a_heartbeat_of_a_host_that_another_node_has_deleted_is_stored() {
    let rig = rig();
    for is_named in [true, false] {
        let host = rig.store.register("web", "10.0.0.1").await.host;
        rig.store.register("web", "10.0.0.2").await;
        rig.store.pass(Duration::from_mins(1));
        rig.store.register("web", "10.0.0.2").await;
        let removed = rig.behind.delete(&host.key).await;
        assert!(removed.expect("memory answers").is_some());
        if is_named {
            let services = ["api", "web"].map(hosts::service).into();
            rig.held_back.changed_elsewhere(&services).await;
        } else {
            rig.held_back.anything_changed_elsewhere().await;
        }
        rig.store.register("web", "10.0.0.1").await;
        let stored = rig.behind.get(&host.key).await.expect("memory answers");
        assert!(stored.is_some());
        let other = hosts::key("web", "10.0.0.2");
        let other = rig.behind.get(&other).await.expect("memory answers");
        let shown = rig.store.rows_of("web").await;
        assert!(shown[1].renewed > other.expect("it is there").renewed);
    }
}

#[tokio::test]
async fn after_the_interval_the_timer_stores_the_newest() {
    let rig = rig();
    let began = rig
        .store
        .register("web", "10.0.0.1")
        .await
        .host
        .last_check_in;
    for _ in 0..3 {
        rig.store.pass(Duration::from_mins(1));
        rig.store.register("web", "10.0.0.1").await;
    }
    rig.store.pass(Duration::from_secs(20));
    rig.held_back.store_due().await.expect("memory answers");
    assert_eq!(rig.stored_at(began).await, 180);
}

#[tokio::test]
async fn a_stop_stores_everything_that_is_held_back() {
    let rig = rig();
    let began = rig
        .store
        .register("web", "10.0.0.1")
        .await
        .host
        .last_check_in;
    rig.store.pass(Duration::from_mins(1));
    rig.store.register("web", "10.0.0.1").await;
    rig.held_back.store_all().await.expect("memory answers");
    assert_eq!(rig.stored_at(began).await, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_beside_a_delete_leaves_no_host_that_is_acknowledged_and_not_stored() {
    let rig = rig();
    let key = hosts::key("web", "10.0.0.1");
    for _ in 0..2_000 {
        let (held_back, check_in) = (
            Arc::clone(&rig.held_back),
            rig.store.check_in("web", "10.0.0.1"),
        );
        let beat = tokio::spawn(async move { held_back.check_in(check_in).await });
        rig.held_back.delete(&key).await.expect("memory answers");
        beat.await.expect("no panic").expect("memory answers");
        rig.store.register("web", "10.0.0.1").await;
        let stored = rig.behind.get(&key).await.expect("memory answers");
        assert!(stored.is_some(), "the host was acknowledged");
    }
}

#[tokio::test]
async fn a_heartbeat_that_changes_something_is_stored_at_once() {
    let rig = rig();
    rig.store.register("web", "10.0.0.1").await;
    let changed = rig
        .store
        .register_with("web", "10.0.0.1", hosts::tags_with("new", "1"))
        .await;
    let stored = rig
        .behind
        .get(&changed.host.key)
        .await
        .expect("memory answers");
    assert_eq!(stored.expect("the host is stored").host, changed.host);
}

#[tokio::test]
async fn a_host_that_another_node_deletes_is_not_recreated_by_what_is_held_back() {
    let rig = rig();
    let row = rig.store.register("web", "10.0.0.1").await;
    rig.store.pass(Duration::from_mins(1));
    rig.store.register("web", "10.0.0.1").await;
    rig.behind
        .delete(&row.host.key)
        .await
        .expect("memory answers");
    rig.held_back.store_all().await.expect("memory answers");
    assert!(
        rig.behind
            .get(&row.host.key)
            .await
            .expect("memory answers")
            .is_none()
    );
    assert!(rig.store.rows_of("web").await.is_empty());
    rig.store.register("web", "10.0.0.1").await;
    assert!(
        rig.behind
            .get(&row.host.key)
            .await
            .expect("memory answers")
            .is_some(),
        "it may come back by itself"
    );
}

#[tokio::test]
async fn after_another_node_changed_a_row_its_next_heartbeat_is_stored() {
    let rig = rig();
    let row = rig.store.register("web", "10.0.0.1").await;
    rig.behind
        .set_weight(&row.host.key, hosts::weight(9))
        .await
        .expect("memory answers");
    rig.store.rows_of("web").await;
    rig.store.pass(Duration::from_mins(1));
    let beat = rig.store.register("web", "10.0.0.1").await;
    let stored = rig.behind.get(&row.host.key).await.expect("memory answers");
    let stored = stored.expect("the host is stored").host;
    assert_eq!(stored.last_check_in, beat.host.last_check_in);
    assert_eq!(stored.tags.weight(), Some(hosts::weight(9)));
}

#[tokio::test]
async fn a_beat_a_minute_is_stored_less_than_every_third_time() {
    let rig = rig();
    let mut stored = 0;
    let mut last = None;
    for _ in 0..600 {
        rig.store.register("web", "10.0.0.1").await;
        for _ in 0..60 {
            rig.store.pass(Duration::from_secs(1));
            rig.held_back.store_due().await.expect("memory answers");
        }
        let row = rig
            .behind
            .get(&hosts::key("web", "10.0.0.1"))
            .await
            .expect("memory answers");
        let now = row.map(|row| row.host.last_check_in);
        stored += usize::from(now != last);
        last = now;
    }
    assert!(stored <= 204, "{stored} of 600 beats were stored");
}
