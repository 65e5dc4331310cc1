//! The cache: what it spares the store, what it shows at once, and what it serves while the store fails.

mod elsewhere;
mod saved;

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{HostRepository, LeaseClock, LeaseInstant, Reading, StoreError};
use discovery_local::{CacheMetrics, CacheSettings, Cached, InMemoryHostRepository};
use discovery_testkit::{Fault, Faulty, ManualClock, Store, hosts, storage_contract};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

const TTL: Duration = Duration::from_secs(30);

struct Rig {
    store: Store,
    faulty: Arc<Faulty>,
    cached: Cached,
}

fn rig(ttl: Duration) -> Rig {
    rig_counting(ttl, CacheMetrics::default())
}

fn rig_counting(ttl: Duration, metrics: CacheMetrics) -> Rig {
    let clock = ManualClock::new();
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    let faulty = Faulty::new(Arc::new(InMemoryHostRepository::new()));
    let settings = CacheSettings {
        ttl,
        max_rows: 1_000_000,
    };
    let cached = Cached::new(
        faulty.clone(),
        settings,
        lease.clone(),
        clock.clone(),
        metrics,
    );
    Rig {
        store: Store::new(Arc::new(cached.clone()), lease, clock),
        faulty,
        cached,
    }
}

async fn cached_store() -> Store {
    rig(TTL).store
}

mod contract {
    use super::*;
    storage_contract!(cached_store);
}

impl Rig {
    async fn read(&self, service: &str) -> Result<Reading, StoreError> {
        self.cached
            .hosts_of(&hosts::service(service), LeaseInstant::DISTANT_PAST)
            .await
    }

    async fn until_it_recovers(&self) {
        while self.cached.outage().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn readers_who_miss_together_share_one_load() {
    let rig = Arc::new(rig(TTL));
    rig.store.register("users", "10.0.0.1").await;
    rig.faulty.set(Fault::Hang);
    let readers: Vec<_> = (0..64)
        .map(|_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move {
                rig.read("users")
                    .await
                    .expect("the store is mended")
                    .list
                    .rows()
                    .len()
            })
        })
        .collect();
    while rig.faulty.lists() == 0 {
        tokio::task::yield_now().await;
    }
    rig.faulty.set(Fault::None);
    for reader in readers {
        assert_eq!(reader.await.expect("no reader panics"), 1);
    }
    assert_eq!(rig.faulty.lists(), 1);
}

#[tokio::test]
async fn a_list_is_served_without_asking_until_its_ttl_has_passed() {
    let rig = rig(TTL);
    rig.store.register("users", "10.0.0.1").await;
    let first = rig.read("users").await.expect("the store answers").list;
    assert!(Arc::ptr_eq(
        &first,
        &rig.read("users").await.expect("a hit").list
    ));
    assert_eq!(rig.faulty.lists(), 1);
    rig.store.pass(TTL);
    let again = rig.read("users").await.expect("the store answers").list;
    assert_eq!(rig.faulty.lists(), 2);
    assert!(
        Arc::ptr_eq(&first, &again),
        "what has not changed is not built again"
    );
}

#[tokio::test]
async fn an_empty_list_is_cached_too() {
    let rig = rig(TTL);
    assert!(
        rig.read("nobody")
            .await
            .expect("the store answers")
            .list
            .rows()
            .is_empty()
    );
    assert!(
        rig.read("nobody")
            .await
            .expect("a hit")
            .list
            .rows()
            .is_empty()
    );
    assert_eq!(rig.faulty.lists(), 1);
}

#[tokio::test]
async fn without_a_ttl_every_read_asks_the_store() {
    let rig = rig(Duration::ZERO);
    rig.read("users").await.expect("the store answers");
    rig.read("users").await.expect("the store answers");
    assert_eq!(rig.faulty.lists(), 2);
}

#[tokio::test]
async fn a_reader_who_wants_a_later_list_is_not_served_an_earlier_one() {
    let rig = rig(TTL);
    rig.read("users").await.expect("the store answers");
    rig.store.pass(Duration::from_secs(1));
    let now = rig.store.lease.instant();
    let reading = rig
        .cached
        .hosts_of(&hosts::service("users"), now)
        .await
        .expect("the store answers");
    assert!(reading.as_of >= now);
    assert_eq!(rig.faulty.lists(), 2);
}

#[tokio::test]
async fn own_writes_show_at_once_on_cached_lists() {
    let rig = rig(TTL);
    rig.read("users").await.expect("the store answers");
    rig.store.rows_of_repo("users-repo").await;
    let asked = rig.faulty.lists();
    let row = rig.store.register("users", "10.0.0.1").await;
    assert_eq!(rig.store.rows_of("users").await.len(), 1);
    assert_eq!(rig.store.rows_of_repo("users-repo").await.len(), 1);
    rig.cached
        .delete(&row.host.key)
        .await
        .expect("the store answers");
    assert!(rig.store.rows_of("users").await.is_empty());
    assert!(rig.store.rows_of_repo("users-repo").await.is_empty());
    assert_eq!(
        rig.faulty.lists(),
        asked,
        "none of it asked the store again"
    );
}

