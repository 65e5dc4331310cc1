use serde_json::json;

use crate::support::{Call, Server, settings};

#[tokio::test]
async fn a_program_is_told_what_this_is_in_json() {
    let server = Server::new();
    server.register("web", "10.0.0.1").await;
    let neither = "application/json, text/html;q=0";
    for accept in [
        "*/*",
        "application/json",
        "",
        neither,
        "text/html, application/json",
        "application/json;q=0.9, text/html;Q=0.5",
    ] {
        let home = server.answer(Call::get("/").header("accept", accept)).await;
        assert_eq!(home.header("content-type"), Some("application/json"));
        assert_eq!(home.header("vary"), Some("accept"));
        assert_eq!(
            home.json(),
            json!({
                "name": "discovery", "version": env!("CARGO_PKG_VERSION"), "api_version": "1.1.0", "env": "development",
                "services": 1, "hosts": 1,
                "links": {"docs": "/docs", "openapi": "/openapi.yaml", "readiness": "/readyz", "metrics": "/metrics"}
            })
        );
    }
}

#[tokio::test]
async fn a_browser_gets_a_page() {
    let mut settings = settings();
    settings.environment = "<b>&{hosts}".into();
    let server = Server::with(settings);
    server.register("web", "10.0.0.1").await;
    server.register("web", "10.0.0.2").await;
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let home = server.answer(Call::get("/").header("accept", accept)).await;
    assert_eq!(home.status, 200);
    assert_eq!(
        home.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    for part in [
        "href=\"data:,\"",
        "href=\"/docs\"",
        "<dt>Hosts known here</dt><dd>2</dd>",
        "<dt>Services</dt><dd>1</dd>",
        "&lt;b&gt;&amp;{hosts}",
    ] {
        assert!(home.body.contains(part), "{part} is not in {}", home.body);
    }
}

#[tokio::test]
async fn the_page_is_protected_as_the_documentation_is() {
    let server = Server::new();
    let home = server
        .answer(Call::get("/").header("accept", "text/html"))
        .await;
    assert_eq!(home.header("x-content-type-options"), Some("nosniff"));
    let policy = home.header("content-security-policy").expect("a policy");
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(
            policy.split("; ").any(|part| part == rule),
            "{rule} is not in {policy}"
        );
    }
}

#[tokio::test]
async fn every_page_that_is_linked_is_there() {
    let server = Server::new();
    server.health.store_answers();
    let links = server.answer(Call::get("/")).await.json()["links"].take();
    for (name, path) in links.as_object().unwrap() {
        let answer = server.answer(Call::get(path.as_str().unwrap())).await;
        assert_eq!(answer.status, 200, "{name}");
    }
}
