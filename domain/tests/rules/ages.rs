//! When a host is expired (liveness rules 1 to 4 and 12).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::node::{Node, TICK, ip, ips, liveness};
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use discovery_domain::{Clock, Host, LeaseClock, Outage, Row, Rows};
use discovery_testkit::ManualClock;
use discovery_testkit::hosts::{self, HOST_TTL, key};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn rule_1_a_host_is_expired_when_its_age_is_strictly_greater_than_the_ttl() {
    let node = Node::new();
    node.register("web", &ip(1)).await;
    node.pass(HOST_TTL);
    assert_eq!(node.listed("web").await, ips([1]));
    node.pass(TICK);
    assert_eq!(node.listed("web").await, ips([]));
    node.pass(HOST_TTL);
    assert_eq!(node.sweep().await, ips([1]));
}

#[tokio::test]
async fn rule_2_a_check_in_makes_the_age_zero() {
    let node = Node::new();
    for _ in 0..5 {
        node.register("web", &ip(1)).await;
        node.pass(HOST_TTL);
        assert_eq!(node.listed("web").await, ips([1]));
    }
    node.pass(TICK);
    assert_eq!(node.listed("web").await, ips([]));
}

#[tokio::test]
async fn rule_2_a_jump_of_the_wall_clock_expires_no_host_and_keeps_none_for_ever() {
    for jump in [
        TimeDelta::hours(1),
        TimeDelta::hours(-1),
        TimeDelta::days(3650),
    ] {
        let node = Node::new();
        node.register("web", &ip(1)).await;
        node.clock.jump(jump);
        assert_eq!(node.listed("web").await, ips([1]), "{jump}");
        node.register("web", &ip(2)).await;
        node.clock.jump(-jump);
        node.pass(HOST_TTL);
        assert_eq!(node.listed("web").await, ips([1, 2]), "{jump}");
        node.pass(TICK);
        assert_eq!(node.listed("web").await, ips([]), "{jump}");
    }
}

/// A clock of a node that has just started, and the moment it did.
fn started() -> (Arc<ManualClock>, LeaseClock, DateTime<Utc>) {
    let clock = ManualClock::new();
    let lease = LeaseClock::new(clock.clone());
    let now = clock.wall();
    (clock, lease, now)
}

fn age(lease: &LeaseClock, last_check_in: DateTime<Utc>) -> Duration {
    let first_sight = lease.first_sight(last_check_in);
    lease.instant().since(first_sight)
}

#[test]
fn rule_2_a_row_is_as_old_at_first_sight_as_its_check_in_says() {
    let (_, lease, now) = started();
    for seconds in [0, 1, 59, 3600] {
        let age = age(&lease, now - TimeDelta::seconds(seconds));
        assert_eq!(
            age.as_secs(),
            u64::try_from(seconds).expect("a small number")
        );
    }
}

#[test]
fn rule_2_a_check_in_in_the_future_counts_as_one_of_now() {
    let (clock, lease, now) = started();
    let first_sight = lease.first_sight(now + TimeDelta::days(3650));
    assert_eq!(first_sight, lease.instant());
    clock.advance_proving(&lease, HOST_TTL);
    assert_eq!(lease.instant().since(first_sight), HOST_TTL);
}

#[test]
fn rule_3_time_without_a_proof_counts_as_five_seconds_at_most() {
    let (clock, lease, _) = started();
    let began = lease.instant();
    clock.advance(Duration::from_secs(3));
    assert_eq!(lease.instant().since(began).as_secs(), 3);
    clock.advance(3 * HOUR);
    assert_eq!(lease.instant().since(began).as_secs(), 5);
    lease.prove();
    assert_eq!(lease.instant().since(began).as_secs(), 5);
    clock.advance(Duration::from_secs(2));
    assert_eq!(lease.instant().since(began).as_secs(), 7);
}

#[test]
fn rule_3_time_between_frequent_proofs_counts_in_full() {
    let (clock, lease, _) = started();
    let began = lease.instant();
    clock.advance_proving(&lease, 3 * HOUR);
    assert_eq!(lease.instant().since(began), 3 * HOUR);
}

#[tokio::test]
async fn rule_3_an_outage_of_the_store_expires_nobody() {
    let node = Node::new();
    node.register("web", &ip(1)).await;
    node.pass(HOST_TTL / 2);
    node.store.fails.store(true, Ordering::Relaxed);
    for _ in 0..1000 {
        node.clock.advance(Duration::from_secs(11));
        node.registry.prove().await.expect_err("the store fails");
    }
    node.store.fails.store(false, Ordering::Relaxed);
    node.registry.prove().await.expect("the store is back");
    assert_eq!(node.listed("web").await, ips([1]));
    node.pass(HOST_TTL / 2);
    assert_eq!(node.listed("web").await, ips([]));
}

