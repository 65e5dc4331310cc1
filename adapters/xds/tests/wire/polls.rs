//! Discovery by polls, as an Envoy does it over REST.

use std::time::Duration;

use crate::node::{Node, PATIENCE, Start};
use discovery_testkit::Fault;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

const CLUSTERS: &str = "/v3/discovery:clusters";
const ENDPOINTS: &str = "/v3/discovery:endpoints";

async fn post(node: &Node, path: &str, body: impl Into<reqwest::Body>) -> Response {
    let url = format!("http://{}{path}", node.address);
    let request = reqwest::Client::new().post(url).body(body);
    let request = request.header("content-type", "application/json");
    request.send().await.unwrap()
}

async fn poll(node: &Node, path: &str, body: &Value) -> Response {
    post(node, path, body.to_string()).await
}

async fn found(response: Response) -> Value {
    assert_eq!(response.headers()["content-type"], "application/json");
    let (status, body) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, StatusCode::OK, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The addresses of the hosts of the first resource.
fn addresses(found: &Value) -> Vec<&str> {
    let localities = found["resources"][0]["endpoints"].as_array().unwrap();
    let hosts = localities
        .iter()
        .flat_map(|l| l["lb_endpoints"].as_array().unwrap());
    hosts
        .map(|host| {
            host["endpoint"]["address"]["socket_address"]["address"]
                .as_str()
                .unwrap()
        })
        .collect()
}

fn names(found: &Value, member: &str) -> Vec<String> {
    let resources = found["resources"].as_array().unwrap().iter();
    resources
        .map(|resource| resource[member].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_poll_is_answered_when_there_is_something_new_and_304_when_there_is_not() {
    let node = Node::start().await;
    node.register("users", "10.0.0.1").await;
    let ask = |version: &Value| json!({"resource_names": ["users"], "version_info": version});
    let first = found(poll(&node, ENDPOINTS, &ask(&Value::Null)).await).await;
    assert_eq!(addresses(&first), ["10.0.0.1"], "{first}");
    node.register("users", "10.0.0.1").await;
    let same = poll(&node, ENDPOINTS, &ask(&first["version_info"])).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(same.text().await.unwrap(), "");
    node.register("users", "10.0.0.2").await;
    let second = found(poll(&node, ENDPOINTS, &ask(&first["version_info"])).await).await;
    assert_eq!(addresses(&second), ["10.0.0.1", "10.0.0.2"]);
    assert_ne!(first["version_info"], second["version_info"]);
}

#[tokio::test]
async fn what_a_real_envoy_sends_is_understood_without_its_extensions() {
    let node = Node::start().await;
    node.register("users", "10.0.0.1").await;
    let extension = json!({
        "name": "envoy.filters.connection_pools.tcp.generic",
        "category": "envoy.upstreams",
        "type_urls": ["envoy.extensions.upstreams.tcp.generic.v3.GenericConnectionPoolProto"],
    });
    let ask = json!({
        "node": {
            "id": "lab-node",
            "cluster": "lab-cluster",
            "metadata": {"role": "lab"},
            "locality": {"region": "us-east-1", "zone": "us-east-1a"},
            "user_agent_name": "envoy",
            "user_agent_build_version": {"version": {"major_number": 1, "minor_number": 40}},
            "extensions": vec![extension; 516],
        },
        "resource_names": ["users"],
        "type_url": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    });
    assert!(ask.to_string().len() > 64 * 1024);
    assert_eq!(
        addresses(&found(poll(&node, ENDPOINTS, &ask).await).await),
        ["10.0.0.1"]
    );
    let camel =
        json!({"resourceNames": ["users"], "versionInfo": null, "typeUrl": "", "node": null});
    assert_eq!(
        addresses(&found(poll(&node, ENDPOINTS, &camel).await).await),
        ["10.0.0.1"]
    );
}

#[tokio::test]
async fn a_service_that_nobody_knows_has_no_endpoints() {
    let node = Node::start().await;
    for name in ["nobody", "", "a\nb", &"x".repeat(1000)] {
        let answer = found(poll(&node, ENDPOINTS, &json!({"resource_names": [name]})).await).await;
        assert_eq!(answer["resources"].as_array().unwrap().len(), 1);
        assert_eq!(answer["resources"][0]["cluster_name"], name);
        assert_eq!(answer["resources"][0]["endpoints"], json!([]));
    }
}

#[tokio::test]
async fn the_last_host_is_taken_away_when_it_is_gone() {
    let node = Node::start().await;
    node.register("users", "10.0.0.1").await;
    let ask = json!({"resource_names": ["users"]});
    assert_eq!(
        addresses(&found(poll(&node, ENDPOINTS, &ask).await).await).len(),
        1
    );
    node.deregister("users", "10.0.0.1").await;
    assert_eq!(
        addresses(&found(poll(&node, ENDPOINTS, &ask).await).await).len(),
        0
    );
}

#[tokio::test]
async fn several_services_come_in_the_order_in_which_they_are_asked_for_each_once() {
    let node = Node::start().await;
    let wanted: Vec<String> = (0..100)
        .rev()
        .map(|number| format!("svc-{number}"))
        .collect();
    for name in &wanted {
        node.register(name, "10.0.0.1").await;
    }
    let twice: Vec<&String> = wanted.iter().chain(&wanted).collect();
    let answer = found(poll(&node, ENDPOINTS, &json!({"resource_names": twice})).await).await;
    assert_eq!(names(&answer, "cluster_name"), wanted);
    let again = json!({"resource_names": wanted, "version_info": answer["version_info"]});
    assert_eq!(
        poll(&node, ENDPOINTS, &again).await.status(),
        StatusCode::NOT_MODIFIED
    );
    node.deregister("svc-7", "10.0.0.1").await;
    assert_eq!(
        poll(&node, ENDPOINTS, &again).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_store_that_fails_empties_nobody() {
    let node = Node::start_with(Start {
        fault: Fault::Refuse,
        ..Start::default()
    })
    .await;
    for (path, ask) in [
        (ENDPOINTS, json!({"resource_names": ["users"]})),
        (ENDPOINTS, json!({"resource_names": ["nobody", "users"]})),
        (CLUSTERS, json!({})),
    ] {
        let refused = poll(&node, path, &ask).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["retry-after"], "1");
        let error: Value = refused.json().await.unwrap();
        assert!(
            error["error"].as_str().unwrap().contains("store"),
            "{error}"
        );
    }
    node.store.set(Fault::Break);
    let broken = poll(&node, ENDPOINTS, &json!({"resource_names": ["users"]})).await;
    assert_eq!(broken.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        node.metric("discovery_xds_polls_total{kind=\"endpoints\",status=\"503\"}"),
        2
    );
}

#[tokio::test]
async fn every_service_has_a_cluster_and_a_new_one_at_once() {
    let node = Node::start().await;
    let clusters = async |ask: Value| {
        loop {
            let response = poll(&node, CLUSTERS, &ask).await;
            if response.status() == StatusCode::OK {
                break found(response).await;
            }
            sleep(Duration::from_millis(2)).await;
        }
    };
    let nothing = clusters(json!({})).await;
    assert_eq!(
        nothing["resources"],
        json!([]),
        "the store has said that there is nothing"
    );
    node.register("users", "10.0.0.1").await;
    node.register("orders", "10.0.0.1").await;
    let two = async {
        loop {
            let known = clusters(json!({"version_info": nothing["version_info"]})).await;
            if known["resources"].as_array().unwrap().len() == 2 {
                break known;
            }
        }
    };
    let two = timeout(PATIENCE, two).await.unwrap();
    assert_eq!(names(&two, "name"), ["orders", "users"]);
    let source = &two["resources"][0]["eds_cluster_config"]["eds_config"]["api_config_source"];
    assert_eq!(source["api_type"], "REST");
    let again = json!({"version_info": two["version_info"]});
    assert_eq!(
        poll(&node, CLUSTERS, &again).await.status(),
        StatusCode::NOT_MODIFIED
    );
    node.deregister("users", "10.0.0.1").await;
    assert_eq!(
        poll(&node, CLUSTERS, &again).await.status(),
        StatusCode::NOT_MODIFIED
    );
    let named = clusters(json!({"resource_names": ["people", "users", "no\u{1}name"]})).await;
    assert_eq!(names(&named, "name"), ["people", "users"]);
    let more = clusters(json!({"resource_names": ["*", "people", "users"]})).await;
    assert_eq!(names(&more, "name"), ["people", "orders", "users"]);
    for names in [json!([""]), json!(["no\u{1}name"])] {
        let refused = poll(&node, CLUSTERS, &json!({ "resource_names": names })).await;
        assert_eq!(
            refused.status(),
            StatusCode::BAD_REQUEST,
            "and not an empty list"
        );
    }
}

#[tokio::test]
async fn no_cluster_is_told_before_the_store_has_named_its_services() {
    let node = Node::start_with(Start {
        fault: Fault::Refuse,
        ..Start::default()
    })
    .await;
    for ask in [
        json!({}),
        json!({"resource_names": ["users"]}),
        json!({"resource_names": [""]}),
    ] {
        let answer = poll(&node, CLUSTERS, &ask).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{ask}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let node = Node::start().await;
    let too_many = json!({"resource_names": vec!["x"; 1001]}).to_string();
    for (path, body, wrong) in [
        (ENDPOINTS, "", "discovery request"),
        (ENDPOINTS, "[]", "discovery request"),
        (ENDPOINTS, "{\"resource_names\": [1]}", "expected a string"),
        (
            ENDPOINTS,
            "{\"node\": [\"x\"], \"resource_names\": [\"x\"]}",
            "expected an object",
        ),
        (ENDPOINTS, "{}", "must name the services"),
        (
            ENDPOINTS,
            "{\"resource_names\": []}",
            "must name the services",
        ),
        (ENDPOINTS, &too_many, "at most 1000 names, got 1001"),
        (CLUSTERS, "{\"type_url\": \"x\"}", "got \"x\""),
    ] {
        let refused = post(&node, path, body.to_owned()).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{body:.40}");
        let error: Value = refused.json().await.unwrap();
        assert!(error["error"].as_str().unwrap().contains(wrong), "{error}");
    }
    let large = post(&node, ENDPOINTS, vec![b' '; 1024 * 1024 + 1]).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let mut longest = json!({"resource_names": ["x"]}).to_string();
    longest.extend(std::iter::repeat_n(' ', 1024 * 1024 - longest.len()));
    assert_eq!(
        post(&node, ENDPOINTS, longest).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_error_names_the_request_that_it_answers() {
    let node = Node::start().await;
    let url = format!("http://{}{ENDPOINTS}", node.address);
    let request = reqwest::Client::new()
        .post(url)
        .header("x-request-id", "r-1")
        .body("{}");
    let error: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(error["request_id"], "r-1");
}

#[tokio::test]
async fn a_client_that_asks_on_with_an_old_version_is_counted_as_having_rejected_the_new_one() {
    let node = Node::start().await;
    let rejections = || node.metric("discovery_xds_rejections_total{kind=\"endpoints\"}");
    node.register("users", "10.0.0.1").await;
    let ask = |version: &Value| json!({"node": {"id": "n"}, "resource_names": ["users"], "version_info": version});
    let first =
        found(poll(&node, ENDPOINTS, &ask(&Value::Null)).await).await["version_info"].take();
    node.register("users", "10.0.0.2").await;
    for _ in 0..2 {
        poll(&node, ENDPOINTS, &ask(&first)).await;
    }
    assert_eq!(rejections(), 0, "it may be two clusters that poll");
    let counted = async {
        while rejections() == 0 {
            poll(&node, ENDPOINTS, &ask(&first)).await;
        }
    };
    timeout(PATIENCE, counted).await.unwrap();
    assert_eq!(rejections(), 1);
    let other =
        json!({"node": {"id": "other"}, "resource_names": ["users"], "version_info": first});
    poll(&node, ENDPOINTS, &other).await;
    poll(&node, ENDPOINTS, &json!({"resource_names": ["users"]})).await;
    assert_eq!(
        rejections(),
        1,
        "others were never told, or nobody knows who they are"
    );
}

#[tokio::test]
async fn nothing_else_is_discovered_by_polls() {
    let node = Node::start().await;
    for path in ["/v3/discovery:listeners", "/v3/discovery", "/v3/clusters"] {
        let answer = poll(&node, path, &json!({})).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
