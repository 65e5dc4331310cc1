//! Two nodes on one table, with hosts that check in and operators that weigh and delete them on either node at the
//! same time: nothing that was acknowledged is lost, nothing that was deleted comes back, and each shows at once what the
//! other has changed.

mod support;

use std::net::SocketAddr;
use std::thread;

use discovery_testkit::emulator::Emulator;
use serde_json::Value;
use support::client::{Answer, Connection, request};
use support::{Node, wait_until};

const HOSTS: usize = 32;
const ROUNDS: usize = 4;
/// Per host and round: as many check-ins on each of the nodes as weights, and a last one of each.
const BEATS: usize = 26;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_on_two_nodes_that_share_a_table() {
    let emulator = Emulator::start().await;
    let url = emulator.url().to_owned();
    let operations = tokio::task::spawn_blocking(move || {
        let nodes = [node(&url), node(&url)];
        let addresses = [nodes[0].address, nodes[1].address];
        let hosts: Vec<_> = (0..HOSTS)
            .map(|host| thread::spawn(move || live(host, addresses)))
            .collect();
        let operations: usize = hosts
            .into_iter()
            .map(|host| host.join().expect("no host is wronged"))
            .sum();
        drop(nodes);
        operations
    });
    let operations = operations.await.expect("no host is wronged");
    assert!(operations >= 10_000, "only {operations} operations");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_shows_what_another_has_changed_however_long_it_keeps_its_lists() {
    let emulator = Emulator::start().await;
    let url = emulator.url().to_owned();
    let shown = tokio::task::spawn_blocking(move || {
        let cache = [("CACHE_TYPE", "simple"), ("CACHE_TTL", "3600")];
        let [one, other] = [(); 2].map(|()| node_with(&url, &cache));
        assert!(found(other.address, 1).is_none());
        register(&mut Connection::to(one.address), 1, "first");
        wait_until("the other node shows the host", || found(other.address, 1));
        register(&mut Connection::to(one.address), 1, "second");
        wait_until("the other node shows the change", || {
            found(other.address, 1).filter(|host| host["revision"] == "second")
        });
        // Right after another change, so that it waits for its turn to be told when the node is stopped.
        register(&mut Connection::to(one.address), 2, "first");
        let deleted = one.call("DELETE", "/v1/registration/service-1/10.0.0.1");
        assert_eq!(deleted.status, 200, "{deleted:?}");
        assert!(one.stop().success());
        wait_until("the other node shows the last deletion", || {
            found(other.address, 1).is_none().then_some(())
        });
    });
    shown.await.expect("the other node shows everything");
}

fn node(url: &str) -> Node {
    node_with(url, &[])
}

fn node_with(url: &str, more: &[(&str, &str)]) -> Node {
    let table = [
        ("BACKEND_STORAGE", "DynamoDB"),
        ("DYNAMODB_TABLE_HOSTS", "hosts"),
        ("DYNAMODB_URL", url),
        ("DYNAMODB_CREATE_TABLES_IN_APP", "true"),
    ];
    let node = Node::start(&[&table, more].concat());
    wait_until("the node is ready", || {
        (node.call("GET", "/readyz").status == 200).then_some(())
    });
    node
}

/// A host's rounds of being registered, weighed and deleted; returns how many operations that took.
fn live(host: usize, nodes: [SocketAddr; 2]) -> usize {
    let mut operations = 0;
    for round in 0..ROUNDS {
        operations += check_in_and_weigh(host, round, nodes);
        operations += delete_and_weigh(host, nodes);
    }
    operations
}

/// Check-ins on both nodes race with weights; both the last check-in and the last weight must stand.
fn check_in_and_weigh(host: usize, round: usize, nodes: [SocketAddr; 2]) -> usize {
    register(&mut Connection::to(nodes[0]), host, "first");
    let beats = nodes.map(|node| {
        thread::spawn(move || {
            let mut node = Connection::to(node);
            (0..BEATS).for_each(|beat| register(&mut node, host, &format!("beat-{beat}")));
        })
    });
    let mut operator = Connection::to(nodes[round % 2]);
    let mut weight = 0;
    for beat in 0..BEATS {
        weight = 1 + (host + 31 * beat + round) % 100;
        assert_eq!(weigh(&mut operator, host, weight).status, 204);
    }
    for beats in beats {
        beats.join().expect("a check-in is acknowledged");
    }
    register(&mut Connection::to(nodes[(round + 1) % 2]), host, "last");
    for node in nodes {
        let shown = wait_until("both nodes show the last check-in", || {
            found(node, host).filter(|shown| shown["revision"] == "last")
        });
        assert_eq!(shown["tags"]["load_balancing_weight"], weight, "{shown}");
    }
    3 * BEATS + 2
}

/// A deletion races with weights on the other node, none of which may bring the host back.
fn delete_and_weigh(host: usize, nodes: [SocketAddr; 2]) -> usize {
    let operator = thread::spawn(move || {
        let mut node = Connection::to(nodes[1]);
        (0..4).for_each(|weight| {
            let status = weigh(&mut node, host, weight + 1).status;
            assert!(matches!(status, 204 | 404), "{status}");
        });
    });
    let path = format!("/v1/registration/service-{}/10.0.0.{host}", host % 3);
    let deleted = Connection::to(nodes[0]).ask(&request("DELETE", &path, &[], ""));
    assert_eq!(deleted.status, 200, "{deleted:?}");
    operator
        .join()
        .expect("a weight is acknowledged or finds no host");
    for node in nodes {
        wait_until("the host is gone on both nodes", || {
            found(node, host).is_none().then_some(())
        });
    }
    5
}

fn register(node: &mut Connection, host: usize, revision: &str) {
    let tags =
        "tags=%7B%22az%22%3A%22a%22%2C%22region%22%3A%22r%22%2C%22instance_id%22%3A%22i%22%7D";
    let form = format!("ip=10.0.0.{host}&port=80&revision={revision}&{tags}");
    let answer = post(
        node,
        &format!("/v1/registration/service-{}", host % 3),
        &form,
    );
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn weigh(node: &mut Connection, host: usize, weight: usize) -> Answer {
    let path = format!("/v1/loadbalancing/service-{}/10.0.0.{host}", host % 3);
    post(node, &path, &format!("load_balancing_weight={weight}"))
}

fn post(node: &mut Connection, path: &str, form: &str) -> Answer {
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    node.ask(&request("POST", path, &kind, form))
}

/// What a node shows of a host.
fn found(node: SocketAddr, host: usize) -> Option<Value> {
    let path = format!("/v1/registration/service-{}", host % 3);
    let answer = Connection::to(node).ask(&request("GET", &path, &[], ""));
    let list: Value = serde_json::from_slice(&answer.body).expect("a list is JSON");
    let hosts = list["hosts"].as_array().expect("a list has hosts");
    hosts
        .iter()
        .find(|shown| shown["ip_address"] == format!("10.0.0.{host}"))
        .cloned()
}
