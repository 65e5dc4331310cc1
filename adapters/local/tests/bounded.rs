//! What a store with too much to do refuses, and what it never does.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{
    CheckInError, HostRepository, LeaseClock, LeaseInstant, Reading, StoreError,
};
use discovery_local::{
    Bounded, Bounds, BoundsMetrics, CacheMetrics, CacheSettings, Cached, InMemoryHostRepository,
};
use discovery_testkit::hosts::{key, repo, service, weight};
use discovery_testkit::{Fault, Faulty, ManualClock, Store, storage_contract};
use prometheus_client::registry::Registry;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

/// 8 check-ins, 2 changes and 2 lists at a time; as many may wait.
const BOUNDS: Bounds = Bounds {
    requests: 8,
    waiting: 8,
};

struct Rig {
    store: Store,
    faulty: Arc<Faulty>,
    metrics: Registry,
}

fn rig(bounds: Bounds) -> Rig {
    let clock = ManualClock::new();
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    let faulty = Faulty::new(Arc::new(InMemoryHostRepository::new()));
    let mut metrics = Registry::default();
    let counters = BoundsMetrics::registered(&mut metrics);
    let by = clock.clone() as Arc<_>;
    let bounded = Bounded::new(faulty.clone(), bounds, &counters, &by);
    Rig {
        store: Store::new(Arc::new(bounded), lease, clock),
        faulty,
        metrics,
    }
}

async fn narrow_store() -> Store {
    rig(Bounds {
        requests: 1,
        waiting: 10_000,
    })
    .store
}

mod contract {
    use super::*;
    storage_contract!(narrow_store);
}

type Asked<T> = JoinHandle<Result<T, StoreError>>;

impl Rig {
    fn repository(&self) -> Arc<dyn HostRepository> {
        Arc::clone(&self.store.repository)
    }

    /// Has a host check in, beside everything else.
    fn check_in(&self, host: usize) -> Asked<()> {
        let check_in = self.store.check_in("web", &format!("10.0.0.{host}"));
        let repository = self.repository();
        tokio::spawn(async move {
            match repository.check_in(check_in).await {
                Ok(_) => Ok(()),
                Err(CheckInError::Store(error)) => Err(error),
                Err(CheckInError::Tags(wrong)) => panic!("{wrong}"),
            }
        })
    }

    fn list(&self) -> Asked<Reading> {
        let repository = self.repository();
        tokio::spawn(async move {
            let past = LeaseInstant::DISTANT_PAST;
            repository.hosts_of(&service("web"), past).await
        })
    }

    fn set_weight(&self) -> Asked<()> {
        let repository = self.repository();
        tokio::spawn(async move {
            let host = key("web", "10.0.0.1");
            repository.set_weight(&host, weight(7)).await.map(drop)
        })
    }

    /// Fills every place and every queue of a store that hangs.
    async fn fill(&self) -> Vec<JoinHandle<()>> {
        self.faulty.set(Fault::Hang);
        let mut asked = Vec::new();
        for host in 0..16 {
            asked.push(ended(self.check_in(host)));
        }
        for _ in 0..4 {
            asked.push(ended(self.list()));
            asked.push(ended(self.set_weight()));
        }
        settle().await;
        assert_eq!(self.waiting(), [8, 2, 2]);
        asked
    }

    /// The requests that wait: check-ins, changes and lists.
    fn waiting(&self) -> [usize; 3] {
        self.metric("discovery_store_waiting")
    }

    fn refused(&self) -> [usize; 3] {
        self.metric("discovery_store_refused_total")
    }

    fn metric(&self, name: &str) -> [usize; 3] {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics)
            .expect("a string takes whatever is written");
        ["check-ins", "changes", "lists"].map(|kind| {
            let begin = format!("{name}{{kind=\"{kind}\"}} ");
            let value = text.lines().find_map(|line| line.strip_prefix(&begin));
            value.expect(name).parse().expect("a number")
        })
    }
}

fn ended<T: Send + 'static>(asked: Asked<T>) -> JoinHandle<()> {
    tokio::spawn(async move { drop(asked.await) })
}

