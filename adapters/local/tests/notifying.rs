//! What is announced and what is not, and that announcing changes nothing else.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{CheckIn, CheckInError, HostRepository, LeaseClock, Tags};
use discovery_local::{InMemoryHostRepository, Notifying};
use discovery_testkit::hosts::{self, HOST_TTL, key, port, service, tags_with, weight};
use discovery_testkit::{Fault, Faulty, ManualClock, Store, storage_contract};
use futures_util::FutureExt;
use tokio::sync::broadcast::{self, Receiver};

struct Rig {
    store: Store,
    faulty: Arc<Faulty>,
    announced: Receiver<discovery_domain::ServiceName>,
}

fn rig() -> Rig {
    let clock = ManualClock::new();
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    let faulty = Faulty::new(Arc::new(InMemoryHostRepository::new()));
    let (announce, announced) = broadcast::channel(64);
    let notifying = Notifying::new(faulty.clone(), announce);
    Rig {
        store: Store::new(Arc::new(notifying), lease, clock),
        faulty,
        announced,
    }
}

async fn notifying_store() -> Store {
    rig().store
}

mod contract {
    use super::*;
    storage_contract!(notifying_store);
}

impl Rig {
    /// What has been announced since this was last asked.
    fn announced(&mut self) -> Vec<String> {
        let received = std::iter::from_fn(|| self.announced.try_recv().ok());
        received.map(|service| service.to_string()).collect()
    }

    fn repository(&self) -> &dyn HostRepository {
        &*self.store.repository
    }
}

#[tokio::test]
async fn a_host_that_comes_changes_or_goes_is_announced() {
    let mut rig = rig();
    rig.store.register("users", "10.0.0.1").await;
    assert_eq!(rig.announced(), ["users"]);
    let moved = CheckIn {
        port: port(9),
        ..rig.store.check_in("users", "10.0.0.1")
    };
    rig.store.accept(moved).await;
    assert_eq!(rig.announced(), ["users"]);
    let tags = tags_with("canary", "true");
    rig.store.register_with("users", "10.0.0.1", tags).await;
    assert_eq!(rig.announced(), ["users"]);
    rig.repository()
        .delete(&key("users", "10.0.0.1"))
        .await
        .unwrap();
    assert_eq!(rig.announced(), ["users"]);
}

#[tokio::test]
async fn a_heartbeat_is_not_announced() {
    let mut rig = rig();
    rig.store.register("users", "10.0.0.1").await;
    rig.announced();
    rig.store.pass(HOST_TTL);
    rig.store.register("users", "10.0.0.1").await;
    assert_eq!(rig.announced(), [""; 0]);
}

#[tokio::test]
async fn a_heartbeat_that_brings_a_host_back_on_the_list_is_announced() {
    let mut rig = rig();
    rig.store.register("users", "10.0.0.1").await;
    rig.announced();
    rig.store.expire_all();
    rig.store.register("users", "10.0.0.1").await;
    assert_eq!(rig.announced(), ["users"]);
}

#[tokio::test]
async fn a_weight_is_announced_where_it_is_another_one() {
    let mut rig = rig();
    rig.store.register("users", "10.0.0.1").await;
    rig.announced();
    let (host, service) = (key("users", "10.0.0.1"), service("users"));
    for (percent, news) in [(7, 1), (7, 0), (8, 1)] {
        rig.repository()
            .set_weight(&host, weight(percent))
            .await
            .unwrap();
        assert_eq!(rig.announced().len(), news, "{percent}");
    }
    for (percent, news) in [(8, 0), (9, 1)] {
        rig.repository()
            .set_weight_of_service(&service, weight(percent))
            .await
            .unwrap();
        assert_eq!(rig.announced().len(), news, "{percent}");
    }
}

