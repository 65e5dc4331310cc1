use discovery_testkit::hosts::{address, registration};
use poem::http::StatusCode;

use crate::support::Server;

#[tokio::test]
async fn what_is_not_there_is_said_so_in_json() {
    let server = Server::new();
    let nothing = [
        "/nope",
        "/v1",
        "/v1/registration",
        "/v1/registration/",
        "/v1/registration/api/",
        "/v1/registration//10.0.0.1",
        "///healthcheck",
        "//",
        "//v1//registration/api",
        "/V1/registration/api",
        "/v1/registration/repo/org/name",
        "/v1/registration/a/b/c/d/e/f/g/h",
        "/docs/nope",
        "/docs//",
    ];
    for method in ["GET", "POST", "DELETE", "OPTIONS", "HEAD", "BREW"] {
        for path in nothing {
            let answer = server.ask(method, path, &[]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
            if method != "HEAD" {
                assert!(answer.error().contains("nothing at"), "{answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn two_slashes_at_the_beginning_count_as_one() {
    let server = Server::new();
    server.register(registration("api", "10.0.0.1")).await;
    for path in ["/healthcheck", "/v1/registration/api", "/docs"] {
        let doubled = server.get(&format!("/{path}")).await;
        assert_eq!(doubled.status, StatusCode::OK, "/{path}");
        assert_eq!(doubled.body, server.get(path).await.body, "/{path}");
    }
    let host = "//v1/registration/repo/10.0.0.1";
    assert_eq!(
        server.ask("DELETE", host, &[]).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_wrong_method_is_told_which_ones_are_right() {
    let server = Server::new();
    let cases = [
        ("PUT", "/healthcheck", "GET, HEAD, OPTIONS"),
        ("DELETE", "/v1/registration/api", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/v1/registration/api/10.0.0.1", "DELETE, OPTIONS"),
        ("HEAD", "/v1/registration/api/10.0.0.1", "DELETE, OPTIONS"),
        (
            "POST",
            "/v1/registration/repo/x",
            "DELETE, GET, HEAD, OPTIONS",
        ),
        ("GET", "/v1/loadbalancing/api", "OPTIONS, POST"),
        ("BREW", "/v1/loadbalancing/api/10.0.0.1", "OPTIONS, POST"),
        ("POST", "/metrics", "GET, HEAD, OPTIONS"),
        ("POST", "/docs/", "GET, HEAD, OPTIONS"),
    ];
    for (method, path, allowed) in cases {
        let answer = server.ask(method, path, &[]).await;
        assert_eq!(
            answer.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{method} {path}"
        );
        assert_eq!(answer.headers.get_all("allow").iter().count(), 1);
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        if method != "HEAD" {
            assert!(answer.error().contains(allowed), "{answer:?}");
        }
        let options = server.ask("OPTIONS", path, &[]).await;
        assert_eq!(options.status, StatusCode::OK);
        assert_eq!(options.header("allow"), allowed);
        assert!(options.body.is_empty());
    }
}

#[tokio::test]
async fn every_allowed_method_is_truly_there() {
    let server = Server::new();
    for path in [
        "/v1/registration/api",
        "/v1/registration/repo/10.0.0.1",
        "/healthcheck",
        "/",
    ] {
        let options = server.ask("OPTIONS", path, &[]).await;
        for method in options.header("allow").split(", ") {
            let answer = server.ask(method, path, &[]).await;
            assert_ne!(
                answer.status,
                StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}"
            );
            assert_ne!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let server = Server::new();
    server.register(registration("api", "10.0.0.1")).await;
    for path in [
        "/healthcheck",
        "/v1/registration/api",
        "/nope",
        "/docs",
        "/openapi.yaml",
    ] {
        let (get, head) = (server.get(path).await, server.ask("HEAD", path, &[]).await);
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(
            head.header("content-length"),
            get.body.len().to_string(),
            "{path}"
        );
        assert_eq!(head.header("etag"), get.header("etag"), "{path}");
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_host_of_a_service_called_repo_is_deleted_too() {
    let server = Server::new();
    for spelling in ["repo", "%72epo", "r%65po"] {
        server.register(registration("repo", "10.0.0.1")).await;
        server.register(registration("other", "10.0.0.1")).await;
        let path = format!("/v1/registration/{spelling}/10.0.0.1?x=1");
        let answer = server.ask("DELETE", &path, &[]).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "{}\n"));
        let left = server
            .registry
            .hosts_of(&discovery_testkit::hosts::service("repo"))
            .await;
        assert!(left.expect("the store works").listing.listed.is_empty());
    }
    let other = server.get("/v1/registration/other").await;
    assert!(other.text().contains(&address("10.0.0.1").to_string()));
}

#[tokio::test]
async fn a_path_means_what_it_decodes_to() {
    let server = Server::new();
    server
        .register(registration("caf\u{e9} a/b", "10.0.0.1"))
        .await;
    let paths = [
        "/v1/registration/caf%C3%A9%20a%2Fb",
        "/%76%31/reg%69stration/caf%c3%a9%20a%2fb",
        "/v1/registration/repo/caf%C3%A9%20a%2Fb-repo",
        "/v1/registration/%72epo/caf%C3%A9%20a%2Fb-repo",
    ];
    for path in paths {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(
            answer.text().contains("10.0.0.1"),
            "{path}: {}",
            answer.text()
        );
    }
    let literal = server.get("/v1/registration/%zz").await;
    assert!(
        literal.text().starts_with("{\"service\": \"%zz\","),
        "{}",
        literal.text()
    );
}

#[tokio::test]
async fn a_path_that_is_no_text_is_refused() {
    let server = Server::new();
    for path in [
        "/v1/registration/%ff",
        "/v1/registration/repo/%C3",
        "/v1/registration/%C0%AF/x",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(answer.error().contains("UTF-8"));
    }
}

#[tokio::test]
async fn a_name_that_is_not_valid_is_refused_by_the_documented_operation() {
    let server = Server::new();
    let long = "x".repeat(256);
    for path in [
        format!("/v1/registration/{long}"),
        format!("/v1/registration/repo/{long}"),
        "/v1/registration/a%0Ab".to_owned(),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        answer.error();
    }
}