/// Lets everything that can go on do so.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// Insists that a request was refused, and returns what was said.
async fn refused<T: std::fmt::Debug>(asked: Asked<T>) -> String {
    match asked.await.expect("no panic") {
        Err(error @ StoreError::Busy { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_too_many_is_refused_at_once_and_counted() {
    let rig = rig(BOUNDS);
    let _asked = rig.fill().await;
    let at_once = timeout(Duration::from_millis(1), async {
        assert_eq!(
            refused(rig.check_in(20)).await,
            "the store has too much to do: 8 check-ins wait for it already"
        );
        refused(rig.list()).await;
        refused(rig.set_weight()).await;
        refused(rig.set_weight()).await;
    });
    at_once.await.expect("nobody waits");
    assert_eq!(rig.refused(), [1, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_too_long_is_refused() {
    let rig = rig(BOUNDS);
    rig.faulty.set(Fault::Hang);
    let asked: Vec<_> = (0..9).map(|host| rig.check_in(host)).collect();
    settle().await;
    assert_eq!(rig.waiting(), [1, 0, 0]);
    let mut asked = asked.into_iter();
    let waits = asked.next_back().expect("there are nine");
    let said = timeout(Duration::from_millis(1001), refused(waits)).await;
    assert_eq!(
        said.expect("it is refused after a second"),
        "the store has too much to do: other check-ins keep it from this one"
    );
    assert_eq!((rig.waiting(), rig.refused()), ([0; 3], [1, 0, 0]));
    rig.faulty.set(Fault::None);
    for asked in asked {
        asked.await.expect("no panic").expect("it had its place");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_served_when_there_is_a_place() {
    let rig = rig(BOUNDS);
    rig.faulty.set(Fault::Hang);
    let asked: Vec<_> = (0..16).map(|host| rig.check_in(host)).collect();
    settle().await;
    assert_eq!(rig.waiting(), [8, 0, 0]);
    rig.faulty.set(Fault::None);
    for asked in asked {
        asked.await.expect("no panic").expect("the store works");
    }
    assert_eq!(rig.store.rows_of("web").await.len(), 16);
    assert_eq!((rig.waiting(), rig.refused()), ([0; 3], [0; 3]));
}

#[tokio::test(start_paused = true)]
async fn neither_readers_nor_operators_cost_a_heartbeat() {
    let rig = rig(BOUNDS);
    rig.faulty.set(Fault::Hang);
    let flood: Vec<_> = (0..1000)
        .flat_map(|_| [ended(rig.list()), ended(rig.set_weight())])
        .collect();
    settle().await;
    let heartbeats: Vec<_> = (0..16).map(|host| rig.check_in(host)).collect();
    settle().await;
    rig.faulty.set(Fault::None);
    for heartbeat in heartbeats {
        heartbeat.await.expect("no panic").expect("it is stored");
    }
    assert_eq!(rig.refused(), [0, 996, 996]);
    drop(flood);
}

#[tokio::test(start_paused = true)]
async fn an_operator_gets_through_while_all_heartbeats_come_at_once() {
    let rig = rig(BOUNDS);
    rig.store.register("web", "10.0.0.1").await;
    rig.faulty.set(Fault::Hang);
    let flood: Vec<_> = (0..200).map(|host| rig.check_in(host)).collect();
    settle().await;
    let (weight, list) = (rig.set_weight(), rig.list());
    settle().await;
    rig.faulty.set(Fault::None);
    weight.await.expect("no panic").expect("it is set");
    list.await.expect("no panic").expect("it is listed");
    assert_eq!(rig.refused(), [200 - 16, 0, 0]);
    drop(flood);
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_leaves_the_place_and_the_queue() {
    let rig = rig(BOUNDS);
    rig.faulty.set(Fault::Hang);
    let asked: Vec<_> = (0..16).map(|host| rig.check_in(host)).collect();
    settle().await;
    for asked in &asked {
        asked.abort();
    }
    settle().await;
    assert_eq!(rig.waiting(), [0; 3]);
    rig.faulty.set(Fault::None);
    rig.check_in(1).await.expect("no panic").expect("a place");
}

#[tokio::test(start_paused = true)]
async fn what_the_node_does_by_itself_passes_whatever_waits() {
    let rig = rig(BOUNDS);
    let row = rig.store.register("web", "10.0.0.1").await;
    let _asked = rig.fill().await;
    let repository = rig.repository();
    let own = tokio::spawn(async move {
        let now = chrono::DateTime::UNIX_EPOCH;
        repository.prove(now).await.expect("it passes");
        repository.services().await.expect("it passes");
        repository.renew(&row, &row).await.expect("it passes");
        repository.delete_unrenewed(&row).await.expect("it passes");
    });
    settle().await;
    // They are with the store itself, which hangs.
    assert!(!own.is_finished());
    assert_eq!((rig.waiting(), rig.refused()), ([8, 2, 2], [0; 3]));
    rig.faulty.set(Fault::None);
    own.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_read_and_change_is_bounded() {
    let rig = rig(BOUNDS);
    let _asked = rig.fill().await;
    let (repository, past) = (rig.repository(), LeaseInstant::DISTANT_PAST);
    let (web, host) = (service("web"), key("web", "10.0.0.1"));
    let answers = [
        repository.hosts_of(&web, past).await.map(drop),
        repository.hosts_of_repo(&repo("r"), past).await.map(drop),
        repository.get(&host).await.map(drop),
        repository.set_weight(&host, weight(1)).await.map(drop),
        repository
            .set_weight_of_service(&web, weight(1))
            .await
            .map(drop),
        repository.delete(&host).await.map(drop),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(StoreError::Busy { .. })), "{answer:?}");
    }
    assert_eq!(rig.refused(), [0, 3, 3]);
}

/// A cache in front of a store that takes one list at a time and lets none wait.
fn cached() -> (Rig, Cached) {
    let rig = rig(Bounds {
        requests: 1,
        waiting: 0,
    });
    let settings = CacheSettings {
        ttl: Duration::from_secs(30),
        max_rows: 1000,
    };
    let (lease, clock) = (rig.store.lease.clone(), rig.store.clock.clone());
    let metrics = CacheMetrics::default();
    let cached = Cached::new(rig.repository(), settings, lease, clock, metrics);
    (rig, cached)
}

#[tokio::test(start_paused = true)]
async fn a_refused_list_is_no_outage_to_the_cache() {
    let (rig, cached) = cached();
    let past = LeaseInstant::DISTANT_PAST;
    let known = cached.hosts_of(&service("known"), past).await;
    rig.faulty.set(Fault::Hang);
    let hanging = rig.list();
    settle().await;
    let refused = cached.hosts_of(&service("other"), past).await;
    assert!(
        matches!(refused, Err(StoreError::Busy { .. })),
        "{refused:?}"
    );
    rig.store.clock.advance(Duration::from_secs(31));
    let overdue = cached.hosts_of(&service("known"), past).await;
    assert!(known.is_ok_and(|reading| reading.stale.is_none()));
    assert!(overdue.is_ok_and(|reading| reading.stale.is_some()));
    assert!(cached.outage().is_none());
    rig.faulty.set(Fault::None);
    hanging.await.expect("no panic").expect("the store works");
    let other = cached.hosts_of(&service("other"), past).await;
    assert!(other.is_ok_and(|reading| reading.stale.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_casts_no_doubt_on_the_cached_list() {
    let (rig, cached) = cached();
    let past = LeaseInstant::DISTANT_PAST;
    let (web, host) = (service("web"), key("web", "10.0.0.1"));
    cached.hosts_of(&web, past).await.expect("the store works");
    rig.faulty.set(Fault::Hang);
    let (_check_in, _weight) = (rig.check_in(1), rig.set_weight());
    settle().await;
    let check_in = rig.store.check_in("web", "10.0.0.1");
    assert!(cached.check_in(check_in).await.is_err());
    assert!(cached.set_weight(&host, weight(1)).await.is_err());
    let all = cached.set_weight_of_service(&web, weight(1)).await;
    assert!(all.is_err());
    assert!(cached.delete(&host).await.is_err());
    assert_eq!(rig.refused(), [1, 3, 0]);
    let before = rig.faulty.lists();
    let list = cached.hosts_of(&web, past).await;
    assert!(list.is_ok_and(|reading| reading.stale.is_none()));
    assert_eq!(rig.faulty.lists(), before);
}
