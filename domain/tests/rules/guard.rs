//! The guard against mass expiry (liveness rules 13 and 14).

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::node::{Node, TICK, ip, ips, liveness};
use discovery_domain::{LeaseClock, Liveness, Registration};
use discovery_testkit::hosts::{self, HOST_TTL, key, service, weight};

/// A node with that many hosts in "web", of which those from `live` on are silent until they are expired.
async fn with_silent(all: u32, live: u32) -> Node {
    let node = Node::new();
    node.register_many("web", 0..all).await;
    node.pass(HOST_TTL / 2);
    node.register_many("web", 0..live).await;
    node.pass(HOST_TTL / 2 + TICK);
    node
}

#[tokio::test]
async fn rule_13_expiry_alone_never_takes_more_than_half_of_a_service() {
    let node = with_silent(50, 10).await;
    let listed = node.listed("web").await;
    assert_eq!(listed, ips((0..10).chain(35..50)));
    assert_eq!(node.registry.guarded(), [(service("web"), 15)]);
}

#[tokio::test]
async fn rule_13_half_of_an_odd_number_is_rounded_up() {
    let node = with_silent(5, 0).await;
    assert_eq!(node.listed("web").await, ips([2, 3, 4]));
}

#[tokio::test]
async fn rule_13_the_most_recently_seen_hosts_stay() {
    let node = Node::new();
    for number in [3, 1, 5, 0, 4, 2] {
        node.pass(TICK);
        node.register("web", &ip(number)).await;
    }
    node.pass(HOST_TTL * 2);
    assert_eq!(node.listed("web").await, ips([0, 2, 4]));
}

#[tokio::test]
async fn rule_13_a_service_of_up_to_four_hosts_is_not_guarded() {
    for all in 1..=4 {
        let node = with_silent(all, 0).await;
        assert_eq!(node.listed("web").await, ips([]), "{all} hosts");
        node.pass(HOST_TTL);
        assert_eq!(node.sweep().await.len(), all as usize);
    }
}

#[tokio::test]
async fn rule_13_a_minority_leaves_normally() {
    let node = with_silent(10, 7).await;
    assert_eq!(node.listed("web").await, ips(0..7));
    node.pass(HOST_TTL / 4);
    node.register_many("web", 0..7).await;
    assert_eq!(node.listed("web").await, ips(0..7));
    node.pass(HOST_TTL * 3 / 4);
    assert_eq!(node.sweep().await, ips(7..10));
    assert_eq!(node.stored("web").await, ips(0..7));
}

#[tokio::test]
async fn rule_13_exactly_half_leaves_normally_and_one_more_does_not() {
    let node = with_silent(10, 5).await;
    assert_eq!(node.listed("web").await, ips(0..5));
    let node = with_silent(10, 4).await;
    assert_eq!(node.listed("web").await, ips((0..4).chain([9])));
}

#[tokio::test]
async fn rule_13_no_expired_row_of_a_guarded_service_is_swept() {
    let node = with_silent(10, 2).await;
    for _ in 0..5 {
        assert_eq!(node.sweep().await, ips([]));
        node.pass(HOST_TTL);
    }
    assert_eq!(node.stored("web").await.len(), 10);
}

#[tokio::test]
async fn rule_4_dead_rows_leave_the_store_while_the_guard_holds_their_service_up() {
    let node = Node::new();
    // Every host lives for half a TTL, and nobody deregisters: most rows are always expired.
    for number in 0..100 {
        node.pass(HOST_TTL / 4);
        node.register("web", &ip(number)).await;
        node.sweep().await;
    }
    let until_death = 4 * Liveness::TTLS_TO_DEATH;
    let stored = node.stored("web").await.len();
    let just_dead = stored.checked_sub(until_death as usize);
    assert!(just_dead.is_some_and(|rows| rows <= 4), "{stored} rows");
    assert_eq!(node.registry.guarded().len(), 1);
}

#[tokio::test]
async fn rule_13_hosts_that_expire_one_after_the_other_are_as_much_a_mass_as_those_that_do_at_once()
{
    let node = Node::new();
    // Cut off at one moment, they expire over as long as they took to check in, while the sweep goes on.
    for number in 0..40 {
        node.pass(HOST_TTL / 41);
        node.register("web", &ip(number)).await;
    }
    for _ in 0..200 {
        node.sweep().await;
        assert!(node.listed("web").await.len() >= 20);
        node.pass(HOST_TTL / 41);
    }
    assert_eq!(node.listed("web").await, ips(20..40));
}

