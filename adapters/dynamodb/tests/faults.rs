//! A store that fails: what is tried again, what is answered, and that nothing acknowledged is lost.

mod common;

use std::time::Duration;

use common::{Node, World};
use discovery_domain::{CheckIn, CheckInError, HostRepository, StoreError};
use discovery_testkit::hosts::{self, HOST_TTL, key, service, tags_with, weight};
use discovery_testkit::proxy::{Fault, Rule};
use tokio::time::timeout;

#[tokio::test]
async fn a_check_in_whose_reply_is_lost_is_answered_as_if_it_were_not() {
    let world = World::new().await;
    let node = world.node().await;
    node.proxy.set_fault(Fault::LoseReply.times(1));
    let first = node.accept(node.check_in("web", "10.0.0.1")).await;
    assert!(first.previous.is_none());
    node.proxy.set_fault(Fault::LoseReply.times(1));
    let check_in = node.check_in("web", "10.0.0.1");
    let tags = tags_with("new", "1");
    let second = node.accept(CheckIn { tags, ..check_in }).await;
    assert_eq!(
        second.previous.expect("there was a row").host,
        first.row.host
    );
    world.clock.advance_proving(&node.lease, HOST_TTL * 2);
    node.proxy.set_fault(Fault::LoseReply.times(1));
    let third = node.accept(node.check_in("web", "10.0.0.1")).await;
    assert_eq!(
        third.previous.expect("there was a row").host,
        second.row.host
    );
    assert_eq!(node.requests(), "PutItem 4, UpdateItem 2");
    assert_eq!(world.node().await.list("web").await[0].host, third.row.host);
}

#[tokio::test]
async fn a_check_in_whose_reply_is_lost_still_tells_what_it_has_changed() {
    let world = World::new().await;
    let node = world.node().await;
    let before = node.register("web", "10.0.0.1").await;
    let mut moved = node.check_in("web", "10.0.0.1");
    moved.service_repo_name = hosts::repo("elsewhere");
    node.proxy.set_fault(Fault::LoseReply.times(1));
    let previous = node.accept(moved).await.previous;
    assert_eq!(previous.map(|row| row.host), Some(before.host));
}

#[tokio::test]
async fn a_deletion_whose_reply_is_lost_found_the_host() {
    let world = World::new().await;
    let node = world.node().await;
    let row = node.register("web", "10.0.0.1").await;
    node.proxy.set_fault(Fault::LoseReply.times(1));
    let removed = node.repository.delete(&row.host.key).await;
    let removed = removed
        .expect("a host is deleted")
        .expect("the host was there");
    assert_eq!(removed.row.expect("this node knew the row").host, row.host);
    let removed = node.repository.delete(&row.host.key).await;
    assert!(removed.expect("a host is looked for").is_none());
}

#[tokio::test]
async fn a_deletion_that_was_refused_at_first_did_not_find_a_host_that_is_not_there() {
    let world = World::new().await;
    let node = world.node().await;
    for fault in [Fault::THROTTLE, Fault::THROTTLE_ACCOUNT] {
        node.proxy.set_fault(fault.times(2));
        let removed = node.repository.delete(&key("web", "10.0.0.1")).await;
        assert!(removed.expect("a host is looked for").is_none());
        assert_eq!(node.requests(), "DeleteItem 3");
    }
}

#[tokio::test]
async fn a_sweep_whose_reply_is_lost_removed_the_row() {
    let world = World::new().await;
    let node = world.node().await;
    let row = node.register("web", "10.0.0.1").await;
    node.proxy.set_fault(Fault::LoseReply.times(1));
    assert!(
        node.repository
            .delete_unrenewed(&row)
            .await
            .expect("a row is removed")
    );
    assert!(
        !node
            .repository
            .delete_unrenewed(&row)
            .await
            .expect("a row is looked at")
    );
}

#[tokio::test]
async fn a_renewal_whose_reply_is_lost_renewed_the_row() {
    let world = World::new().await;
    let node = world.node().await;
    let seen = node.register("web", "10.0.0.1").await;
    let later = node.check_in("web", "10.0.0.1").onto(Some(&seen));
    let later = later.expect("sample tags are within limits");
    node.proxy.set_fault(Fault::LoseReply.times(1));
    let renewed = node.repository.renew(&seen, &later).await;
    assert!(renewed.expect("a row is renewed"));
    assert_eq!(node.list("web").await[0].host, later.host);
}

#[tokio::test]
async fn a_weight_whose_reply_is_lost_is_answered_as_if_it_were_not() {
    let world = World::new().await;
    let node = world.node().await;
    let row = node.register("web", "10.0.0.1").await;
    node.requests();
    node.proxy.set_fault(Fault::LoseReply.times(1));
    let change = node.repository.set_weight(&row.host.key, weight(5)).await;
    let change = change.expect("a weight is set").expect("the host is there");
    assert_eq!(change.previous.expect("there was a row").host, row.host);
    assert_eq!(change.row.host.tags.weight(), Some(weight(5)));
    assert_eq!(node.requests(), "UpdateItem 2");
    node.proxy
        .set_fault(Fault::LoseReply.on("UpdateItem").times(1));
    let changes = node
        .repository
        .set_weight_of_service(&service("web"), weight(6))
        .await;
    assert_eq!(changes.expect("weights are set").len(), 1);
}