#[tokio::test]
async fn rule_3_every_acknowledged_write_is_a_proof() {
    let node = Node::new();
    for _ in 0..10 {
        node.clock.advance(Duration::from_secs(4));
        node.register("web", &ip(1)).await;
        assert_eq!(node.lease.since_proof(), Duration::ZERO);
    }
    node.clock.advance(Duration::from_secs(4));
    let host = key("web", &ip(1));
    node.registry
        .set_weight(&host, hosts::weight(5))
        .await
        .expect("a weight is set");
    assert_eq!(node.lease.since_proof(), Duration::ZERO);
    node.clock.advance(Duration::from_secs(4));
    node.registry
        .deregister(&host)
        .await
        .expect("the host is there");
    assert_eq!(node.lease.since_proof(), Duration::ZERO);
}

#[test]
fn rule_3_a_row_that_is_first_seen_after_an_outage_has_aged_by_five_seconds_of_it() {
    let (clock, lease, _) = started();
    clock.advance_proving(&lease, Duration::from_mins(1));
    let last_check_in = clock.wall();
    clock.advance(3 * HOUR);
    assert_eq!(age(&lease, last_check_in), LeaseClock::LONGEST_GAP);
    lease.prove();
    assert_eq!(age(&lease, last_check_in), LeaseClock::LONGEST_GAP);
    clock.advance_proving(&lease, Duration::from_mins(1));
    let aged = LeaseClock::LONGEST_GAP + Duration::from_mins(1);
    assert_eq!(age(&lease, last_check_in), aged);
}

#[test]
fn rule_4_a_check_in_after_the_start_leaves_the_outage_before_it() {
    let (clock, lease, now) = started();
    lease.remember_proof(now - TimeDelta::hours(3));
    clock.advance_proving(&lease, Duration::from_mins(1));
    let since = age(&lease, now + TimeDelta::seconds(20));
    assert_eq!(since, Duration::from_secs(40));
    let since = age(&lease, now - TimeDelta::hours(3));
    assert_eq!(since, Duration::from_mins(1));
}

#[test]
fn rule_4_a_node_that_starts_after_an_outage_learns_of_it_from_another() {
    let (clock, lease, now) = started();
    let (before, after) = (now - TimeDelta::hours(3), now - TimeDelta::minutes(2));
    lease.remember_outage(Outage {
        began: before,
        ended: after,
    });
    lease.remember_proof(clock.wall());
    assert_eq!(age(&lease, before), Duration::from_mins(2));
}

#[test]
fn rule_4_an_outage_that_another_node_tells_of_is_over_however_far_its_clock_is_ahead() {
    let (clock, lease, now) = started();
    let died = now - TimeDelta::minutes(10);
    let minute = |minute| now + TimeDelta::minutes(minute);
    for ended in [minute(5), minute(60 * 24 * 3650)] {
        let began = minute(-1);
        lease.remember_outage(Outage { began, ended });
    }
    assert_eq!(age(&lease, died), Duration::from_mins(4));
    clock.advance_proving(&lease, Duration::from_mins(3));
    assert_eq!(age(&lease, died), Duration::from_mins(7));
}

#[test]
fn rule_4_a_lead_of_another_clock_hides_nothing_of_the_time_before_the_start() {
    let (_, lease, now) = started();
    let ago = |seconds| now - TimeDelta::seconds(seconds);
    lease.remember_lead(TimeDelta::seconds(40));
    lease.remember_proof(ago(5));
    assert_eq!(age(&lease, ago(45)), Duration::ZERO);
    lease.disprove([ago(4)]);
    assert_eq!(age(&lease, ago(45)), Duration::from_secs(1));
    // By a clock that is right it is of after the start, whatever others show.
    assert_eq!(age(&lease, now + TimeDelta::seconds(1)), Duration::ZERO);
    assert_eq!(age(&lease, ago(45)), Duration::from_secs(1));
}

#[test]
fn rule_4_what_a_lead_adds_to_the_time_before_the_start_is_told_to_nobody() {
    let (_, lease, now) = started();
    let began = now - TimeDelta::seconds(5);
    lease.remember_lead(TimeDelta::seconds(40));
    lease.remember_proof(began);
    assert_eq!(lease.outages(), [Outage { began, ended: now }]);
    assert_eq!(lease.silent_before_start(), Duration::from_secs(5));
}

#[test]
fn rule_4_a_lead_counts_where_the_last_proof_is_still_to_come() {
    let (_, lease, now) = started();
    lease.remember_lead(TimeDelta::seconds(40));
    lease.remember_proof(now + TimeDelta::seconds(30));
    assert_eq!(
        age(&lease, now - TimeDelta::seconds(15)),
        Duration::from_secs(5)
    );
    assert_eq!(lease.outages(), []);
}

#[test]
fn rule_4_a_lead_of_more_than_an_hour_is_not_believed() {
    for lead in [TimeDelta::minutes(61), TimeDelta::minutes(-1)] {
        let (_, clock, now) = started();
        clock.remember_lead(lead);
        clock.remember_proof(now - TimeDelta::minutes(1));
        assert_eq!(
            age(&clock, now - TimeDelta::hours(1)),
            Duration::from_mins(59)
        );
    }
}