#[tokio::test]
async fn rule_13_a_list_never_halves_twice() {
    let node = with_silent(50, 10).await;
    assert_eq!(node.listed("web").await.len(), 25);
    for _ in 0..5 {
        node.pass(HOST_TTL / 2);
        node.register_many("web", 0..10).await;
        node.sweep().await;
        assert_eq!(node.listed("web").await, ips((0..10).chain(35..50)));
    }
}

#[tokio::test]
async fn rule_13_the_list_is_the_same_for_whoever_judges_the_rows() {
    let node = with_silent(40, 11).await;
    let reading = node
        .store
        .inner
        .hosts_of(&service("web"), node.lease.instant())
        .await;
    let rows = reading.expect("the rows are read").list.rows().to_vec();
    let listed = node.listed("web").await;
    let mut reversed = rows.clone();
    reversed.reverse();
    for rows in [rows, reversed] {
        let listing = liveness().judge(&rows.into(), node.lease.instant());
        let judged = listing.hosts().map(|host| host.key.address().to_string());
        let judged: Vec<_> = judged.collect();
        assert_eq!(judged, listed);
    }
}

#[tokio::test]
async fn rule_13_a_setting_of_zero_turns_the_guard_off() {
    let node = Node::with(Liveness {
        guard_minimum_live: 0.0,
        ..liveness()
    });
    node.register_many("web", 0..50).await;
    node.pass(HOST_TTL + TICK);
    assert_eq!(node.listed("web").await, ips([]));
    assert_eq!(node.sweep().await.len(), 50);
}

#[tokio::test]
async fn rule_13_the_list_of_a_repo_shows_the_hosts_that_the_guard_keeps() {
    let node = with_silent(10, 2).await;
    assert_eq!(
        node.listed_of_repo("web-repo").await,
        node.listed("web").await
    );
}

#[tokio::test]
async fn rule_14_it_ends_when_enough_hosts_check_in_again() {
    let node = with_silent(10, 0).await;
    assert_eq!(node.listed("web").await, ips(5..10));
    node.register_many("web", 0..4).await;
    assert_eq!(node.listed("web").await, ips((0..4).chain([9])));
    node.register_many("web", 4..5).await;
    assert_eq!(node.listed("web").await, ips(0..5));
    assert_eq!(node.registry.guarded(), []);
    node.pass(HOST_TTL / 2);
    node.register_many("web", 0..5).await;
    node.pass(HOST_TTL / 2);
    assert_eq!(node.sweep().await, ips(5..10));
}

#[tokio::test]
async fn rule_14_it_ends_when_the_rows_are_dead() {
    let node = with_silent(10, 0).await;
    node.pass(HOST_TTL * 5);
    assert_eq!(node.listed("web").await.len(), 5);
    node.pass(HOST_TTL * 2);
    assert_eq!(node.listed("web").await, ips([]));
    assert_eq!(node.sweep().await.len(), 10);
}

#[tokio::test]
async fn rule_14_it_ends_when_an_operator_releases_it() {
    let node = with_silent(10, 2).await;
    assert_eq!(node.listed("web").await.len(), 5);
    let released = node.registry.release_guard(&service("web"), None).await;
    let released = released.expect("the guard is released");
    assert_eq!((released.removed.len(), released.guarded), (8, 0));
    assert_eq!(node.listed("web").await, ips(0..2));
    assert_eq!(node.stored("web").await, ips(0..2));
    assert_eq!(node.registry.guarded(), []);
}

#[tokio::test]
async fn rule_14_an_explicit_delete_always_applies() {
    let node = with_silent(10, 0).await;
    for number in (0..10).rev() {
        let deleted = node.registry.deregister(&key("web", &ip(number))).await;
        deleted.expect("the host is there");
        assert!(!node.listed("web").await.contains(&ip(number)));
    }
    assert_eq!(node.stored("web").await, ips([]));
    assert_eq!(node.registry.guarded(), []);
}

