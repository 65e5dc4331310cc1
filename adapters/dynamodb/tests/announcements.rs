//! What nodes tell each other through the table (liveness rule 16).

mod common;

use std::time::Duration;

use chrono::TimeDelta;
use common::{Node, World};
use discovery_domain::{Clock as _, HostRepository, ServiceName};
use discovery_dynamodb::News;
use discovery_testkit::ManualClock;
use discovery_testkit::hosts::service;
use discovery_testkit::proxy::Fault;

fn named(news: &News) -> Vec<&str> {
    news.services.iter().map(ServiceName::as_str).collect()
}

#[tokio::test]
async fn a_change_is_told_to_every_other_node_once_and_takes_one_query() {
    let world = World::new().await;
    let (one, two) = (world.node().await, world.node().await);
    let (mut announcer, mut own) = one.repository.other_nodes();
    let (_, mut other) = two.repository.other_nodes();
    assert_eq!(
        other.news().await.expect("the rows are read"),
        News::default()
    );
    announcer.changed(service("web"));
    announcer.changed(service("api"));
    announcer.changed(service("web"));
    announcer.announce().await.expect("the row is written");
    assert_eq!(one.requests(), "PutItem 1");
    two.requests();
    let news = other.news().await.expect("the rows are read");
    assert_eq!((named(&news), news.incomplete), (vec!["api", "web"], false));
    assert_eq!(
        other.news().await.expect("the rows are read"),
        News::default()
    );
    assert_eq!(two.requests(), "Query 2");
    assert_eq!(
        own.news().await.expect("the rows are read"),
        News::default()
    );
}

#[tokio::test]
async fn what_could_not_be_announced_is_announced_the_next_time() {
    let world = World::new().await;
    let (one, two) = (world.node().await, world.node().await);
    let (mut announcer, _) = one.repository.other_nodes();
    let (_, mut other) = two.repository.other_nodes();
    announcer.changed(service("web"));
    one.proxy.set_fault(Fault::Refuse);
    announcer.announce().await.expect_err("the store is down");
    one.proxy.heal();
    announcer.announce().await.expect("the row is written");
    assert_eq!(
        named(&other.news().await.expect("the rows are read")),
        ["web"]
    );
}

#[tokio::test]
async fn announcements_are_on_no_list_and_in_no_catalogue() {
    let world = World::new().await;
    let node = world.node().await;
    let (mut announcer, _) = node.repository.other_nodes();
    announcer.changed(service("web"));
    announcer.announce().await.expect("the row is written");
    let services = node.repository.services().await;
    assert_eq!(services.expect("the table is scanned"), []);
    assert!(node.list("web").await.is_empty());
    let item = world.emulator.items(common::TABLE).await.remove(0);
    assert!(
        !item.contains_key("service_repo_name"),
        "the index would hold it"
    );
}

#[tokio::test]
async fn rows_of_nodes_that_are_long_gone_are_removed() {
    let world = World::new().await;
    let (one, two) = (world.node().await, world.node().await);
    let (mut announcer, _) = one.repository.other_nodes();
    let (_, mut other) = two.repository.other_nodes();
    announcer.changed(service("web"));
    announcer.announce().await.expect("the row is written");
    other.news().await.expect("the rows are read");
    let pass = |time| world.clock.advance_proving(&two.lease, time);
    pass(Duration::from_hours(24));
    other.news().await.expect("the rows are read");
    assert_eq!(two.requests(), "Query 2");
    pass(Duration::from_secs(1));
    other.news().await.expect("the rows are read");
    assert_eq!(two.requests(), "DeleteItem 1, Query 1");
    announcer.changed(service("api"));
    announcer.announce().await.expect("the row is written");
    assert!(named(&other.news().await.expect("the rows are read")).contains(&"api"));
}

#[tokio::test]
async fn a_node_whose_clock_is_days_ahead_removes_no_row_of_a_node_that_runs() {
    let world = World::new().await;
    let one = world.node().await;
    let ahead = ManualClock::at(world.clock.wall() + TimeDelta::days(3));
    let two = Node::start(world.emulator.url(), &ahead, false).await;
    let (mut announcer, _) = one.repository.other_nodes();
    let (_, mut other) = two.repository.other_nodes();
    for _ in 0..5 {
        announcer.changed(service("web"));
        world.clock.advance(Duration::from_secs(1));
        announcer.announce().await.expect("the row is written");
        for _ in 0..3 {
            ahead.advance_proving(&two.lease, Duration::from_mins(15));
            other.news().await.expect("the rows are read");
        }
    }
    assert_eq!(two.requests(), "Query 15");
}

#[tokio::test]
async fn a_row_that_can_not_be_removed_costs_no_news_of_the_others() {
    let world = World::new().await;
    let (one, two) = (world.node().await, world.node().await);
    let (mut gone, _) = one.repository.other_nodes();
    let (mut announcer, _) = one.repository.other_nodes();
    let (_, mut other) = two.repository.other_nodes();
    gone.changed(service("old"));
    gone.announce().await.expect("the row is written");
    other.news().await.expect("the rows are read");
    world
        .clock
        .advance_proving(&two.lease, Duration::from_hours(25));
    two.proxy.set_fault(Fault::SERVER_ERROR.on("DeleteItem"));
    announcer.changed(service("web"));
    announcer.announce().await.expect("the row is written");
    let news = other.news().await.expect("the rows are read");
    assert_eq!(named(&news), ["web"]);
    assert!(two.proxy.count("DeleteItem") > 0);
    two.proxy.heal();
    two.proxy.reset_counts();
    for requests in ["Query 1", "DeleteItem 1, Query 1"] {
        other.news().await.expect("the rows are read");
        assert_eq!(two.requests(), requests);
        world
            .clock
            .advance_proving(&two.lease, Duration::from_mins(1));
    }
}
