//! A store that refuses reads and takes writes: the node says so, serves what it knows, and says when it is over.

mod support;

use discovery_testkit::emulator::Emulator;
use discovery_testkit::proxy::{Fault, Proxy};
use serde_json::Value;
use support::{Node, wait_until};

const FORM: &str =
    "ip=10.0.0.1&port=80&revision=a&tags={\"az\":\"a\",\"region\":\"b\",\"instance_id\":\"c\"}";

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_can_write_and_not_read_is_degraded_and_not_well() {
    let node = behind(|proxy| {
        let node = started(proxy.url());
        let answer = node.post("/v1/registration/known", FORM);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(node.call("GET", "/v1/registration/known").status, 200);
        proxy.set_fault(Fault::SERVER_ERROR.on("Query"));
        let unread = node.call("GET", "/v1/registration/never-read");
        assert_eq!(unread.status, 503);
        let wrong = unread.text().matches("the store is unavailable").count();
        assert_eq!(wrong, 1, "{}", unread.text());
        let failing = wait_until("it says so", || report(&node, "degraded"));
        assert_eq!(failing["store"], "failing");
        let reason = failing["reason"].as_str().expect("a reason");
        assert!(reason.starts_with("the store is unavailable: "), "{reason}");
        proxy.heal();
        let well = wait_until("it is over", || report(&node, "ready"));
        assert_eq!(well["store"], "ok");
        node
    })
    .await;
    let early = ["services can't be looked for", "the store fails\""];
    let log = node.log();
    let alarm = log
        .iter()
        .find(|line| early.iter().any(|early| line.contains(early)));
    assert_eq!(alarm, None, "a table that is being made is no failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_while_it_can_read_and_not_write_is_ready_for_readers() {
    behind(|proxy| {
        drop(started(proxy.url()));
        proxy.set_fault(Fault::SERVER_ERROR.on("UpdateItem").on("PutItem"));
        let node = start(proxy.url());
        let report = wait_until("it is ready for readers", || report(&node, "degraded"));
        assert_eq!(report["store"], "failing");
        assert_eq!(node.call("GET", "/v1/registration/any").status, 200);
        assert_eq!(node.post("/v1/registration/any", FORM).status, 503);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_items_is_no_empty_list() {
    behind(|proxy| {
        let node = started(proxy.url());
        assert_eq!(node.post("/v1/registration/known", FORM).status, 200);
        assert_eq!(node.call("GET", "/v1/registration/known").status, 200);
        for status in [200, 404, 429] {
            let code = "Nobody";
            proxy.set_fault(Fault::Error { status, code }.on("Query"));
            let known = node.call("GET", "/v1/registration/known");
            assert!(known.text().contains("10.0.0.1"), "{}", known.text());
            proxy.heal();
            wait_until("the store answers", || report(&node, "ready"));
        }
        proxy.set_fault(
            Fault::Error {
                status: 200,
                code: "Nobody",
            }
            .on("Query"),
        );
        let unread = node.call("GET", "/v1/registration/never-read");
        assert_eq!(unread.status, 503, "{}", unread.text());
    })
    .await;
}

/// Tries something with a store that is reached through a proxy.
async fn behind<T: Send + 'static>(tried: impl FnOnce(&Proxy) -> T + Send + 'static) -> T {
    let emulator = Emulator::start().await;
    let proxy = Proxy::start(emulator.url()).await;
    let outcome = tokio::task::spawn_blocking(move || tried(&proxy)).await;
    outcome.expect("nothing is amiss")
}

/// A node that makes its table.
fn started(url: &str) -> Node {
    let node = start(url);
    wait_until("the node is ready", || report(&node, "ready"));
    node
}

fn start(url: &str) -> Node {
    Node::start(&[
        ("BACKEND_STORAGE", "DynamoDB"),
        ("DYNAMODB_TABLE_HOSTS", "hosts"),
        ("DYNAMODB_URL", url),
        ("DYNAMODB_CREATE_TABLES_IN_APP", "true"),
        ("CACHE_TYPE", "null"),
    ])
}

/// What the node says of itself, if that is its status.
fn report(node: &Node, status: &str) -> Option<Value> {
    let report: Value = serde_json::from_str(node.call("GET", "/readyz").text()).ok()?;
    (report["status"] == status).then_some(report)
}
