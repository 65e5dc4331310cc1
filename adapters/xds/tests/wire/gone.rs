//! Services whose last host has gone, and nodes that start meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::DateTime;
use discovery_domain::Clock;
use discovery_local::SystemClock;
use discovery_testkit::hosts::service;
use discovery_xds::GoneServices;
use tokio::time::{sleep, timeout};

use crate::node::{Node, PATIENCE, Remembered, Start};
use crate::talk::*;

fn remembering(gone: &Arc<Remembered>) -> Start {
    Start {
        gone: Some(gone.clone()),
        ..Start::default()
    }
}

/// Waits until exactly these services are remembered.
async fn until_remembered(gone: &Remembered, wanted: &[&str]) {
    let comes = async {
        while gone.names() != wanted {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let remembered = timeout(PATIENCE, comes).await;
    remembered.unwrap_or_else(|_| panic!("{:?}, not {wanted:?}", gone.names()));
}

/// The clusters that a new stream is told first.
async fn clusters(node: &Node) -> Vec<String> {
    let mut envoy = delta(node).await;
    envoy.say(subscribes(CLUSTERS, &[]));
    let told = envoy.hear().await;
    told.resources
        .into_iter()
        .map(|cluster| cluster.name)
        .collect()
}

#[tokio::test]
async fn a_restart_takes_no_cluster_away_whose_last_host_has_just_gone() {
    let gone = Arc::new(Remembered::default());
    let node = Node::start_with(remembering(&gone)).await;
    for service in ["orders", "users"] {
        node.register(service, "10.0.0.1").await;
    }
    node.until_metric("discovery_xds_clusters", 2).await;
    node.deregister("users", "10.0.0.1").await;
    until_remembered(&gone, &["users"]).await;
    drop(node);

    let node = Node::start_with(remembering(&gone)).await;
    assert_eq!(clusters(&node).await, ["users"], "orders was in memory");
}

#[tokio::test]
async fn a_service_is_forgotten_once_it_is_back_or_its_time_is_over() {
    let gone = Arc::new(Remembered::default());
    let mut start = remembering(&gone);
    start.settings.scan = Duration::from_millis(20);
    let node = Node::start_with(start).await;
    node.register("users", "10.0.0.1").await;
    node.until_metric("discovery_xds_clusters", 1).await;
    node.deregister("users", "10.0.0.1").await;
    until_remembered(&gone, &["users"]).await;
    node.register("users", "10.0.0.1").await;
    until_remembered(&gone, &[]).await;
    node.deregister("users", "10.0.0.1").await;
    until_remembered(&gone, &["users"]).await;
    drop(node);

    let mut start = remembering(&gone);
    start.settings.retention = Duration::ZERO;
    let node = Node::start_with(start).await;
    assert_eq!(clusters(&node).await, [""; 0]);
    until_remembered(&gone, &[]).await;
}

#[tokio::test]
async fn what_another_node_remembers_has_a_cluster_here_too() {
    let gone = Arc::new(Remembered::default());
    let mut start = remembering(&gone);
    start.settings.scan = Duration::from_millis(20);
    let node = Node::start_with(start).await;
    let mut envoy = delta(&node).await;
    envoy.say(subscribes(CLUSTERS, &[]));
    assert_eq!(envoy.hear().await.resources, []);
    let users = (service("users"), DateTime::from_timestamp(0, 0).unwrap());
    gone.remember(&users).await.unwrap();
    node.register("orders", "10.0.0.1").await;
    assert_eq!(
        envoy.hear().await.resources[0].name,
        "orders",
        "its time was over"
    );
    let users = (users.0, SystemClock::new().wall());
    gone.remember(&users).await.unwrap();
    assert_eq!(envoy.hear().await.resources[0].name, "users");
}

#[tokio::test]
async fn no_cluster_is_told_before_it_is_known_which_services_are_remembered() {
    let gone = Arc::new(Remembered::default());
    gone.is_broken.store(true, Ordering::SeqCst);
    let node = Node::start_with(remembering(&gone)).await;
    node.register("users", "10.0.0.1").await;
    let mut envoy = delta(&node).await;
    envoy.say(subscribes(CLUSTERS, &[]));
    envoy.say(subscribes(LISTENERS, &["users"]));
    assert_eq!(envoy.hear().await.type_url, LISTENERS);
    gone.is_broken.store(false, Ordering::SeqCst);
    assert_eq!(envoy.hear().await.type_url, CLUSTERS);
}
