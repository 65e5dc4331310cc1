//! What happens when two nodes change one host at the same time.

mod common;

use std::sync::Arc;

use common::{Node, World, text};
use discovery_domain::{CheckIn, HostRepository};
use discovery_testkit::hosts::{HOST_TTL, REQUIRED_TAGS, key, port, tags_with, weight};
use discovery_testkit::proxy::{Fault, Gate};

/// Has `call` reach the store only after `meanwhile` was answered; returns what both answered.
async fn overtaken<A, B>(
    node: &Node,
    operation: &'static str,
    call: impl Future<Output = A> + Send + 'static,
    meanwhile: impl Future<Output = B>,
) -> (A, B)
where
    A: Send + 'static,
{
    let gate = Gate::new();
    node.proxy
        .set_fault(Fault::Hold(gate.clone()).on(operation));
    let call = tokio::spawn(call);
    gate.reached_by(1).await;
    let answered = meanwhile.await;
    gate.open();
    node.proxy.heal();
    (call.await.expect("the call ends"), answered)
}

/// Two nodes that know the host 10.0.0.1 of the service web, which is older than the TTL when `expired`.
async fn two_nodes(world: &World, expired: bool) -> (Node, Node) {
    let (one, two) = (world.node().await, world.node().await);
    one.register("web", "10.0.0.1").await;
    if expired {
        world.clock.advance_proving(&one.lease, HOST_TTL);
        world.clock.advance_proving(&two.lease, HOST_TTL);
        one.lease.prove();
    }
    for node in [&one, &two] {
        node.list_now("web").await;
    }
    (one, two)
}

#[tokio::test]
async fn a_sweep_does_not_remove_a_host_that_checked_in_on_another_node() {
    let world = World::new().await;
    let (sweeper, other) = two_nodes(&world, true).await;
    let seen = sweeper.list_now("web").await.remove(0);
    let repository = Arc::clone(&sweeper.repository);
    let sweep = async move { repository.delete_unrenewed(&seen).await };
    let heartbeat = other.register("web", "10.0.0.1");
    let (swept, renewed) = overtaken(&sweeper, "DeleteItem", sweep, heartbeat).await;
    assert!(!swept.expect("a row is looked at"));
    assert_eq!(sweeper.list_now("web").await[0].host, renewed.host);
}

#[tokio::test]
async fn a_heartbeat_does_not_lose_a_weight_that_was_set_on_another_node() {
    let world = World::new().await;
    let (one, other) = two_nodes(&world, false).await;
    let check_in = CheckIn {
        tags: tags_with("new", "1"),
        port: port(9999),
        ..one.check_in("web", "10.0.0.1")
    };
    let repository = Arc::clone(&one.repository);
    let heartbeat = async move { repository.check_in(check_in).await };
    let host = key("web", "10.0.0.1");
    let weighing = other.repository.set_weight(&host, weight(42));
    let (change, weighed) = overtaken(&one, "UpdateItem", heartbeat, weighing).await;
    assert!(weighed.expect("a weight is set").is_some());
    let change = change.expect("a check-in is stored");
    assert_eq!(change.row.host.tags.weight(), Some(weight(42)));
    assert_eq!(other.list_now("web").await[0].host, change.row.host);
    let stored = world
        .item("web", "10.0.0.1")
        .await
        .expect("the host is stored");
    let tags = REQUIRED_TAGS.trim_end_matches('}');
    let expected = format!("{tags}, \"load_balancing_weight\": 42, \"new\": 1}}");
    assert_eq!(text(&stored, "tags"), expected);
}

#[tokio::test]
async fn a_weight_does_not_restore_what_a_heartbeat_overwrote_on_another_node() {
    let world = World::new().await;
    let (one, other) = two_nodes(&world, false).await;
    let check_in = CheckIn {
        tags: tags_with("new", "1"),
        port: port(9999),
        ..other.check_in("web", "10.0.0.1")
    };
    let repository = Arc::clone(&one.repository);
    let weighing = async move {
        repository
            .set_weight(&key("web", "10.0.0.1"), weight(42))
            .await
    };
    let heartbeat = other.accept(check_in);
    let (weighed, change) = overtaken(&one, "UpdateItem", weighing, heartbeat).await;
    let weighed = weighed
        .expect("a weight is set")
        .expect("the host is there");
    let previous = weighed.previous.expect("there was a row");
    assert_eq!(previous.host, change.row.host);
    assert_eq!(
        weighed.row.host.last_check_in,
        change.row.host.last_check_in
    );
    assert_eq!(weighed.row.host.port, port(9999));
    let rows = other.list_now("web").await;
    assert_eq!(rows[0].host, weighed.row.host);
    assert_eq!(rows[0].host.tags.weight(), Some(weight(42)));
}

