//! The use cases (liveness rules 5 and 9 to 11).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::node::{Node, TICK, ip, ips};
use discovery_domain::{CheckInError, HostError, Known, Registration, StoreError};
use discovery_testkit::hosts::{
    HOST_TTL, REQUIRED_TAGS, key, registration, repo, service, tags, tags_with, weight,
};

#[tokio::test]
async fn rule_5_an_unchanged_list_is_judged_once() {
    let node = Node::new();
    node.register_many("web", 0..10).await;
    let first = node
        .registry
        .hosts_of(&service("web"))
        .await
        .expect("it is read")
        .listing;
    node.pass(HOST_TTL / 2);
    let second = node
        .registry
        .hosts_of(&service("web"))
        .await
        .expect("it is read")
        .listing;
    assert!(Arc::ptr_eq(&first, &second));
    node.pass(HOST_TTL);
    let third = node
        .registry
        .hosts_of(&service("web"))
        .await
        .expect("it is read")
        .listing;
    assert!(!Arc::ptr_eq(&first, &third));
}

#[tokio::test]
async fn rule_5_a_kept_list_is_served_without_reading_until_a_host_on_it_would_expire() {
    let node = Node::new();
    node.register("web", &ip(1)).await;
    node.store.keeps.store(true, Ordering::Relaxed);
    node.store.reads.store(0, Ordering::Relaxed);
    let reads = || node.store.reads.load(Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(node.listed("web").await, ips([1]));
        node.pass(HOST_TTL / 3);
    }
    assert_eq!(node.listed("web").await, ips([1]));
    assert_eq!(reads(), 1);
    node.pass(TICK);
    assert_eq!(node.listed("web").await, ips([]));
    assert_eq!(reads(), 2);
}

#[tokio::test]
async fn rule_5_a_host_that_checked_in_elsewhere_stays_because_the_list_is_read_again() {
    let node = Node::new();
    node.register("web", &ip(1)).await;
    node.store.keeps.store(true, Ordering::Relaxed);
    assert_eq!(node.listed("web").await, ips([1]));
    node.pass(HOST_TTL / 2);
    node.register("web", &ip(1)).await;
    node.pass(HOST_TTL / 2 + TICK);
    assert_eq!(node.listed("web").await, ips([1]));
}

#[tokio::test]
async fn rule_5_a_list_that_cannot_be_read_again_is_served_as_it_was_judged_when_it_was_read() {
    let node = Node::new();
    node.register("web", &ip(1)).await;
    node.store.keeps.store(true, Ordering::Relaxed);
    assert_eq!(node.listed("web").await, ips([1]));
    node.store.fails.store(true, Ordering::Relaxed);
    node.pass(HOST_TTL * 20);
    assert_eq!(node.listed("web").await, ips([1]));
    node.store.fails.store(false, Ordering::Relaxed);
    assert_eq!(node.listed("web").await, ips([]));
}

#[tokio::test]
async fn a_list_that_was_never_read_is_an_error_while_the_store_fails() {
    let node = Node::new();
    node.store.fails.store(true, Ordering::Relaxed);
    let refused = node
        .registry
        .hosts_of(&service("web"))
        .await
        .expect_err("it fails");
    assert!(matches!(refused, StoreError::Unavailable { .. }));
    let refused = node
        .registry
        .hosts_of_repo(&repo("web-repo"))
        .await
        .expect_err("it fails");
    assert!(matches!(refused, StoreError::Unavailable { .. }));
}

#[tokio::test]
async fn rule_10_a_check_in_on_a_listed_row_lays_its_tags_over_those_that_are_there() {
    let node = Node::new();
    node.register_with("web", &ip(1), tags_with("old", "1"))
        .await;
    node.pass(HOST_TTL);
    let row = node
        .register_with("web", &ip(1), tags_with("new", "2"))
        .await;
    assert_eq!(
        row.host.tags,
        tags_with("old", "1")
            .merged(&tags_with("new", "2"))
            .expect("few")
    );
}

#[tokio::test]
async fn rule_10_a_check_in_on_an_expired_row_starts_from_the_tags_that_were_sent() {
    let node = Node::new();
    node.register_with("web", &ip(1), tags_with("old", "1"))
        .await;
    node.pass(HOST_TTL + TICK);
    let row = node.register("web", &ip(1)).await;
    assert_eq!(row.host.tags.as_str(), REQUIRED_TAGS);
}

#[tokio::test]
async fn rule_10_a_check_in_on_a_row_that_the_guard_keeps_listed_merges_its_tags() {
    let node = Node::new();
    for number in 0..10 {
        node.pass(TICK);
        node.register_with("web", &ip(number), tags_with("old", "1"))
            .await;
    }
    node.pass(HOST_TTL + TICK);
    assert_eq!(node.listed("web").await, ips(5..10));
    let kept = node.register("web", &ip(7)).await;
    assert_eq!(kept.host.tags, tags_with("old", "1"));
    let dropped = node.register("web", &ip(2)).await;
    assert_eq!(dropped.host.tags.as_str(), REQUIRED_TAGS);
}