/// Every call of the port, as whether it succeeded.
async fn every_call(node: &Node) -> Vec<(&'static str, Result<(), StoreError>)> {
    let (repository, host, web) = (&node.repository, key("web", "10.0.0.1"), service("web"));
    let row = hosts::check_in(hosts::registration("web", "10.0.0.1"), node.lease.now());
    let row = row.onto(None).expect("sample tags are within limits");
    let now = node.lease.now();
    let check_in = repository.check_in(node.check_in("web", "10.0.0.1"));
    let check_in = check_in.await.map(drop).map_err(|error| match error {
        CheckInError::Store(error) => error,
        CheckInError::Tags(error) => panic!("{error}"),
    });
    vec![
        ("PutItem", check_in),
        (
            "Query",
            repository.hosts_of(&web, now.lease).await.map(drop),
        ),
        (
            "Query",
            repository
                .hosts_of_repo(&hosts::repo("r"), now.lease)
                .await
                .map(drop),
        ),
        ("GetItem", repository.get(&host).await.map(drop)),
        (
            "GetItem",
            repository.set_weight(&host, weight(5)).await.map(drop),
        ),
        (
            "Query",
            repository
                .set_weight_of_service(&web, weight(5))
                .await
                .map(drop),
        ),
        ("DeleteItem", repository.delete(&host).await.map(drop)),
        (
            "DeleteItem",
            repository.delete_unrenewed(&row).await.map(drop),
        ),
        ("DescribeTable", repository.services().await.map(drop)),
        ("DescribeTable", repository.prove(now.wall).await.map(drop)),
    ]
}

#[tokio::test]
async fn while_the_store_fails_every_call_says_that_it_is_unavailable_and_then_works_again() {
    let world = World::new().await;
    for fault in [
        Fault::Refuse,
        Fault::THROTTLE,
        Fault::THROTTLE_ACCOUNT,
        Fault::SERVER_ERROR,
    ] {
        let node = world.node().await;
        node.proxy.set_fault(fault.clone());
        for (operation, outcome) in every_call(&node).await {
            let error = outcome.expect_err("the store fails");
            assert!(
                matches!(error, StoreError::Unavailable { .. }),
                "{fault:?}: {error:?}"
            );
            let message = error.to_string();
            let named = format!("dynamodb {operation} on table \"hosts\" failed after ");
            assert!(message.contains(&named), "{fault:?}: {message}");
        }
        node.proxy.heal();
        for (operation, outcome) in every_call(&node).await {
            outcome.unwrap_or_else(|error| panic!("{operation} after {fault:?}: {error}"));
        }
    }
}

#[tokio::test]
async fn a_request_that_is_wrong_or_a_table_that_is_gone_is_not_tried_again() {
    let world = World::new().await;
    let node = world.node().await;
    for (code, passes) in [
        ("ValidationException", false),
        ("ResourceNotFoundException", true),
    ] {
        node.proxy.set_fault(Fault::Error { status: 400, code });
        for (operation, outcome) in every_call(&node).await {
            let error = outcome.expect_err("the store fails");
            // Who looks for a table that is not there is told to make it.
            let passes = passes && operation != "DescribeTable";
            assert_eq!(error.is_passing(), passes, "{operation}: {error:?}");
        }
        let counts = node.proxy.counts();
        assert!(counts.values().sum::<usize>() <= 11, "{counts:?}");
        node.proxy.reset_counts();
    }
}

#[tokio::test]
async fn a_request_that_hangs_is_sent_again_and_a_store_that_hangs_is_given_up_after_five_seconds()
{
    let world = World::new().await;
    let node = world.node().await;
    node.proxy.set_fault(Fault::Hang.times(1));
    node.register("web", "10.0.0.1").await;
    assert_eq!(node.requests(), "PutItem 2");
    node.proxy.set_fault(Fault::Hang);
    let check_in = node.repository.check_in(node.check_in("web", "10.0.0.1"));
    let refused = timeout(Duration::from_millis(5500), check_in).await;
    let refused = refused.expect("the store is given up");
    let error = refused.expect_err("the store hangs");
    assert!(
        matches!(error, CheckInError::Store(StoreError::Unavailable { .. })),
        "{error:?}"
    );
    assert!(node.proxy.count("UpdateItem") >= 2);
    let hung = node.scrape();
    let counted = r#"discovery_dynamodb_errors_total{operation="PutItem",kind="timeout"} 1"#;
    assert!(hung.contains(counted), "{hung}");
}

