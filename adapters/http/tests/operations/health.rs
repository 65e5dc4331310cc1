use std::time::Duration;

use discovery_testkit::hosts::HOST_TTL;
use serde_json::json;

use crate::support::{Call, Server};

#[tokio::test]
async fn a_node_is_alive_whatever_its_store_does() {
    let server = Server::new();
    server.health.store_fails("unreachable");
    server.health.stops();
    let answer = server.answer(Call::get("/healthcheck?x=1")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "OK"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
}

async fn not_ready(server: &Server) -> String {
    let answer = server.answer(Call::get("/readyz")).await;
    assert_eq!(answer.header("retry-after"), Some("1"));
    answer.error(503)
}

#[tokio::test]
async fn a_node_is_ready_from_the_first_answer_of_its_store_until_it_stops() {
    let server = Server::new();
    assert_eq!(
        not_ready(&server).await,
        "the store has not answered yet: it has not been asked"
    );
    server
        .health
        .store_fails("the table \"hosts\" does not exist");
    assert_eq!(
        not_ready(&server).await,
        "the store has not answered yet: the table \"hosts\" does not exist"
    );
    server.health.store_answers();
    let ready = server.answer(Call::get("/readyz")).await;
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (
            200,
            "{\"status\": \"ready\", \"store\": \"ok\", \"services\": 0, \"hosts\": 0, \"guarded\": []}\n"
        )
    );
    server.health.store_fails("timed out");
    let degraded = server.answer(Call::get("/readyz")).await;
    assert_eq!(degraded.status, 200);
    assert_eq!(
        degraded.json(),
        json!({"status": "degraded", "reason": "timed out", "store": "failing", "services": 0, "hosts": 0, "guarded": []})
    );
    server.health.stops();
    assert_eq!(not_ready(&server).await, "this node is stopping");
}

#[tokio::test]
async fn a_node_that_has_loaded_what_it_knew_is_ready_before_its_store_answers() {
    let server = Server::new();
    server.health.has_something_to_serve();
    let degraded = server.answer(Call::get("/readyz")).await;
    assert_eq!(degraded.status, 200);
    assert_eq!(
        degraded.json(),
        json!({"status": "degraded", "reason": "it has not been asked", "store": "failing", "services": 0, "hosts": 0, "guarded": []})
    );
}

#[tokio::test]
async fn readiness_counts_what_the_node_knows() {
    let server = Server::new();
    server.health.store_answers();
    server.register("web", "10.0.0.1").await;
    server.register("web", "10.0.0.2").await;
    server.register("api", "10.0.0.1").await;
    let ready = server.answer(Call::get("/readyz")).await.json();
    assert_eq!(
        (&ready["services"], &ready["hosts"]),
        (&json!(2), &json!(3))
    );
}

#[tokio::test]
async fn readiness_names_the_services_whose_lists_are_guarded() {
    let server = Server::new();
    server.health.store_answers();
    for host in 1..=6 {
        server.register("web", &format!("10.0.0.{host}")).await;
    }
    let lease = server.registry.lease();
    server
        .clock
        .advance_proving(lease, HOST_TTL + Duration::from_secs(1));
    assert_eq!(server.hosts("web").await.as_array().unwrap().len(), 3);
    let ready = server.answer(Call::get("/readyz")).await.json();
    assert_eq!(ready["guarded"], json!([{"service": "web", "hosts": 3}]));
}