#[tokio::test]
async fn a_weight_does_not_recreate_a_host_that_was_deleted_on_another_node() {
    let world = World::new().await;
    let (one, other) = two_nodes(&world, false).await;
    let repository = Arc::clone(&one.repository);
    let weighing = async move {
        repository
            .set_weight(&key("web", "10.0.0.1"), weight(42))
            .await
    };
    let host = key("web", "10.0.0.1");
    let deletion = other.repository.delete(&host);
    let (weighed, removed) = overtaken(&one, "UpdateItem", weighing, deletion).await;
    assert!(removed.expect("a host is deleted").is_some());
    assert!(weighed.expect("a host is looked for").is_none());
    assert!(world.item("web", "10.0.0.1").await.is_none());
}

#[tokio::test]
async fn a_weight_of_a_service_does_not_recreate_hosts_that_were_deleted_on_another_node() {
    let world = World::new().await;
    let (one, other) = two_nodes(&world, false).await;
    other.register("web", "10.0.0.2").await;
    let repository = Arc::clone(&one.repository);
    let service = discovery_testkit::hosts::service("web");
    let weighing = async move { repository.set_weight_of_service(&service, weight(42)).await };
    let host = key("web", "10.0.0.1");
    let deletion = other.repository.delete(&host);
    let (changes, removed) = overtaken(&one, "UpdateItem", weighing, deletion).await;
    assert!(removed.expect("a host is deleted").is_some());
    assert_eq!(changes.expect("weights are set").len(), 1);
    assert!(world.item("web", "10.0.0.1").await.is_none());
}

#[tokio::test]
async fn a_heartbeat_after_a_deletion_on_another_node_starts_anew() {
    let world = World::new().await;
    let (one, other) = two_nodes(&world, false).await;
    let change = other
        .repository
        .set_weight(&key("web", "10.0.0.1"), weight(42))
        .await;
    assert!(change.expect("a weight is set").is_some());
    one.list_now("web").await;
    let repository = Arc::clone(&one.repository);
    let check_in = one.check_in("web", "10.0.0.1");
    let heartbeat = async move { repository.check_in(check_in).await };
    let host = key("web", "10.0.0.1");
    let deletion = other.repository.delete(&host);
    let (change, removed) = overtaken(&one, "UpdateItem", heartbeat, deletion).await;
    assert!(removed.expect("a host is deleted").is_some());
    let change = change.expect("a check-in is stored");
    assert!(change.previous.is_none());
    assert_eq!(change.row.host.tags.as_str(), REQUIRED_TAGS);
    assert_eq!(other.list_now("web").await[0].host, change.row.host);
}

/// Both nodes saw an expired row; the one that comes second finds it renewed, and merges.
#[tokio::test]
async fn of_two_check_ins_on_an_expired_row_the_second_merges_with_the_first() {
    let world = World::new().await;
    let (one, other) = two_nodes(&world, true).await;
    let check_in = |node: &Node, tag| CheckIn {
        tags: tags_with(tag, "1"),
        ..node.check_in("web", "10.0.0.1")
    };
    let (repository, first) = (Arc::clone(&one.repository), check_in(&one, "slow"));
    let slow = async move { repository.check_in(first).await };
    let quick = other.accept(check_in(&other, "quick"));
    let (slow, quick) = overtaken(&one, "PutItem", slow, quick).await;
    assert_eq!(quick.row.host.tags, tags_with("quick", "1"));
    let row = slow.expect("a check-in is stored").row;
    let tags = REQUIRED_TAGS.trim_end_matches('}');
    assert_eq!(
        row.host.tags.as_str(),
        format!("{tags}, \"quick\": 1, \"slow\": 1}}")
    );
    assert_eq!(other.list_now("web").await[0].host, row.host);
}

#[tokio::test]
async fn of_two_first_check_ins_of_a_host_the_second_merges_with_the_first() {
    let world = World::new().await;
    let (one, other) = (world.node().await, world.node().await);
    let check_in = |node: &Node, tag| CheckIn {
        tags: tags_with(tag, "1"),
        ..node.check_in("web", "10.0.0.1")
    };
    let (repository, first) = (Arc::clone(&one.repository), check_in(&one, "slow"));
    let slow = async move { repository.check_in(first).await };
    let quick = other.accept(check_in(&other, "quick"));
    let (slow, _) = overtaken(&one, "PutItem", slow, quick).await;
    let row = slow.expect("a check-in is stored").row;
    assert!(row.host.tags.as_str().contains("\"quick\": 1, \"slow\": 1"));
}

