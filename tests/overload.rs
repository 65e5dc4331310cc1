//! What a node does when too much is asked of it.

mod support;

use std::net::TcpListener;
use std::thread;

use support::client::{Connection, request};
use support::{Node, wait_until};

const FORM: &str = "port=80&revision=a&tags={\"az\":\"a\",\"region\":\"b\",\"instance_id\":\"c\"}";

/// A node whose store takes connections and never answers.
fn node_with_a_store_that_hangs(environment: &[(&str, &str)]) -> (Node, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", silent.local_addr().expect("it is bound"));
    let mut all = vec![
        ("BACKEND_STORAGE", "DynamoDB"),
        ("DYNAMODB_TABLE_HOSTS", "hosts"),
        ("DYNAMODB_URL", &url),
    ];
    all.extend(environment);
    (Node::start(&all), silent)
}

fn heartbeat(host: usize) -> Vec<u8> {
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let form = format!("ip=10.0.0.{host}&{FORM}");
    request("POST", "/v1/registration/web", &[kind], &form)
}

fn metric(node: &Node, line: &str) -> Option<usize> {
    let metrics = node.call("GET", "/metrics");
    let value = metrics
        .text()
        .lines()
        .find_map(|known| known.strip_prefix(line))
        .map(str::trim);
    value.map(|value| value.parse().expect("a number"))
}

#[test]
fn what_the_store_has_no_time_for_is_refused_at_once_and_told_once() {
    let bounds = [("STORE_MAX_REQUESTS", "4"), ("STORE_MAX_WAITING", "4")];
    let (node, _store) = node_with_a_store_that_hangs(&bounds);
    let mut under_way: Vec<Connection> = (0..8).map(|_| node.connect()).collect();
    for (host, connection) in under_way[..4].iter_mut().enumerate() {
        connection.send(&heartbeat(host)).expect("the node reads");
    }
    wait_until("the store is asked as much as it may be", || {
        metric(&node, "discovery_http_requests_in_flight").filter(|requests| *requests == 5)
    });
    for (host, connection) in under_way[4..].iter_mut().enumerate() {
        connection.send(&heartbeat(host)).expect("the node reads");
    }
    wait_until("as many wait as may", || {
        let waiting = metric(&node, "discovery_store_waiting{kind=\"check-ins\"}");
        waiting.filter(|waiting| *waiting == 4)
    });
    let refused = node.connect().ask(&heartbeat(99));
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    assert!(
        refused.text().contains("4 check-ins wait for it already"),
        "{}",
        refused.text()
    );
    // Those that wait are refused after a second, the others when the store has had its time.
    let said = under_way.iter_mut().map(|connection| {
        let answer = connection.answer().expect("an answer");
        assert_eq!(answer.status, 503);
        answer.text().contains("too much to do")
    });
    let said: Vec<bool> = said.collect();
    assert_eq!(said, [false, false, false, false, true, true, true, true]);
    let count = metric(&node, "discovery_store_refused_total{kind=\"check-ins\"}");
    assert_eq!(count, Some(5));
    let told = node.log();
    let told = told
        .iter()
        .filter(|line| line.contains("STORE_MAX_REQUESTS"));
    assert!((1..=3).contains(&told.count()), "{:#?}", node.log());
}

#[test]
fn readers_of_unknown_services_cost_no_heartbeat_and_no_known_list() {
    let bounds = [("STORE_MAX_REQUESTS", "4"), ("STORE_MAX_WAITING", "0")];
    let (node, _store) = node_with_a_store_that_hangs(&bounds);
    let statuses = thread::scope(|scope| {
        let readers: Vec<_> = (0..8)
            .map(|reader| {
                let node = &node;
                scope.spawn(move || {
                    let answer = node.call("GET", &format!("/v1/registration/unknown{reader}"));
                    (answer.status, answer.text().contains("too much to do"))
                })
            })
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().expect("no panic"))
            .collect::<Vec<_>>()
    });
    assert!(statuses.iter().all(|(status, _)| *status == 503));
    // One at a time is read; while it hangs the others are refused.
    assert!(statuses.iter().filter(|(_, refused)| *refused).count() >= 6);
    let lines = |kind| {
        metric(
            &node,
            &format!("discovery_store_refused_total{{kind=\"{kind}\"}}"),
        )
    };
    assert!(lines("lists") >= Some(6));
    assert_eq!(lines("check-ins"), Some(0));
}