#[tokio::test]
async fn rule_10_the_guard_keeps_tags_also_where_nobody_reads_the_list() {
    let node = Node::new();
    for number in 0..10 {
        node.pass(TICK);
        node.register_with("web", &ip(number), tags_with("old", "1"))
            .await;
    }
    node.pass(HOST_TTL + TICK * 20);
    assert_eq!(node.sweep().await, ips([]));
    let kept = node.register("web", &ip(7)).await;
    assert_eq!(kept.host.tags, tags_with("old", "1"));
}

#[tokio::test]
async fn rule_11_a_delete_removes_an_expired_row_too_and_is_not_found_a_second_time() {
    let node = Node::new();
    node.register("web", &ip(1)).await;
    node.pass(HOST_TTL * 2);
    let removed = node.registry.deregister(&key("web", &ip(1))).await;
    assert!(removed.expect("the row is there").row.is_some());
    let again = node.registry.deregister(&key("web", &ip(1))).await;
    assert!(matches!(again, Err(HostError::NotFound)));
}

#[tokio::test]
async fn rule_11_a_weight_changes_that_tag_only_and_only_on_a_row_that_exists() {
    let node = Node::new();
    let before = node.register("web", &ip(1)).await;
    let change = node
        .registry
        .set_weight(&key("web", &ip(1)), weight(5))
        .await;
    let after = change.expect("the host is there").row;
    assert_eq!(after.host.tags, before.host.tags.with_weight(weight(5)));
    assert_eq!(after.host.last_check_in, before.host.last_check_in);
    let unknown = node
        .registry
        .set_weight(&key("web", &ip(2)), weight(5))
        .await;
    assert!(matches!(unknown, Err(HostError::NotFound)));
    let nobody = node
        .registry
        .set_weight_of_service(&service("api"), weight(5))
        .await;
    assert!(
        nobody
            .expect("a service without hosts is no error")
            .is_empty()
    );
    assert_eq!(node.stored("web").await, ips([1]));
    assert_eq!(node.stored("api").await, ips([]));
}

#[tokio::test]
async fn tags_that_outgrow_their_limit_by_merging_are_refused_with_a_reason() {
    let node = Node::new();
    let half = format!("{:?}", "x".repeat(9000));
    node.register_with("web", &ip(1), tags_with("a", &half))
        .await;
    let tags = tags_with("b", &half);
    let registration = Registration {
        tags,
        ..registration("web", &ip(1))
    };
    let refused = node
        .registry
        .register(registration)
        .await
        .expect_err("it is too much");
    assert!(matches!(refused, CheckInError::Tags(_)));
    assert!(
        refused
            .to_string()
            .contains("counting the host's earlier tags"),
        "{refused}"
    );
}

#[tokio::test]
async fn reads_never_delete() {
    let node = Node::new();
    node.register("web", &ip(1)).await;
    node.pass(HOST_TTL * 2);
    assert_eq!(node.listed("web").await, ips([]));
    assert_eq!(node.listed_of_repo("web-repo").await, ips([]));
    assert_eq!(node.stored("web").await, ips([1]));
}

#[tokio::test]
async fn a_node_watches_the_services_that_were_there_before_it() {
    let node = Node::new();
    node.register("web", &ip(1)).await;
    let other = discovery_domain::Registry::new(
        node.store.clone(),
        Arc::clone(&node.lease),
        crate::node::liveness(),
    );
    assert_eq!(
        other.watch_all().await.expect("the services are named"),
        [service("web")]
    );
    node.pass(HOST_TTL * 2 + TICK);
    let (swept, outcome) = other.sweep(10).await;
    outcome.expect("the sweep goes through");
    assert_eq!(swept.len(), 1);
}

#[tokio::test]
async fn a_node_knows_how_many_hosts_and_services_there_are() {
    let node = Node::new();
    node.register_many("web", 0..7).await;
    node.register_many("web", 0..7).await;
    node.register("api", &ip(1)).await;
    assert_eq!(
        node.registry.known(),
        Known {
            services: 2,
            hosts: 8
        }
    );
    node.listed("web").await;
    node.registry
        .deregister(&key("web", &ip(0)))
        .await
        .expect("the host is there");
    assert_eq!(
        node.registry.known(),
        Known {
            services: 2,
            hosts: 7
        }
    );
    node.pass(HOST_TTL * 8);
    node.sweep().await;
    node.pass(HOST_TTL * 2);
    node.sweep().await;
    assert_eq!(
        node.registry.known(),
        Known {
            services: 0,
            hosts: 0
        }
    );
}

#[tokio::test]
async fn a_repo_lists_the_live_hosts_of_all_its_services() {
    let node = Node::new();
    for (name, number) in [("web", 1), ("api", 2), ("web", 3)] {
        let service_repo_name = repo("ours");
        let tags = tags(REQUIRED_TAGS);
        let sent = Registration {
            service_repo_name,
            tags,
            ..registration(name, &ip(number))
        };
        node.registry
            .register(sent)
            .await
            .expect("a check-in is taken");
        node.pass(HOST_TTL / 3);
    }
    assert_eq!(node.listed_of_repo("ours").await, ips([1, 2, 3]));
    node.pass(TICK);
    assert_eq!(node.listed_of_repo("ours").await, ips([2, 3]));
}