#[test]
fn rule_4_a_node_whose_clock_was_ahead_when_it_started_tells_of_no_outage_in_the_future() {
    let clock = ManualClock::new();
    clock.jump(TimeDelta::hours(2));
    let lease = LeaseClock::new(clock.clone());
    clock.jump(-TimeDelta::hours(2));
    let now = clock.wall();
    lease.remember_proof(now - TimeDelta::minutes(1));
    assert_eq!(lease.outages().len(), 1);
    assert_eq!(lease.outages()[0].ended, now);
    assert_eq!(
        age(&lease, now - TimeDelta::minutes(5)),
        Duration::from_mins(4)
    );
}

#[test]
fn rule_4_time_between_the_last_proof_and_the_start_ages_nobody() {
    let (_, lease, now) = started();
    lease.remember_proof(now - TimeDelta::hours(3));
    let last_check_in = now - TimeDelta::hours(3) - TimeDelta::seconds(40);
    assert_eq!(age(&lease, last_check_in), Duration::from_secs(40));
}

#[test]
fn rule_4_where_nothing_is_remembered_there_was_no_outage() {
    let (_, lease, now) = started();
    assert_eq!(age(&lease, now - TimeDelta::hours(3)), 3 * HOUR);
}

#[test]
fn rule_4_a_later_check_in_shortens_the_outage_it_disproves() {
    let (_, lease, now) = started();
    lease.remember_proof(now - TimeDelta::hours(3));
    assert_eq!(age(&lease, now - TimeDelta::hours(1)), Duration::ZERO);
    assert_eq!(age(&lease, now - TimeDelta::hours(4)), 3 * HOUR);
}

#[test]
fn rule_4_the_newest_check_in_before_the_start_counts_whatever_clocks_ahead_have_written() {
    let (_, lease, now) = started();
    let ago = |time: Duration| now - time;
    lease.remember_proof(ago(3 * HOUR));
    lease.disprove([ago(2 * HOUR), now + 9 * HOUR, ago(HOUR), now]);
    assert_eq!(lease.silent_before_start(), HOUR);
    assert_eq!(age(&lease, ago(2 * HOUR)), HOUR);
}

#[test]
fn rule_4_what_is_proved_after_the_start_shortens_no_outage() {
    let (clock, lease, now) = started();
    lease.remember_proof(now - TimeDelta::hours(3));
    clock.advance_proving(&lease, Duration::from_mins(1));
    lease.remember_proof(clock.wall());
    let age = age(&lease, now - TimeDelta::hours(3));
    assert_eq!(age, Duration::from_mins(1));
}

#[test]
fn rule_3_a_look_every_second_keeps_the_clock_running_where_nothing_is_written() {
    let (clock, lease, _) = started();
    let (answer, rest) = (Duration::from_millis(200), Duration::from_millis(800));
    let start = lease.instant();
    for _ in 0..600 {
        let proves = lease.stops_within(Duration::from_secs(2));
        clock.advance(answer);
        if proves {
            lease.prove();
        }
        clock.advance(rest);
    }
    assert_eq!(lease.instant().since(start), Duration::from_mins(10));
}

#[test]
fn rule_4_a_row_older_than_seven_ttls_is_listed_by_no_guard() {
    let (_, lease, now) = started();
    let rows = (0..10)
        .map(|number| {
            let registration = hosts::registration("web", &ip(number));
            let last_check_in = now - HOST_TTL * 7 - TICK * (number % 2);
            let host = Host {
                key: registration.key,
                service_repo_name: registration.service_repo_name,
                port: registration.port,
                revision: registration.revision,
                last_check_in,
                tags: registration.tags,
            };
            let renewed = lease.first_sight(last_check_in);
            Row::checked_in(Arc::new(host), renewed)
        })
        .collect::<Vec<_>>();
    let rows = Rows::from(rows);
    let listing = liveness().judge(&rows, lease.instant());
    let listed = listing.hosts().map(|host| host.key.address().to_string());
    assert_eq!(listed.collect::<Vec<_>>(), ips([0, 2, 4]));
    let dead = liveness().judge(&rows, lease.instant() + TICK);
    assert!(dead.listed.is_empty());
    assert_eq!(dead.expired.len(), 10);
}

#[tokio::test]
async fn rule_12_times_are_cut_to_microseconds() {
    let node = Node::new();
    node.clock.advance(Duration::from_nanos(999));
    let wall = node.clock.wall();
    let row = node.register("web", &ip(1)).await;
    assert_ne!(wall.nanosecond() % 1000, 0);
    assert_eq!(
        row.host.last_check_in,
        wall.with_nanosecond(wall.nanosecond() / 1000 * 1000)
            .expect("a time")
    );
}