/// The row became readable, and got a weight, after the check-in saw that it was not.
#[tokio::test]
async fn a_check_in_overwrites_a_row_that_cannot_be_read_only_while_it_is_what_was_seen() {
    let world = World::new().await;
    let (one, other) = (world.node().await, world.node().await);
    let broken = [
        ("service", "web"),
        ("ip_address", "10.0.0.1"),
        ("port", "8080"),
    ];
    world.put(&broken).await;
    let gate = Gate::new();
    let hold = Fault::Hold(gate.clone()).on("PutItem");
    let first = Fault::Delay(std::time::Duration::ZERO)
        .on("PutItem")
        .times(1);
    one.proxy.set_faults([first, hold]);
    let (repository, check_in) = (Arc::clone(&one.repository), one.check_in("web", "10.0.0.1"));
    let overwriting = tokio::spawn(async move { repository.check_in(check_in).await });
    gate.reached_by(1).await;
    other.register("web", "10.0.0.1").await;
    let change = other
        .repository
        .set_weight(&key("web", "10.0.0.1"), weight(42))
        .await;
    assert!(change.expect("a weight is set").is_some());
    gate.open();
    let change = overwriting
        .await
        .expect("the call ends")
        .expect("a check-in is stored");
    assert_eq!(change.row.host.tags.weight(), Some(weight(42)));
    assert_eq!(other.list_now("web").await[0].host, change.row.host);
}

/// What this node knows of the tags is out of date, and too much to merge with.
#[tokio::test]
async fn tags_are_refused_only_where_they_outgrow_those_that_are_stored_now() {
    let world = World::new().await;
    let (one, other) = (world.node().await, world.node().await);
    let half = format!("{:?}", "x".repeat(discovery_domain::Tags::MAX_BYTES / 2));
    let with = |node: &Node, tag| CheckIn {
        tags: tags_with(tag, &half),
        ..node.check_in("web", "10.0.0.1")
    };
    let known = one.accept(with(&one, "a")).await.row;
    assert!(
        other
            .repository
            .delete(&known.host.key)
            .await
            .expect("a host is deleted")
            .is_some()
    );
    let change = one.accept(with(&one, "b")).await;
    assert_eq!(change.row.host.tags, tags_with("b", &half));
    let refused = one.repository.check_in(with(&one, "a")).await;
    assert!(
        matches!(refused, Err(discovery_domain::CheckInError::Tags(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_weight_of_a_service_reaches_a_host_whose_weight_another_node_has_just_changed() {
    let world = World::new().await;
    let (one, other) = two_nodes(&world, false).await;
    let host = key("web", "10.0.0.1");
    let change = one.repository.set_weight(&host, weight(5)).await;
    assert!(change.expect("a weight is set").is_some());
    one.proxy
        .set_fault(Fault::Stale(std::time::Duration::from_mins(10)));
    one.list("web").await;
    let change = other.repository.set_weight(&host, weight(6)).await;
    assert!(change.expect("a weight is set").is_some());
    let service = discovery_testkit::hosts::service("web");
    let changes = one
        .repository
        .set_weight_of_service(&service, weight(5))
        .await;
    assert_eq!(changes.expect("weights are set").len(), 1);
    assert_eq!(
        other.list_now("web").await[0].host.tags.weight(),
        Some(weight(5))
    );
}

/// Two rows of one age: one node knows that another check-in came, so neither loses its age (liveness rule 2).
#[tokio::test]
async fn a_check_in_that_another_node_took_is_as_young_as_this_node_can_tell() {
    let world = World::new().await;
    let (one, other) = two_nodes(&world, false).await;
    world.clock.advance_proving(&one.lease, HOST_TTL / 2);
    let before = one.lease.instant();
    one.list_now("web").await;
    world.clock.jump(chrono::TimeDelta::hours(-3));
    other.register("web", "10.0.0.1").await;
    world.clock.jump(chrono::TimeDelta::hours(3));
    let row = one.list_now("web").await.remove(0);
    assert_eq!(row.renewed, before);
}

/// A request that its client has given up, and sent again, is done after everything else.
#[tokio::test]
async fn a_check_in_that_is_done_late_does_not_undo_a_later_one() {
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    let gate = Gate::new();
    let hold = Fault::Hold(gate.clone()).on("UpdateItem").times(1);
    node.proxy.set_faults([hold]);
    let old = CheckIn {
        port: port(1),
        ..node.check_in("web", "10.0.0.1")
    };
    node.accept(old).await;
    let new = CheckIn {
        port: port(2),
        ..node.check_in("web", "10.0.0.1")
    };
    let new = node.accept(new).await.row;
    gate.open();
    gate.left_by(1).await;
    assert_eq!(node.list_now("web").await[0].host, new.host);
}
