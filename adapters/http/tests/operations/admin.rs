use discovery_testkit::Fault;
use serde_json::json;

use crate::support::{Call, Server, settings};

const RELEASE: &str = "/v1/admin/guard/web/release";

/// A node whose service has six hosts, silent but for some.
async fn guarded(live: u8) -> Server {
    let server = Server::new();
    for host in 1..=6 {
        server.register("web", &format!("10.0.0.{host}")).await;
    }
    server.silence();
    for host in 1..=live {
        server.register("web", &format!("10.0.0.{host}")).await;
    }
    server
}

async fn listed(server: &Server) -> usize {
    server.hosts("web").await.as_array().unwrap().len()
}

#[tokio::test]
async fn a_released_guard_leaves_only_live_hosts_listed() {
    let server = guarded(1).await;
    server.health.store_answers();
    assert_eq!(listed(&server).await, 3);
    let answer = server
        .answer(Call::post(RELEASE).header("x-request-id", "abc"))
        .await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"service": "web", "released": 5, "guarded": 0}))
    );
    assert_eq!(listed(&server).await, 1);
    let ready = server.answer(Call::get("/readyz")).await.json();
    assert_eq!(ready["guarded"], json!([]));
    let history = server
        .answer(Call::get("/v1/history/web/10.0.0.2?limit=1"))
        .await
        .json();
    let event = &history["events"][0];
    assert_eq!(
        (&event["event"], &event["request_id"]),
        (&json!("released"), &json!("abc"))
    );
}

#[tokio::test]
async fn a_release_where_no_guard_is_on_removes_nobody() {
    for (server, hosts) in [
        (guarded(6).await, 6),
        (guarded(3).await, 3),
        (Server::new(), 0),
    ] {
        assert_eq!(listed(&server).await, hosts);
        let answer = server.answer(Call::post(RELEASE)).await;
        assert_eq!(
            answer.json(),
            json!({"service": "web", "released": 0, "guarded": 0})
        );
        assert_eq!(listed(&server).await, hosts);
    }
}

#[tokio::test]
async fn operators_operations_that_are_off_say_how_to_have_them() {
    let server = Server::with(discovery_http::HttpSettings {
        admin_api: false,
        ..settings()
    });
    for path in [RELEASE, "/v1/admin/guard/a%0Ab/release"] {
        let error = server.answer(Call::post(path)).await.error(403);
        assert!(error.contains("ADMIN_API=true"), "{error}");
    }
}

#[tokio::test]
async fn a_release_while_the_store_fails_is_503() {
    let server = guarded(0).await;
    server.store.set(Fault::Refuse);
    let answer = server.answer(Call::post(RELEASE)).await;
    answer.error(503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    server.store.set(Fault::None);
    assert_eq!(listed(&server).await, 3);
}
