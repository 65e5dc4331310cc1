use std::time::Duration;

use discovery_testkit::hosts::REQUIRED_TAGS;
use serde_json::{Value, json};

use crate::support::{Call, Server, host_but};

const WEB: &str = "/v1/history/web";

/// What is remembered, each event without its time.
async fn events(server: &Server, path: &str) -> Vec<Value> {
    let answer = server.answer(Call::get(path)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let Value::Array(mut events) = answer.json()["events"].take() else {
        panic!("{}", answer.body);
    };
    for event in &mut events {
        let at = event.as_object_mut().unwrap().remove("at");
        let at = at.unwrap().as_str().unwrap().to_owned();
        chrono::DateTime::parse_from_rfc3339(&at).expect(&at);
        assert!(at.len() == 27 && at.ends_with('Z'), "{at}");
    }
    events
}

/// The kinds of events, the latest first.
async fn kinds(server: &Server, path: &str) -> Vec<String> {
    let kind = |event: &Value| event["event"].as_str().unwrap().to_owned();
    events(server, path).await.iter().map(kind).collect()
}

fn heartbeat(id: &str, fields: &[(&str, &str)]) -> Call {
    Call::post("/v1/registration/web")
        .form(&host_but(fields))
        .header("x-request-id", id)
}

#[tokio::test]
async fn everything_that_requests_do_to_a_host_is_remembered_with_their_ids() {
    let server = Server::new();
    server.answer(heartbeat("a", &[])).await.done();
    server.answer(heartbeat("b", &[])).await.done();
    server
        .answer(heartbeat("c", &[("port", "9090")]))
        .await
        .done();
    for (id, path, weight) in [("d", "web/10.0.0.1", "7"), ("e", "web", "8")] {
        let call = Call::post(&format!("/v1/loadbalancing/{path}"))
            .form(&[("load_balancing_weight", weight)])
            .header("x-request-id", id);
        assert_eq!(server.answer(call).await.status, 204);
    }
    let delete = || Call::delete("/v1/registration/web/10.0.0.1");
    server
        .answer(delete().header("x-request-id", "f"))
        .await
        .done();
    server
        .answer(delete().header("x-request-id", "g"))
        .await
        .error(400);
    let host = "10.0.0.1";
    let expected = [
        json!({"ip_address": host, "event": "deregistered", "request_id": "f"}),
        json!({"ip_address": host, "event": "weight_set", "request_id": "e", "load_balancing_weight": 8}),
        json!({"ip_address": host, "event": "weight_set", "request_id": "d", "load_balancing_weight": 7}),
        json!({"ip_address": host, "event": "changed", "request_id": "c"}),
        json!({"ip_address": host, "event": "registered", "request_id": "a"}),
    ];
    assert_eq!(events(&server, WEB).await, expected);
    assert_eq!(events(&server, &format!("{WEB}/{host}")).await, expected);
}

#[tokio::test]
async fn a_request_that_is_refused_is_not_remembered() {
    let server = Server::new();
    server
        .answer(heartbeat("a", &[("port", "0")]))
        .await
        .error(400);
    let weight =
        Call::post("/v1/loadbalancing/web/10.0.0.1").json(r#"{"load_balancing_weight": 1}"#);
    server.answer(weight).await.error(404);
    assert!(events(&server, WEB).await.is_empty());
}

#[tokio::test]
async fn the_weight_of_a_service_is_remembered_of_the_hosts_whose_weight_it_changed() {
    let server = Server::new();
    let tags = REQUIRED_TAGS.replace('}', r#", "load_balancing_weight": 5}"#);
    server
        .answer(heartbeat("a", &[("tags", &tags)]))
        .await
        .done();
    server.register("web", "10.0.0.2").await;
    let call = Call::post("/v1/loadbalancing/web").form(&[("load_balancing_weight", "5")]);
    assert_eq!(server.answer(call).await.status, 204);
    assert_eq!(
        kinds(&server, "/v1/history/web/10.0.0.1").await,
        ["registered"]
    );
    assert_eq!(
        kinds(&server, "/v1/history/web/10.0.0.2").await,
        ["weight_set", "registered"]
    );
}

#[tokio::test]
async fn a_silent_host_is_remembered_as_expired_for_that_long() {
    let server = Server::new();
    server.register("web", "10.0.0.1").await;
    server.silence();
    server.silence();
    server.registry.sweep(10).await.1.unwrap();
    let expired = json!({"ip_address": "10.0.0.1", "event": "expired", "silent_seconds": 122});
    assert_eq!(events(&server, WEB).await[0], expired);
}

#[tokio::test]
async fn a_guard_is_remembered_of_every_host_that_it_touches() {
    let server = Server::new();
    for host in 1..=6 {
        server.register("web", &format!("10.0.0.{host}")).await;
        server.clock.advance(Duration::from_millis(1));
    }
    server.silence();
    assert_eq!(server.hosts("web").await.as_array().unwrap().len(), 3);
    assert_eq!(
        kinds(&server, "/v1/history/web/10.0.0.6").await,
        ["guarded", "registered"]
    );
    assert_eq!(
        kinds(&server, "/v1/history/web/10.0.0.1").await,
        ["unlisted", "registered"]
    );
    server.register("web", "10.0.0.1").await;
    server.hosts("web").await;
    assert_eq!(
        kinds(&server, "/v1/history/web/10.0.0.1?limit=1").await,
        ["returned"]
    );
}

#[tokio::test]
async fn the_latest_events_come_first_and_as_many_as_are_wanted() {
    let server = Server::new();
    for host in 1..=90 {
        server.register("web", &format!("10.0.0.{host}")).await;
    }
    for (query, count) in [
        ("", 90),
        ("?limit=1", 1),
        ("?limit=90", 90),
        ("?limit=1000", 90),
        ("?other=1", 90),
    ] {
        let events = events(&server, &format!("{WEB}{query}")).await;
        assert_eq!(events.len(), count, "{query}");
        assert_eq!(events[0]["ip_address"], "10.0.0.90", "{query}");
    }
    for wrong in ["0", "1001", "-1", "many", "", "1.0", "99999999999999999999"] {
        let answer = server.answer(Call::get(&format!("{WEB}?limit={wrong}")));
        assert_eq!(
            answer.await.wrong(400, "limit"),
            format!("must be an integer from 1 to 1000, got {wrong:?}")
        );
    }
}

#[tokio::test]
async fn what_nothing_is_remembered_of_has_an_empty_history() {
    let server = Server::new();
    server.register("web", "10.0.0.1").await;
    for (path, expected) in [
        (
            "/v1/history/nobody",
            json!({"service": "nobody", "events": []}),
        ),
        (
            "/v1/history/web/10.0.0.2",
            json!({"service": "web", "ip_address": "10.0.0.2", "events": []}),
        ),
        (
            "/v1/history/web/FD00::0001",
            json!({"service": "web", "ip_address": "fd00::1", "events": []}),
        ),
    ] {
        assert_eq!(server.answer(Call::get(path)).await.json(), expected);
    }
}

#[tokio::test]
async fn a_name_or_an_address_that_is_none_is_refused() {
    let server = Server::new();
    for path in ["/v1/history/a%0Ab", "/v1/history/a%0Ab/10.0.0.1"] {
        server.answer(Call::get(path)).await.wrong(400, "service");
    }
    for address in ["notanip", "010.0.0.1", "10.0.0.1%20"] {
        let path = format!("/v1/history/web/{address}?limit=x");
        let answer = server.answer(Call::get(&path)).await;
        answer.wrong(400, "ip_address");
        answer.wrong(400, "limit");
    }
}