#[tokio::test]
async fn calls_that_are_throttled_now_and_then_all_succeed() {
    let world = World::new().await;
    let node = world.node().await;
    node.proxy.set_fault(Fault::THROTTLE.share(0.2));
    for number in 0..100 {
        node.register("web", &format!("10.0.0.{number}")).await;
    }
    assert_eq!(node.list("web").await.len(), 100);
    let changes = node
        .repository
        .set_weight_of_service(&service("web"), weight(5))
        .await;
    assert_eq!(changes.expect("weights are set").len(), 100);
    let scraped = node.scrape();
    let counted = r#"discovery_dynamodb_errors_total{operation="UpdateItem",kind="throttled"}"#;
    assert!(scraped.contains(counted), "{scraped}");
}

#[tokio::test]
async fn a_weight_of_a_service_that_fails_halfway_is_unavailable_and_safe_to_repeat() {
    let world = World::new().await;
    let node = world.node().await;
    for number in 0..40 {
        node.register("web", &format!("10.0.0.{number}")).await;
    }
    node.proxy.set_faults([
        Rule::from(Fault::Delay(Duration::ZERO))
            .on("UpdateItem")
            .times(20),
        Rule::from(Fault::Refuse).on("UpdateItem"),
    ]);
    let changes = node
        .repository
        .set_weight_of_service(&service("web"), weight(5))
        .await;
    let error = changes.expect_err("half of the hosts can't be written");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    node.proxy.heal();
    let changes = node
        .repository
        .set_weight_of_service(&service("web"), weight(5))
        .await;
    let count = changes.expect("weights are set").len();
    assert!((1..=40).contains(&count), "{count}");
    let rows = world.node().await.list("web").await;
    assert_eq!(rows.len(), 40);
    assert!(
        rows.iter()
            .all(|row| row.host.tags.weight() == Some(weight(5)))
    );
}

/// The answer of a call that is made again until it is answered.
macro_rules! acknowledged {
    ($call:expr) => {{
        let mut answered = None;
        for _ in 0..20 {
            if let Ok(answer) = $call.await {
                answered = Some(answer);
                break;
            }
        }
        answered.expect("a call is answered in the end")
    }};
}

/// One host's life as its owner and its operator see it: what was acknowledged last.
struct Life {
    ip: String,
    tags: Option<String>,
    turn: usize,
}

impl Life {
    /// Makes the next call on one of the nodes, until it is acknowledged.
    async fn next(&mut self, nodes: &[Node]) {
        self.turn += 1;
        let mixed = ((self.turn * 7 + self.ip.len() * 3) * 2_654_435_761) >> 7;
        let (node, host) = (&nodes[mixed % nodes.len()], key("web", &self.ip));
        match mixed % 11 {
            0..6 => {
                let tags = tags_with(&format!("t{}", mixed % 3), &self.turn.to_string());
                let sent = CheckIn {
                    tags,
                    ..node.check_in("web", &self.ip)
                };
                let change = acknowledged!(node.repository.check_in(sent.clone()));
                let seen = change.row.host.tags.as_str().to_owned();
                let merged = self.tags.as_deref().map_or(sent.tags.clone(), |before| {
                    hosts::tags(before).merged(&sent.tags).expect("few tags")
                });
                assert_eq!(seen, merged.as_str(), "{} after {:?}", self.ip, self.tags);
                self.tags = Some(seen);
            }
            6..10 => {
                let weight = weight(u8::try_from(mixed % 100 + 1).expect("a small number"));
                let change = acknowledged!(node.repository.set_weight(&host, weight));
                assert_eq!(change.is_some(), self.tags.is_some(), "{}", self.ip);
                self.tags = self.tags.take().map(|before| {
                    let after = hosts::tags(&before).with_weight(weight);
                    after.as_str().to_owned()
                });
            }
            _ => {
                acknowledged!(node.repository.delete(&host));
                self.tags = None;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_two_nodes_and_a_failing_store_nothing_acknowledged_is_lost() {
    let world = World::new().await;
    let nodes = std::sync::Arc::new([world.node().await, world.node().await]);
    for node in &*nodes {
        node.proxy.set_faults([
            Fault::LoseReply.share(0.04),
            Fault::Refuse.share(0.02),
            Fault::THROTTLE.share(0.03),
            Fault::SERVER_ERROR.share(0.03),
        ]);
    }
    let lives = (0..8).map(|number| {
        let nodes = std::sync::Arc::clone(&nodes);
        tokio::spawn(async move {
            let ip = format!("10.0.0.{number}");
            let mut life = Life {
                ip,
                tags: None,
                turn: number * 1000,
            };
            for _ in 0..60 {
                life.next(&*nodes).await;
            }
            life
        })
    });
    let lives: Vec<_> = lives.collect();
    for life in lives {
        let life = life.await.expect("nothing acknowledged was lost");
        let stored = world.item("web", &life.ip).await;
        let tags = stored
            .as_ref()
            .map(|item| common::text(item, "tags").to_owned());
        assert_eq!(tags, life.tags, "{}", life.ip);
    }
}
