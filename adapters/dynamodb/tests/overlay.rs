//! A node's own writes show at once, although the store's reads lag (liveness rule 6).

mod common;

use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use common::{Node, World};
use discovery_domain::{CheckIn, Host, HostRepository, Row};
use discovery_testkit::hosts::{key, repo, service, tags_with, weight};
use discovery_testkit::proxy::{Fault, Gate};

/// A node whose reads, once made, are answered the same again and again.
async fn lagging_node(world: &World) -> Node {
    let node = world.node().await;
    node.proxy.set_fault(Fault::Stale(Duration::from_mins(10)));
    node
}

fn hosts_of(rows: Vec<Row>) -> Vec<Arc<Host>> {
    rows.into_iter().map(|row| row.host).collect()
}

async fn assert_listed(node: &Node, expected: &[Arc<Host>]) {
    assert_eq!(hosts_of(node.list("web").await), expected);
    assert_eq!(hosts_of(node.list_repo("web-repo").await), expected);
}

#[tokio::test]
async fn every_own_write_shows_at_once_on_lists_that_lag() {
    let world = World::new().await;
    let node = lagging_node(&world).await;
    assert_listed(&node, &[]).await;
    let one = node.register("web", "10.0.0.1").await.host;
    assert_listed(&node, &[one]).await;
    let check_in = node.check_in("web", "10.0.0.1");
    let tags = tags_with("x", "1");
    let one = node.accept(CheckIn { tags, ..check_in }).await.row.host;
    let two = node.register("web", "10.0.0.2").await.host;
    assert_listed(&node, &[one.clone(), two.clone()]).await;
    let change = node.repository.set_weight(&one.key, weight(5)).await;
    let one = change
        .expect("a weight is set")
        .expect("the host is there")
        .row
        .host;
    assert_listed(&node, &[one.clone(), two.clone()]).await;
    let changes = node
        .repository
        .set_weight_of_service(&service("web"), weight(6))
        .await;
    let mut weighed = changes.expect("weights are set");
    weighed.sort_by_key(|change| change.row.host.key.clone());
    let weighed: Vec<_> = weighed.into_iter().map(|change| change.row.host).collect();
    assert_listed(&node, &weighed).await;
    node.repository
        .delete(&one.key)
        .await
        .expect("a host is deleted");
    assert_listed(&node, &weighed[1..]).await;
    let seen = node.list("web").await.remove(0);
    assert!(
        node.repository
            .delete_unrenewed(&seen)
            .await
            .expect("a row is removed")
    );
    assert_listed(&node, &[]).await;
}

#[tokio::test]
async fn what_a_lagging_list_still_shows_is_replaced_or_hidden() {
    let world = World::new().await;
    let node = lagging_node(&world).await;
    for ip in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
        world.node().await.register("web", ip).await;
    }
    let before = hosts_of(node.list("web").await);
    assert_listed(&node, &before).await;
    let change = node.repository.set_weight(&before[0].key, weight(5)).await;
    let weighed = change
        .expect("a weight is set")
        .expect("the host is there")
        .row
        .host;
    node.repository
        .delete(&before[1].key)
        .await
        .expect("a host is deleted");
    assert_listed(&node, &[weighed, before[2].clone()]).await;
}

#[tokio::test]
async fn a_host_that_moves_is_on_the_list_of_its_new_repo_alone() {
    let world = World::new().await;
    let node = lagging_node(&world).await;
    node.register("web", "10.0.0.1").await;
    for name in ["web-repo", "other"] {
        node.list_repo(name).await;
    }
    for name in ["other", "web-repo", "other"] {
        let check_in = node.check_in("web", "10.0.0.1");
        let service_repo_name = repo(name);
        let row = node
            .accept(CheckIn {
                service_repo_name,
                ..check_in
            })
            .await
            .row;
        for shown in ["web-repo", "other"] {
            let rows = hosts_of(node.list_repo(shown).await);
            let expected = if shown == name {
                vec![row.host.clone()]
            } else {
                vec![]
            };
            assert_eq!(rows, expected, "{shown} after a move to {name}");
        }
    }
}

#[tokio::test]
async fn own_writes_are_laid_over_for_some_seconds_only() {
    let world = World::new().await;
    let node = lagging_node(&world).await;
    node.list("web").await;
    node.register("web", "10.0.0.1").await;
    world
        .clock
        .advance_proving(&node.lease, Duration::from_secs(3));
    assert_eq!(node.list("web").await.len(), 1);
    world
        .clock
        .advance_proving(&node.lease, Duration::from_micros(1));
    assert_eq!(node.list("web").await.len(), 0);
}

