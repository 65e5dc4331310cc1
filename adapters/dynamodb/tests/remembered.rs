//! What a node that starts learns of the time before from the table (liveness rule 4).

mod common;

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use common::{Node, World};
use discovery_domain::{Clock as _, HostRepository, LeaseClock, Row};
use discovery_testkit::ManualClock;
use discovery_testkit::proxy::Fault;
use futures_util::future::join_all;
use tokio::time::timeout;

const OUTAGE: Duration = Duration::from_hours(3);

async fn prove(node: &Node) {
    let remembered = node.repository.prove(node.lease.now().wall).await;
    if let Some(last) = remembered.expect("a proof is recorded") {
        node.lease.remember_proof(last);
    }
    node.lease.prove();
}

/// How old a node that starts now takes the one host to be, with its very first request.
async fn age_at_first_sight(world: &World) -> Duration {
    let node = world.node().await;
    let row = node.list("web").await.remove(0);
    node.lease.instant().since(row.renewed)
}

#[tokio::test]
async fn the_first_read_counts_no_time_in_which_no_node_ran() {
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    prove(&node).await;
    drop(node);
    world.clock.advance(OUTAGE);
    assert_eq!(age_at_first_sight(&world).await, Duration::ZERO);
}

#[tokio::test]
async fn a_node_that_starts_after_an_outage_does_not_count_it_although_others_have_recorded_since()
{
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    prove(&node).await;
    world.clock.advance(OUTAGE);
    prove(&node).await;
    assert_eq!(age_at_first_sight(&world).await, LeaseClock::LONGEST_GAP);
    world.clock.advance(Duration::from_secs(4));
    prove(&node).await;
    let counted = LeaseClock::LONGEST_GAP + Duration::from_secs(4);
    assert_eq!(age_at_first_sight(&world).await, counted);
}

#[tokio::test]
async fn a_check_in_that_ends_an_outage_leaves_the_rest_of_it_to_a_node_that_starts_then() {
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    node.register("web", "10.0.0.2").await;
    prove(&node).await;
    world.clock.advance(OUTAGE);
    node.register("web", "10.0.0.2").await;
    world.clock.advance(Duration::from_micros(20));
    prove(&node).await;
    world.clock.advance(Duration::from_secs(2));
    let age = age_at_first_sight(&world).await;
    assert!(
        age <= LeaseClock::LONGEST_GAP + Duration::from_secs(3),
        "{age:?}"
    );
}

#[tokio::test]
async fn a_check_in_that_ends_an_outage_hides_it_from_no_node_that_starts_before_the_next_proof() {
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    prove(&node).await;
    for (service, lived_through) in [("first", true), ("second", false)] {
        world.clock.advance(OUTAGE);
        let started = world.node().await;
        let node = if lived_through { &node } else { &started };
        node.requests();
        node.register(service, "10.0.0.1").await;
        assert_eq!(node.requests(), "PutItem 1, UpdateItem 1");
        node.register(service, "10.0.0.2").await;
        assert_eq!(node.requests(), "PutItem 1");
        world.clock.advance(Duration::from_millis(100));
        let age = age_at_first_sight(&world).await;
        assert!(age < 3 * LeaseClock::LONGEST_GAP, "{age:?}");
    }
}

#[tokio::test]
async fn no_check_in_is_stored_while_the_outage_before_it_can_not_be_recorded() {
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    world.clock.advance(OUTAGE);
    node.proxy.set_fault(Fault::SERVER_ERROR.on("UpdateItem"));
    let check_ins = ["10.0.0.2", "10.0.0.3"].map(|ip| node.check_in("web", ip));
    let check_ins = check_ins.map(|check_in| node.repository.check_in(check_in));
    for refused in join_all(check_ins).await {
        refused.expect_err("the outage is not recorded");
    }
    assert!(world.item("web", "10.0.0.2").await.is_none());
    node.proxy.heal();
    node.register("web", "10.0.0.2").await;
    assert!(world.item("web", "10.0.0.2").await.is_some());
}

