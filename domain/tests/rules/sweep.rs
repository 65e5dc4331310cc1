//! What a sweep removes, and what it costs (liveness rule 11).

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::node::{Node, TICK, ip, ips};
use discovery_testkit::hosts::HOST_TTL;

#[tokio::test]
async fn rule_11_the_sweep_leaves_a_host_that_has_checked_in_since() {
    let node = Node::new();
    node.register_many("web", 0..3).await;
    node.pass(HOST_TTL * 2 + TICK * 10);
    node.register("web", &ip(1)).await;
    assert_eq!(node.sweep().await, ips([0, 2]));
    assert_eq!(node.listed("web").await, ips([1]));
}

#[tokio::test]
async fn the_sweep_removes_expired_rows_of_services_that_nobody_reads() {
    let node = Node::new();
    node.register("web", &ip(1)).await;
    node.register("api", &ip(2)).await;
    node.pass(HOST_TTL * 3 / 2);
    node.register("api", &ip(3)).await;
    assert_eq!(node.sweep().await, ips([]));
    node.pass(HOST_TTL / 2 + TICK);
    let mut swept = node.sweep().await;
    swept.sort();
    assert_eq!(swept, ips([1, 2]));
    assert_eq!(node.stored("api").await, ips([3]));
}

#[tokio::test]
async fn rule_13_an_expired_row_counts_for_the_guard_for_one_more_ttl_before_it_is_swept() {
    let node = Node::new();
    node.register_many("web", 0..3).await;
    node.pass(HOST_TTL + TICK);
    assert_eq!(node.listed("web").await, ips([]));
    assert_eq!(node.sweep().await, ips([]));
    assert_eq!(node.stored("web").await, ips(0..3));
    node.pass(HOST_TTL);
    assert_eq!(node.sweep().await, ips(0..3));
}

#[tokio::test]
async fn the_sweep_reads_nothing_while_nothing_can_have_expired() {
    let node = Node::new();
    for number in 0..100 {
        node.register(&format!("service {number}"), &ip(1)).await;
    }
    node.pass(HOST_TTL / 2);
    node.store.reads.store(0, Ordering::Relaxed);
    assert_eq!(node.sweep().await, ips([]));
    assert_eq!(node.store.reads.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_sweep_removes_little_more_than_it_is_asked_to_and_goes_on_the_next_time() {
    let node = Node::new();
    for number in 0..20 {
        for host in 0..4 {
            node.register(&format!("service {number}"), &ip(host)).await;
        }
    }
    node.pass(HOST_TTL * 2 + TICK);
    let mut removed = 0;
    while removed < 80 {
        let (swept, outcome) = node.registry.sweep(10).await;
        outcome.expect("the sweep goes through");
        assert!((1..14).contains(&swept.len()), "{}", swept.len());
        removed += swept.len();
    }
    assert!(node.registry.sweep(10).await.0.is_empty());
}

#[tokio::test]
async fn the_sweep_of_a_failing_store_says_so_and_is_repeated_later() {
    let node = Node::new();
    node.register("web", &ip(1)).await;
    node.pass(HOST_TTL * 2 + TICK);
    node.store.fails.store(true, Ordering::Relaxed);
    let (swept, outcome) = node.registry.sweep(10).await;
    assert!(swept.is_empty());
    outcome.expect_err("the store fails");
    node.store.fails.store(false, Ordering::Relaxed);
    node.pass(Duration::from_secs(6));
    assert_eq!(node.sweep().await, ips([1]));
}

#[tokio::test]
async fn a_sweep_of_a_service_with_many_dead_rows_reads_it_twice_at_most() {
    let node = Node::new();
    node.register_many("web", 0..1050).await;
    node.pass(HOST_TTL * 8);
    let before = node.store.reads.load(Ordering::Relaxed);
    let mut swept = 0;
    while swept < 1050 {
        node.pass(TICK);
        let (rows, outcome) = node.registry.sweep(100).await;
        outcome.expect("the store removes them");
        assert!(rows.len() <= 200, "{}", rows.len());
        assert!(!rows.is_empty(), "{swept} of 1050 are swept, and no more");
        swept += rows.len();
    }
    let lists = node.store.reads.load(Ordering::Relaxed) - before;
    assert!(lists <= 2, "{lists}");
}
