//! What each call costs: its requests, counted on the wire.

mod common;

use std::time::Duration;

use common::World;
use discovery_domain::{CheckIn, HostRepository, LeaseInstant};
use discovery_testkit::hosts::{HOST_TTL, key, service, tags_with, weight};
use discovery_testkit::proxy::Fault;

#[tokio::test]
async fn a_heartbeat_of_a_known_host_is_one_write() {
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    assert_eq!(node.requests(), "PutItem 1");
    for _ in 0..3 {
        node.clock.advance_proving(&node.lease, HOST_TTL / 2);
        node.register("web", "10.0.0.1").await;
        assert_eq!(node.requests(), "UpdateItem 1");
    }
    let check_in = node.check_in("web", "10.0.0.1");
    let tags = tags_with("new", "1");
    node.accept(CheckIn { tags, ..check_in }).await;
    assert_eq!(node.requests(), "UpdateItem 1");
}

#[tokio::test]
async fn a_heartbeat_after_a_list_was_read_is_one_write() {
    let world = World::new().await;
    world.node().await.register("web", "10.0.0.1").await;
    let node = world.node().await;
    node.list("web").await;
    assert_eq!(node.requests(), "Query 1");
    node.register("web", "10.0.0.1").await;
    assert_eq!(node.requests(), "UpdateItem 1");
}

#[tokio::test]
async fn the_first_sight_of_an_existing_host_is_two_requests() {
    let world = World::new().await;
    world.node().await.register("web", "10.0.0.1").await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    assert_eq!(node.requests(), "PutItem 1, UpdateItem 1");
    let (node, old) = (world.node().await, HOST_TTL * 2);
    node.clock.advance_proving(&node.lease, old);
    node.register("web", "10.0.0.1").await;
    assert_eq!(node.requests(), "PutItem 2");
}

#[tokio::test]
async fn a_check_in_on_a_known_expired_row_is_one_write() {
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    node.clock.advance_proving(&node.lease, HOST_TTL * 2);
    node.requests();
    node.register("web", "10.0.0.1").await;
    assert_eq!(node.requests(), "PutItem 1");
}

#[tokio::test]
async fn a_list_is_one_query_a_page() {
    let world = World::new().await;
    let node = world.node().await;
    let large = format!("{:?}", "x".repeat(14_000));
    for number in 0..80 {
        let check_in = node.check_in("web", &format!("10.0.0.{number}"));
        let tags = tags_with("large", &large);
        node.accept(CheckIn { tags, ..check_in }).await;
    }
    node.requests();
    assert_eq!(node.list("web").await.len(), 80);
    assert_eq!(node.requests(), "Query 2");
    assert_eq!(node.list_repo("web-repo").await.len(), 80);
    assert_eq!(node.requests(), "Query 2");
    assert_eq!(node.list("api").await.len(), 0);
    assert_eq!(node.requests(), "Query 1");
    assert_eq!(node.list_repo("").await.len(), 0);
    assert_eq!(node.requests(), "");
}

#[tokio::test]
async fn a_delete_is_one_request() {
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    node.requests();
    for found in [true, false] {
        let removed = node.repository.delete(&key("web", "10.0.0.1")).await;
        assert_eq!(removed.expect("a host is deleted").is_some(), found);
        assert_eq!(node.requests(), "DeleteItem 1");
    }
}

#[tokio::test]
async fn a_weight_is_one_write_on_a_known_row_and_two_requests_at_most() {
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    node.requests();
    for number in [5, 6] {
        let change = node
            .repository
            .set_weight(&key("web", "10.0.0.1"), weight(number))
            .await;
        assert!(change.expect("a weight is set").is_some());
        assert_eq!(node.requests(), "UpdateItem 1");
    }
    let other = world.node().await;
    let change = other
        .repository
        .set_weight(&key("web", "10.0.0.1"), weight(7))
        .await;
    assert!(change.expect("a weight is set").is_some());
    assert_eq!(other.requests(), "GetItem 1, UpdateItem 1");
    let change = node
        .repository
        .set_weight(&key("web", "10.0.0.1"), weight(8))
        .await;
    assert!(change.expect("a weight is set").is_some());
    assert_eq!(node.requests(), "UpdateItem 2");
    let change = node
        .repository
        .set_weight(&key("web", "10.0.0.2"), weight(8))
        .await;
    assert!(change.expect("a host is looked for").is_none());
    assert_eq!(node.requests(), "GetItem 1");
}