#[tokio::test]
async fn a_later_check_in_on_another_node_shows_through() {
    let world = World::new().await;
    let (node, other) = (world.node().await, world.node().await);
    node.register("web", "10.0.0.1").await;
    let later = other.register("web", "10.0.0.1").await.host;
    assert_listed(&node, from_ref(&later)).await;
    node.repository
        .delete(&later.key)
        .await
        .expect("a host is deleted");
    assert_listed(&node, &[]).await;
    let again = other.register("web", "10.0.0.1").await.host;
    assert_listed(&node, &[again]).await;
}

/// The other node's clock runs an hour ahead, so that its check-in looks later than ours that replaced it.
#[tokio::test]
async fn a_check_in_that_an_own_write_replaced_does_not_show_through() {
    let world = World::new().await;
    let (node, other) = (lagging_node(&world).await, world.node().await);
    world.clock.jump(chrono::TimeDelta::hours(1));
    other.register("web", "10.0.0.1").await;
    world.clock.jump(chrono::TimeDelta::hours(-1));
    node.list("web").await;
    node.list_repo("web-repo").await;
    let own = node.register("web", "10.0.0.1").await.host;
    assert_listed(&node, &[own]).await;
    let own = node.register("web", "10.0.0.1").await.host;
    assert_listed(&node, from_ref(&own)).await;
    node.repository
        .delete(&own.key)
        .await
        .expect("a host is deleted");
    assert_listed(&node, &[]).await;
}

#[tokio::test]
async fn a_consistent_read_shows_what_other_nodes_wrote_since() {
    let world = World::new().await;
    let (node, other) = (world.node().await, world.node().await);
    node.register("web", "10.0.0.1").await;
    let change = other
        .repository
        .set_weight(&key("web", "10.0.0.1"), weight(5))
        .await;
    let weighed = change
        .expect("a weight is set")
        .expect("the host is there")
        .row
        .host;
    assert_eq!(hosts_of(node.list_now("web").await), from_ref(&weighed));
    let row = node
        .repository
        .get(&weighed.key)
        .await
        .expect("a row is read");
    assert_eq!(row.expect("the host is there").host, weighed);
    other
        .repository
        .delete(&weighed.key)
        .await
        .expect("a host is deleted");
    assert!(node.list_now("web").await.is_empty());
    assert!(
        node.repository
            .get(&weighed.key)
            .await
            .expect("a row is read")
            .is_none()
    );
}

/// The read was answered by the store before the write, and reaches the node after it.
#[tokio::test]
async fn a_read_that_an_own_write_overtakes_neither_hides_it_nor_makes_the_node_forget_it() {
    let world = World::new().await;
    let node = Arc::new(world.node().await);
    node.register("web", "10.0.0.1").await;
    let gate = Gate::new();
    node.proxy
        .set_fault(Fault::HoldReply(gate.clone()).on("Query"));
    let reader = Arc::clone(&node);
    let read = tokio::spawn(async move { reader.list_now("web").await });
    gate.reached_by(1).await;
    let check_in = node.check_in("web", "10.0.0.1");
    let tags = tags_with("x", "1");
    let own = node.accept(CheckIn { tags, ..check_in }).await.row;
    gate.open();
    let rows = read.await.expect("the list is read");
    assert_eq!(hosts_of(rows), [own.host]);
    node.requests();
    node.register("web", "10.0.0.1").await;
    assert_eq!(node.requests(), "UpdateItem 1");
}

#[tokio::test]
async fn a_weight_of_a_service_that_an_own_write_overtakes_is_made_from_what_that_left() {
    let world = World::new().await;
    let node = Arc::new(world.node().await);
    node.register("web", "10.0.0.1").await;
    let gate = Gate::new();
    let hold = Fault::HoldReply(gate.clone()).on("Query");
    node.proxy.set_fault(hold);
    let repository = Arc::clone(&node.repository);
    let weighing = async move {
        repository
            .set_weight_of_service(&service("web"), weight(5))
            .await
    };
    let weighing = tokio::spawn(weighing);
    gate.reached_by(1).await;
    let check_in = node.check_in("web", "10.0.0.1");
    let tags = tags_with("x", "1");
    node.accept(CheckIn { tags, ..check_in }).await;
    node.requests();
    gate.open();
    let changes = weighing
        .await
        .expect("the call ends")
        .expect("weights are set");
    assert_eq!(
        changes[0].row.host.tags,
        tags_with("x", "1").with_weight(weight(5))
    );
    assert_eq!(node.requests(), "UpdateItem 1");
}

#[tokio::test]
async fn a_service_that_was_just_registered_is_named() {
    let world = World::new().await;
    let node = lagging_node(&world).await;
    assert!(
        node.repository
            .services()
            .await
            .expect("services are named")
            .is_empty()
    );
    node.register("web", "10.0.0.1").await;
    let services = node.repository.services().await;
    assert_eq!(services.expect("services are named"), [service("web")]);
}