#[tokio::test]
async fn while_the_store_fails_the_last_known_list_is_served_with_its_age() {
    for ttl in [TTL, Duration::ZERO] {
        let rig = rig(ttl);
        rig.store.register("users", "10.0.0.1").await;
        let read_at = rig.store.lease.now().wall;
        rig.read("users").await.expect("the store answers");
        rig.faulty.set(Fault::Refuse);
        rig.store.clock.advance(Duration::from_hours(3));
        let reading = rig.read("users").await.expect("the list is known");
        assert_eq!(reading.list.rows().len(), 1);
        assert_eq!(reading.stale.expect("it says so").read_at, read_at);
        assert!(rig.cached.outage().is_some());
    }
}

#[tokio::test]
async fn while_the_store_fails_a_service_never_read_is_unavailable_and_not_empty() {
    let rig = rig(TTL);
    rig.faulty.set(Fault::Refuse);
    let mut said = Vec::new();
    for _ in 0..2 {
        let answer = rig.read("users").await;
        let Err(unavailable @ StoreError::Unavailable { .. }) = answer else {
            panic!("{answer:?}");
        };
        said.push(unavailable.to_string());
    }
    assert_eq!(
        said[0], said[1],
        "the first finds it out, the second is told"
    );
}

#[tokio::test]
async fn the_lists_that_are_kept_are_counted() {
    let mut metrics = Registry::default();
    let rig = rig_counting(TTL, CacheMetrics::registered(&mut metrics));
    for service in ["users", "orders", "users"] {
        rig.read(service).await.expect("the store answers");
    }
    rig.cached.observe();
    let mut shown = String::new();
    encode(&mut shown, &metrics).expect("a string takes whatever is written");
    for line in ["lists 2", "hits_total 1", "loads_total 2"] {
        let line = format!("discovery_cache_{line}\n");
        assert!(shown.contains(&line), "{shown}");
    }
}

#[tokio::test]
async fn a_store_that_hangs_is_waited_for_once_and_then_not_at_all() {
    let rig = rig(TTL);
    rig.store.register("users", "10.0.0.1").await;
    rig.read("users").await.expect("the store answers");
    rig.faulty.set(Fault::Hang);
    rig.store.pass(TTL);
    let reading = rig.read("users").await.expect("the list is known");
    assert!(reading.stale.is_some());
    let asked = rig.faulty.lists();
    for _ in 0..100 {
        rig.read("users").await.expect("the list is known");
    }
    assert!(rig.faulty.lists() <= asked + 1, "only the probe asks");
}

#[tokio::test]
async fn the_probe_notices_that_the_store_is_back() {
    let rig = rig(TTL);
    rig.store.register("users", "10.0.0.1").await;
    rig.read("users").await.expect("the store answers");
    rig.faulty.set(Fault::Refuse);
    rig.store.pass(TTL);
    assert!(
        rig.read("users")
            .await
            .expect("the list is known")
            .stale
            .is_some()
    );
    rig.faulty.set(Fault::None);
    rig.until_it_recovers().await;
    assert!(
        rig.read("users")
            .await
            .expect("the store answers")
            .stale
            .is_none()
    );
}

#[tokio::test]
async fn a_write_that_failed_unseen_has_the_list_read_again() {
    let rig = rig(TTL);
    let row = rig.store.register("users", "10.0.0.1").await;
    rig.read("users").await.expect("the store answers");
    rig.faulty.set(Fault::Refuse);
    rig.cached
        .delete(&row.host.key)
        .await
        .expect_err("the store is broken");
    rig.faulty.set(Fault::None);
    rig.read("users").await.expect("the store answers");
    assert_eq!(rig.faulty.lists(), 2);
}

#[tokio::test]
async fn a_list_that_takes_long_keeps_no_other_from_being_read_for_the_first_time() {
    let rig = rig(Duration::ZERO);
    for service in ["long", "users", "other"] {
        rig.store.register(service, "10.0.0.1").await;
    }
    rig.read("long").await.expect("it is read");
    rig.faulty.set_for_list(hosts::service("long"), Fault::Hang);
    let late = rig.read("long").await.expect("it is known");
    assert!(late.stale.is_some());
    assert!(
        rig.cached.outage().is_some(),
        "nothing else shows that the store is well"
    );
    assert_eq!(
        hosts_in(&rig.read("users").await.expect("it is read")),
        ["10.0.0.1"]
    );
    rig.until_it_recovers().await;
    let late = async { rig.read("long").await.expect("it is known") };
    let other = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        rig.read("other").await.expect("it is read")
    };
    let (late, other) = tokio::join!(late, other);
    assert!(late.stale.is_some() && other.stale.is_none());
    assert!(rig.cached.outage().is_none(), "others landed meanwhile");
}

#[tokio::test]
async fn an_index_that_fails_keeps_no_service_from_being_read() {
    let rig = rig(TTL);
    rig.store.register("users", "10.0.0.1").await;
    rig.faulty.set(Fault::Refuse);
    let repo = hosts::repo("users-repo");
    let of_repo = rig.cached.hosts_of_repo(&repo, LeaseInstant::DISTANT_PAST);
    of_repo.await.expect_err("it was never read");
    rig.faulty.set(Fault::None);
    let reading = rig.read("users").await.expect("the table answers");
    assert_eq!(hosts_in(&reading), ["10.0.0.1"]);
}

fn hosts_in(reading: &Reading) -> Vec<String> {
    discovery_testkit::contract::addresses(&reading.list.rows().to_vec())
}