#[tokio::test]
async fn rule_14_a_service_scaled_down_without_delete_keeps_dead_hosts_for_six_ttls_more() {
    let node = with_silent(100, 10).await;
    let beat = async |ttls: u32| {
        for _ in 0..ttls * 2 {
            node.register_many("web", 0..10).await;
            node.pass(HOST_TTL / 2);
        }
    };
    assert_eq!(node.listed("web").await.len(), 50);
    beat(5).await;
    assert_eq!(node.listed("web").await.len(), 50);
    beat(2).await;
    assert_eq!(node.listed("web").await, ips(0..10));
    node.sweep().await;
    assert_eq!(node.stored("web").await, ips(0..10));
}

#[tokio::test]
async fn hosts_that_all_fall_silent_and_return_are_never_fewer_than_half() {
    let node = Node::new();
    node.register_many("web", 0..2000).await;
    node.pass(HOST_TTL + Duration::from_secs(1));
    assert_eq!(node.listed("web").await.len(), 1000);
    for start in (0..2000).step_by(500) {
        node.register_many("web", start..start + 500).await;
        assert!(node.listed("web").await.len() >= 1000);
    }
    assert_eq!(node.listed("web").await.len(), 2000);
}

#[tokio::test]
async fn rule_10_a_host_that_comes_back_before_anybody_has_judged_its_service_merges_its_tags() {
    let node = Node::new();
    node.register_many("web", 0..10).await;
    let set = node
        .registry
        .set_weight_of_service(&service("web"), weight(7))
        .await;
    assert_eq!(set.expect("weights are set").len(), 10);
    node.pass(HOST_TTL * 2);
    // The five that were seen last are held up by the guard, the others are not.
    for (number, expected) in [(9, Some(7)), (0, None)] {
        let row = node.register("web", &ip(number)).await;
        assert_eq!(row.host.tags.weight(), expected.map(weight), "{number}");
    }
}

#[tokio::test]
async fn rule_14_the_guard_is_over_with_the_next_sweep_once_enough_hosts_are_back() {
    let node = Node::new();
    node.register_many("web", 0..10).await;
    node.pass(HOST_TTL + TICK);
    assert_eq!(node.sweep().await, ips([]));
    assert_eq!(node.registry.guarded(), [(service("web"), 5)]);
    node.register_many("web", 0..10).await;
    node.pass(LeaseClock::LONGEST_GAP);
    assert_eq!(node.sweep().await, ips([]));
    assert_eq!(node.registry.guarded(), []);
}

#[tokio::test]
async fn heartbeats_of_a_guarded_service_have_it_read_once_in_five_seconds_at_most() {
    let node = with_silent(50, 10).await;
    node.sweep().await;
    assert_eq!(node.registry.guarded(), [(service("web"), 15)]);
    let before = node.store.reads.load(Ordering::Relaxed);
    for _ in 0..20 {
        node.register_many("web", 0..10).await;
        node.sweep().await;
        node.pass(Duration::from_secs(1));
    }
    let reads = node.store.reads.load(Ordering::Relaxed) - before;
    assert!((3..=4).contains(&reads), "{reads} reads in 20 s");
}

#[test]
fn the_guard_keeps_no_host_more_than_its_share() {
    // Each product is a trifle above a whole number, as floats go.
    for (base, share, least) in [(25, 0.28, 7), (100, 0.07, 7), (50, 0.14, 7), (7, 0.5, 4)] {
        let liveness = Liveness {
            guard_minimum_live: share,
            ..liveness()
        };
        let node = Node::new();
        let row = |number| {
            let registration = hosts::registration("web", &ip(number));
            let check_in = hosts::check_in(registration, node.lease.now());
            check_in.onto(None).expect("tags fit")
        };
        let rows = (0..base).map(row);
        let rows = rows.collect::<Vec<_>>().into();
        let listing = liveness.judge(&rows, node.lease.instant() + HOST_TTL + TICK);
        assert_eq!(listing.guarded, least, "{share} of {base}");
    }
}

#[tokio::test]
async fn rule_7_a_repo_is_listed_although_one_of_its_services_can_not_be_read() {
    let node = with_silent(10, 2).await;
    let other = Registration {
        service_repo_name: hosts::repo("web-repo"),
        ..hosts::registration("api", &ip(100))
    };
    node.registry.register(other).await.expect("it is stored");
    let known = node.listed_of_repo("web-repo").await;
    assert_eq!(known.len(), 6);
    node.store.lists_fail.store(true, Ordering::Relaxed);
    assert_eq!(node.listed_of_repo("web-repo").await, known);
}
