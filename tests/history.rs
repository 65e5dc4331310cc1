//! Why a host is (not) there, asked of the real binary.

mod support;

use discovery_testkit::emulator::{Emulator, item};
use discovery_testkit::proxy::{Fault, Gate, Proxy};
use serde_json::Value;
use support::{Node, wait_until};
use tokio::runtime::Builder;

const FORM: &str = "port=80&revision=a&tags={\"az\":\"a\",\"region\":\"b\",\"instance_id\":\"c\"}";

fn register(node: &Node, host: usize) {
    let answer = node.post("/v1/registration/web", &format!("ip=10.0.0.{host}&{FORM}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// What happened to the hosts of `web`, the latest first.
fn events(node: &Node) -> Vec<Value> {
    let answer = node.call("GET", "/v1/history/web");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut history: Value = serde_json::from_slice(&answer.body).expect("JSON");
    match history["events"].take() {
        Value::Array(events) => events,
        other => panic!("{other}"),
    }
}

fn kinds(node: &Node) -> Vec<String> {
    let kind = |event: &Value| event["event"].as_str().expect("text").to_owned();
    events(node).iter().map(kind).collect()
}

#[test]
fn a_host_that_expires_is_remembered_by_the_node_that_swept_it() {
    let node = Node::start(&[("HOST_TTL", "3")]);
    register(&node, 1);
    let events = wait_until("it has expired", || {
        let events = events(&node);
        (events[0]["event"] == "expired").then_some(events)
    });
    assert_eq!(kinds(&node), ["expired", "unlisted", "registered"]);
    let silent = events[0]["silent_seconds"].as_u64().expect("a number");
    assert!((3..30).contains(&silent), "{silent}");
    assert!(events[0]["request_id"].is_null() && events[2]["request_id"].is_string());
}

#[test]
fn a_guard_is_seen_in_metrics_log_and_history_until_an_operator_ends_it() {
    const METRIC: &str = "discovery_guarded_hosts 3\n";
    let node = Node::start(&[("HOST_TTL", "3"), ("ADMIN_API", "true")]);
    (1..=6).for_each(|host| register(&node, host));
    wait_until("the guard is on", || {
        let metrics = node.call("GET", "/metrics");
        metrics.text().contains(METRIC).then_some(())
    });
    assert!(
        node.call("GET", "/metrics")
            .text()
            .contains("discovery_guarded_services 1\n")
    );
    node.wait_for_log("the guard against mass expiry keeps expired hosts listed");
    let ready = node.call("GET", "/readyz");
    assert!(
        ready
            .text()
            .contains(r#""guarded": [{"service": "web", "hosts": 3}]"#),
        "{}",
        ready.text()
    );
    let mut seen = kinds(&node);
    seen.truncate(6);
    seen.sort();
    let expected = [
        "guarded", "guarded", "guarded", "unlisted", "unlisted", "unlisted",
    ];
    assert_eq!(seen, expected);
    let release = node.call("POST", "/v1/admin/guard/web/release");
    assert_eq!(
        (release.status, release.text()),
        (
            200,
            "{\"service\": \"web\", \"released\": 6, \"guarded\": 0}\n"
        )
    );
    assert!(
        node.call("GET", "/v1/registration/web")
            .text()
            .ends_with("\"hosts\": []}\n")
    );
    assert_eq!(kinds(&node)[..6], ["released"; 6]);
    node.wait_for_log("the guard against mass expiry has ended");
    wait_until("the metrics show it", || {
        let metrics = node.call("GET", "/metrics");
        (metrics.text().contains("discovery_guarded_hosts 0\n")).then_some(())
    });
}

#[test]
fn operators_operations_are_off_unless_they_are_turned_on() {
    let node = Node::start(&[]);
    let refused = node.call("POST", "/v1/admin/guard/web/release");
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("ADMIN_API=true"),
        "{}",
        refused.text()
    );
}

#[test]
fn as_many_events_are_remembered_as_the_setting_says() {
    for (setting, remembered) in [("2", 2), ("0", 0)] {
        let node = Node::start(&[("HISTORY_EVENTS", setting)]);
        (1..=5).for_each(|host| register(&node, host));
        assert_eq!(events(&node).len(), remembered);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_whose_client_takes_it_back_over_http2_is_shown_and_remembered_all_the_same() {
    let emulator = Emulator::start().await;
    emulator.create_table("hosts").await;
    let (proxy, gate) = (Proxy::start(emulator.url()).await, Gate::default());
    let node = Node::start(&[
        ("BACKEND_STORAGE", "DynamoDB"),
        ("DYNAMODB_TABLE_HOSTS", "hosts"),
        ("DYNAMODB_URL", proxy.url()),
        ("CACHE_TYPE", "simple"),
        ("CACHE_TTL", "3600"),
    ]);
    register(&node, 1);
    let list = || node.call("GET", "/v1/registration/web");
    assert!(list().text().contains("10.0.0.1"));
    proxy.set_fault(Fault::HoldReply(gate.clone()).on("DeleteItem"));
    let client = reqwest::Client::builder().http2_prior_knowledge().build();
    let host = format!("http://{}/v1/registration/web/10.0.0.1", node.address);
    let deleting = client.expect("a client").delete(host).send();
    // Whose end closes its connections.
    let clients = Builder::new_multi_thread().enable_all().build();
    let clients = clients.expect("threads for the client");
    clients.spawn(deleting);
    gate.reached_by(1).await;
    clients.shutdown_background();
    // The node notices before it answers what is asked later.
    (0..10).for_each(|_| assert_eq!(node.call("GET", "/healthcheck").status, 200));
    gate.open();
    wait_until("it is remembered", || {
        (kinds(&node) == ["deregistered", "registered"]).then_some(())
    });
    assert!(!list().text().contains("10.0.0.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_row_that_cannot_be_read_says_why_its_host_is_not_listed() {
    let emulator = Emulator::start().await;
    emulator.create_table("hosts").await;
    let broken = item(&[("service", "web"), ("ip_address", "10.0.0.1")]);
    emulator.put("hosts", broken).await;
    let node = Node::start(&[
        ("BACKEND_STORAGE", "DynamoDB"),
        ("DYNAMODB_TABLE_HOSTS", "hosts"),
        ("DYNAMODB_URL", emulator.url()),
    ]);
    let list = node.call("GET", "/v1/registration/web");
    assert!(list.text().ends_with("\"hosts\": []}\n"), "{}", list.text());
    let events = events(&node);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["event"], "unreadable");
    assert_eq!(events[0]["reason"], "last_check_in is missing");
}
