//! Services without hosts, as nodes remember them in the table (liveness rule 17).

mod common;

use std::time::Duration;

use common::World;
use discovery_domain::HostRepository;
use discovery_testkit::hosts::service;

#[tokio::test]
async fn a_service_without_hosts_is_remembered_for_every_node_until_one_forgets_it() {
    let world = World::new().await;
    let (one, two) = (world.node().await, world.node().await);
    let (users, orders) = (service("users"), service("orders"));
    let now = one.lease.now().wall;
    for name in [&users, &orders] {
        let remembered = one.repository.remember_gone(name, now).await;
        remembered.expect("the row is written");
    }
    assert_eq!(one.requests(), "PutItem 2");
    two.requests();
    let all = two.repository.gone_services().await;
    let all = all.expect("the rows are read");
    assert_eq!(all, [(orders.clone(), now), (users.clone(), now)]);
    assert_eq!(two.requests(), "DescribeTable 1, Query 1");
    let forgotten = two.repository.forget_gone(&orders, now).await;
    forgotten.expect("the row is deleted");
    let left = one.repository.gone_services().await;
    assert_eq!(left.expect("the rows are read"), [(users, now)]);
}

#[tokio::test]
async fn a_service_that_was_remembered_anew_meanwhile_is_not_forgotten() {
    let world = World::new().await;
    let (one, two) = (world.node().await, world.node().await);
    let users = service("users");
    let first = one.lease.now().wall;
    let second = first + Duration::from_mins(1);
    for since in [first, second] {
        let remembered = one.repository.remember_gone(&users, since).await;
        remembered.expect("the row is written");
    }
    let forgotten = two.repository.forget_gone(&users, first).await;
    forgotten.expect("there is nothing to do");
    let all = two.repository.gone_services().await;
    assert_eq!(all.expect("the rows are read"), [(users, second)]);
}

#[tokio::test]
async fn what_is_remembered_is_on_no_list_and_in_no_catalogue() {
    let world = World::new().await;
    let node = world.node().await;
    let now = node.lease.now().wall;
    let remembered = node.repository.remember_gone(&service("web"), now).await;
    remembered.expect("the row is written");
    let services = node.repository.services().await;
    assert_eq!(services.expect("the table is scanned"), []);
    assert!(node.list("web").await.is_empty());
    let item = world.emulator.items(common::TABLE).await.remove(0);
    assert!(
        !item.contains_key("service_repo_name"),
        "the index would hold it"
    );
}