#[tokio::test]
async fn a_weight_of_a_service_is_a_query_and_one_update_per_changed_host() {
    let world = World::new().await;
    let node = world.node().await;
    for number in 0..40 {
        node.register("web", &format!("10.0.0.{number}")).await;
    }
    node.requests();
    for (node, number) in [(&node, 5), (&world.node().await, 9)] {
        let changes = node
            .repository
            .set_weight_of_service(&service("web"), weight(number))
            .await;
        assert_eq!(changes.expect("weights are set").len(), 40);
        assert_eq!(node.requests(), "Query 1, UpdateItem 40");
        let changes = node
            .repository
            .set_weight_of_service(&service("web"), weight(number))
            .await;
        assert_eq!(changes.expect("weights are set").len(), 0);
        assert_eq!(node.requests(), "Query 1");
    }
}

#[tokio::test]
async fn a_sweep_is_one_delete_per_row() {
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    let seen = node.list("web").await.remove(0);
    node.requests();
    assert!(
        node.repository
            .delete_unrenewed(&seen)
            .await
            .expect("a row is removed")
    );
    assert_eq!(node.requests(), "DeleteItem 1");
}

#[tokio::test]
async fn a_proof_is_one_write_once_the_table_was_checked() {
    let world = World::new().await;
    let node = world.node().await;
    let now = node.lease.now().wall;
    node.repository
        .prove(now)
        .await
        .expect("a proof is recorded");
    assert_eq!(node.requests(), "DescribeTable 1, UpdateItem 1");
    node.repository
        .prove(now)
        .await
        .expect("a proof is recorded");
    assert_eq!(node.requests(), "UpdateItem 1");
}

#[tokio::test]
async fn a_catalogue_is_a_paged_scan_and_leaves_the_bookkeeping_out() {
    let world = World::new().await;
    let node = world.node().await;
    for number in 0..501 {
        let (name, ip) = (
            format!("service-{}", number % 7),
            format!("10.0.{}.1", number % 250),
        );
        node.register(&name, &ip).await;
    }
    node.repository
        .prove(node.lease.now().wall)
        .await
        .expect("a proof is recorded");
    let fresh = world.node().await;
    let services = fresh
        .repository
        .services()
        .await
        .expect("services are named");
    assert_eq!(
        services,
        (0..7)
            .map(|n| service(&format!("service-{n}")))
            .collect::<Vec<_>>()
    );
    assert_eq!(
        fresh.requests(),
        "DescribeTable 1, Scan 2",
        "a table that is still to be made has no services"
    );
}

/// A read that lags would do for `DISTANT_PAST`; one that is asked to be as new as now has to be consistent.
#[tokio::test]
async fn a_list_is_read_consistently_only_where_it_has_to_be() {
    let world = World::new().await;
    let (node, other) = (world.node().await, world.node().await);
    node.list("web").await;
    other.register("web", "10.0.0.1").await;
    node.proxy.set_fault(Fault::Stale(Duration::from_mins(10)));
    assert_eq!(node.list("web").await.len(), 0);
    assert_eq!(node.list_now("web").await.len(), 1);
    node.clock
        .advance_proving(&node.lease, Duration::from_secs(10));
    let long_ago = node.lease.instant() - Duration::from_secs(4);
    assert!(long_ago > LeaseInstant::DISTANT_PAST);
    let reading = node.repository.hosts_of(&service("web"), long_ago).await;
    assert_eq!(reading.expect("a list is read").list.rows().len(), 0);
}
