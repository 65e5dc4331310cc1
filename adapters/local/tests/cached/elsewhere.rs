//! Changes that other nodes make.

use std::time::Duration;

use discovery_domain::{CheckIn, HostRepository, LeaseClock, LeaseInstant};
use discovery_testkit::{Fault, hosts};

use super::{TTL, hosts_in, rig};

#[tokio::test]
async fn rule_16_what_another_node_has_changed_is_read_again_and_nothing_else() {
    let rig = rig(TTL);
    for service in ["users", "other"] {
        rig.store.register(service, "10.0.0.1").await;
        rig.read(service).await.expect("it is read");
    }
    let repo = hosts::repo("users-repo");
    let read_repo = || rig.cached.hosts_of_repo(&repo, LeaseInstant::DISTANT_PAST);
    read_repo().await.expect("it is read");
    let at_hand = || {
        rig.cached
            .hosts_at_hand(&hosts::service("users"), LeaseInstant::DISTANT_PAST)
    };
    assert!(at_hand().is_some());
    let before = rig.faulty.lists();
    rig.store.pass(Duration::from_secs(1));
    rig.cached
        .changed_elsewhere(&[hosts::service("users")].into());
    assert!(at_hand().is_none());
    for _ in 0..2 {
        rig.read("users").await.expect("it is read");
        rig.read("other").await.expect("it is read");
        read_repo().await.expect("it is read");
    }
    assert_eq!(rig.faulty.lists() - before, 2);
    rig.store.pass(Duration::from_secs(1));
    rig.cached.anything_changed_elsewhere();
    rig.read("other").await.expect("it is read");
    assert_eq!(rig.faulty.lists() - before, 3);
    rig.store.pass(Duration::from_secs(1));
    rig.cached
        .changed_elsewhere(&[hosts::service("users")].into());
    rig.faulty.set(Fault::Refuse);
    let stale = rig
        .read("users")
        .await
        .expect("the last known list is there");
    assert!(stale.stale.is_some());
}

#[tokio::test]
async fn rule_16_what_another_node_has_changed_is_read_again_also_while_the_lease_clock_stands_still()
 {
    let rig = rig(TTL);
    rig.store.register("users", "10.0.0.1").await;
    rig.store.clock.advance(2 * LeaseClock::LONGEST_GAP);
    rig.read("users").await.expect("it is read");
    for _ in 0..2 {
        rig.cached
            .changed_elsewhere(&[hosts::service("users")].into());
        let before = rig.faulty.lists();
        for _ in 0..2 {
            rig.read("users").await.expect("it is read");
        }
        assert_eq!(rig.faulty.lists() - before, 1);
    }
}

#[tokio::test]
async fn rule_16_the_list_of_a_repo_shows_a_service_that_another_node_has_added() {
    let rig = rig(TTL);
    let repo = hosts::repo("users-repo");
    let read_repo = async || {
        let reading = rig
            .cached
            .hosts_of_repo(&repo, LeaseInstant::DISTANT_PAST)
            .await;
        hosts_in(&reading.expect("it is read"))
    };
    rig.store.register("users", "10.0.0.1").await;
    assert_eq!(read_repo().await, ["10.0.0.1"]);
    rig.store.pass(Duration::from_secs(1));
    let elsewhere = CheckIn {
        service_repo_name: repo.clone(),
        ..rig.store.check_in("new", "10.0.0.2")
    };
    rig.faulty
        .check_in(elsewhere)
        .await
        .expect("another node stores it");
    assert_eq!(read_repo().await, ["10.0.0.1"]);
    rig.cached
        .changed_elsewhere(&[hosts::service("new")].into());
    assert_eq!(read_repo().await, ["10.0.0.1", "10.0.0.2"]);
}