#[tokio::test]
async fn a_sweep_is_announced_where_it_removes() {
    let mut rig = rig();
    let row = rig.store.register("users", "10.0.0.1").await;
    rig.store.clock.advance(Duration::from_secs(1));
    let renewed = rig.store.register("users", "10.0.0.1").await;
    rig.announced();
    assert!(!rig.repository().delete_unrenewed(&row).await.unwrap());
    assert_eq!(rig.announced(), [""; 0]);
    assert!(rig.repository().delete_unrenewed(&renewed).await.unwrap());
    assert_eq!(rig.announced(), ["users"]);
}

#[tokio::test]
async fn what_had_no_effect_is_not_announced() {
    let mut rig = rig();
    let nobody = key("users", "10.0.0.1");
    assert!(rig.repository().delete(&nobody).await.unwrap().is_none());
    assert!(
        rig.repository()
            .set_weight(&nobody, weight(1))
            .await
            .unwrap()
            .is_none()
    );
    rig.faulty.set(Fault::Refuse);
    let refused = hosts::check_in(
        hosts::registration("users", "10.0.0.1"),
        rig.store.lease.now(),
    );
    assert!(rig.repository().check_in(refused).await.is_err());
    assert_eq!(rig.announced(), [""; 0]);
}

#[tokio::test]
async fn what_may_have_been_stored_although_it_failed_is_announced_with_the_next_answer() {
    let mut rig = rig();
    let host = key("users", "10.0.0.1");
    rig.store.register("users", "10.0.0.1").await;
    rig.announced();
    for fault in [Fault::Refuse, Fault::Hang] {
        for write in ["check-in", "weight", "deletion"] {
            rig.faulty.set(fault);
            let beat = rig.store.check_in("users", "10.0.0.1");
            let repository = rig.repository();
            // Nobody waits any longer for what hangs.
            let succeeds = match write {
                "check-in" => is_stored(repository.check_in(beat)),
                "weight" => is_stored(repository.set_weight(&host, weight(5))),
                _ => is_stored(repository.delete(&host)),
            };
            assert!(!succeeds, "{write}");
            assert_eq!(rig.announced(), [""; 0]);
            rig.faulty.set(Fault::None);
            rig.store.register("orders", "10.0.0.9").await;
            rig.announced();
            rig.store.register("users", "10.0.0.1").await;
            assert_eq!(rig.announced(), ["users"], "{write}");
            rig.store.register("users", "10.0.0.1").await;
            assert_eq!(rig.announced(), [""; 0]);
        }
    }
}

#[tokio::test]
async fn tags_that_are_refused_cast_no_doubt() {
    let mut rig = rig();
    let half = format!("{:?}", "x".repeat(Tags::MAX_BYTES / 2));
    let tags = tags_with("a", &half);
    rig.store.register_with("users", "10.0.0.1", tags).await;
    rig.announced();
    let refused = CheckIn {
        tags: tags_with("b", &half),
        ..rig.store.check_in("users", "10.0.0.1")
    };
    let refused = rig.repository().check_in(refused).await;
    assert!(matches!(refused, Err(CheckInError::Tags(_))), "{refused:?}");
    let tags = tags_with("a", &half);
    rig.store.register_with("users", "10.0.0.1", tags).await;
    assert_eq!(rig.announced(), [""; 0]);
}

fn is_stored<T, E>(write: impl Future<Output = Result<T, E>>) -> bool {
    write.now_or_never().is_some_and(|outcome| outcome.is_ok())
}

#[tokio::test]
async fn weights_that_were_perhaps_set_are_announced() {
    let mut rig = rig();
    rig.faulty.set(Fault::Refuse);
    let outcome = rig
        .repository()
        .set_weight_of_service(&service("users"), weight(1))
        .await;
    assert!(outcome.is_err());
    assert_eq!(rig.announced(), ["users"]);
}

#[tokio::test]
async fn nobody_needs_to_listen() {
    let rig = rig();
    drop(rig.announced);
    rig.store.register("users", "10.0.0.1").await;
}