#[tokio::test]
async fn rule_4_hosts_of_a_right_clock_are_not_taken_for_silent_where_another_was_ahead() {
    let world = World::new().await;
    let (right, clock) = (world.node().await, ManualClock::new());
    let ahead = Node::start(world.emulator.url(), &clock, false).await;
    clock.jump(TimeDelta::seconds(40));
    let recorded = async || {
        let row = world.emulator.items(common::TABLE).await.remove(0);
        row.get("clock_ahead").cloned()
    };
    prove(&right).await;
    prove(&ahead).await;
    assert_eq!(recorded().await, None);
    prove(&right).await;
    let lead = "2026-11-22T12:56:52.129669+0000/2026-11-22T12:57:32.129669+0000";
    assert_eq!(recorded().await, Some(AttributeValue::S(lead.into())));
    right.register("web", "10.0.0.1").await;
    ahead.register("web", "10.0.0.2").await;
    prove(&ahead).await;
    drop((right, ahead));
    world.clock.advance(Duration::from_secs(45));
    let node = world.node().await;
    for row in node.list("web").await {
        let age = age(&node, &row);
        assert!(age < Duration::from_secs(1), "{row:?}: {age:?}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_is_not_taken_for_that_of_another_node() {
    let world = World::new().await;
    let node = world.node().await;
    prove(&node).await;
    world.clock.jump(-TimeDelta::minutes(1));
    prove(&node).await;
    let row = world.emulator.items(common::TABLE).await.remove(0);
    assert!(!row.contains_key("clock_ahead"), "{row:?}");
}

#[tokio::test]
async fn rule_4_dead_rows_that_are_read_first_do_not_come_back_beside_living_ones() {
    let world = World::new().await;
    let days = |days: u64| world.clock.wall() - Duration::from_hours(24 * days);
    let node = world.node().await;
    prove(&node).await;
    world.clock.advance(Duration::from_hours(7 * 24));
    for (address, checked_in) in [("10.0.0.1", days(5)), ("10.0.0.2", days(1))] {
        let written = checked_in.format("%Y-%m-%dT%H:%M:%S%.6f+0000").to_string();
        let changes = [
            ("service", "web"),
            ("ip_address", address),
            ("last_check_in", &*written),
        ];
        world.put(&common::literal_with(&changes)).await;
    }
    let node = world.node().await;
    let rows = node.list("web").await;
    let age = |row: &Row| node.lease.instant().since(row.renewed);
    let ages: Vec<Duration> = rows.iter().map(age).collect();
    assert_eq!(ages, [Duration::from_hours(4 * 24), Duration::ZERO]);
}

/// Has the original store a host that last checked in at that time.
async fn original_stores(world: &World, service: &str, address: &str, at: DateTime<Utc>) {
    let written = at.format("%Y-%m-%dT%H:%M:%S%.6f+0000").to_string();
    let changes = [
        ("service", service),
        ("ip_address", address),
        ("last_check_in", &*written),
    ];
    world.put(&common::literal_with(&changes)).await;
}

/// A table that the original alone has used for a week; the hosts of "gone" died five days ago.
async fn week_of_the_original() -> World {
    let world = World::new().await;
    prove(&world.node().await).await;
    world.clock.advance(Duration::from_hours(7 * 24));
    let ago = |time: Duration| world.clock.wall() - time;
    let gone = ago(Duration::from_hours(5 * 24));
    original_stores(&world, "gone", "10.0.0.1", gone).await;
    let beat = ago(Duration::from_secs(20));
    original_stores(&world, "web", "10.0.0.1", beat).await;
    world
}

fn age(node: &Node, row: &Row) -> Duration {
    node.lease.instant().since(row.renewed)
}

/// How old the host of "gone" may seem: as old as it is, less the time since the newest check-in.
const GONE: std::ops::RangeInclusive<Duration> =
    Duration::from_hours(5 * 24 - 1)..=Duration::from_hours(5 * 24);

#[tokio::test]
async fn rule_4_a_service_that_died_while_the_original_ran_alone_does_not_come_back_when_it_is_read_first()
 {
    let world = week_of_the_original().await;
    for starts_in_the_meantime in [false, true] {
        let node = Node::start(world.emulator.url(), &world.clock, true).await;
        let rows = node.list("gone").await;
        assert!(GONE.contains(&age(&node, &rows[0])), "{rows:?}");
        let requests = node.requests();
        assert!(requests.contains("Query 1"), "{requests}");
        let scans = !starts_in_the_meantime;
        assert_eq!(requests.contains("Scan 1"), scans, "{requests}");
        assert_eq!(age(&node, &node.list("web").await[0]), Duration::ZERO);
        // The next node hears of the time before from this one.
        prove(&node).await;
        world.clock.advance(Duration::from_secs(30));
        original_stores(&world, "web", "10.0.0.1", world.clock.wall()).await;
    }
}

#[tokio::test]
async fn rule_4_a_check_in_of_the_far_future_hides_none_that_is_true() {
    let world = week_of_the_original().await;
    for service in ["gone", "web", "other"] {
        let future = world.clock.wall() + TimeDelta::days(3650);
        original_stores(&world, service, "10.0.0.2", future).await;
    }
    let node = Node::start(world.emulator.url(), &world.clock, true).await;
    let rows = node.list("gone").await;
    assert!(GONE.contains(&age(&node, &rows[0])), "{rows:?}");
}

#[tokio::test]
async fn a_table_that_can_not_be_looked_through_in_time_holds_no_list_up_for_long() {
    let world = week_of_the_original().await;
    for fault in [Fault::Hang, Fault::SERVER_ERROR] {
        let node = Node::start(world.emulator.url(), &world.clock, true).await;
        node.proxy.set_fault(fault.on("Scan"));
        let list = timeout(Duration::from_secs(20), node.list("web"));
        assert_eq!(list.await.expect("it is read").len(), 1);
    }
}

#[tokio::test]
async fn outages_that_can_not_be_read_are_passed_over() {
    let world = World::new().await;
    prove(&world.node().await).await;
    let mut row = world.emulator.items(common::TABLE).await.remove(0);
    let texts = [
        "",
        "/",
        "yesterday/today",
        "2026-11-22T12:00:00.000000+0000",
    ];
    let texts = texts.map(|text| AttributeValue::S(text.into()));
    let outages = AttributeValue::L(texts.into());
    row.insert("outages".into(), outages);
    world.emulator.put(common::TABLE, row).await;
    let node = world.node().await;
    prove(&node).await;
    assert_eq!(node.lease.outages(), []);
}
