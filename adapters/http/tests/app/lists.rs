use std::io::Read;
use std::time::Duration;

use discovery_http::X_REQUEST_ID;
use discovery_testkit::Fault;
use discovery_testkit::hosts::{key, realistic_registration, registration, service, weight};
use flate2::read::GzDecoder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use poem::Endpoint;
use poem::http::StatusCode;
use proptest::prelude::ProptestConfig;
use proptest::test_runner::TestRunner;

use crate::log::logged_by;
use crate::support::{Answer, Options, Server, answer, request};

const LIST: &str = "/v1/registration/api";

/// The answer of the documented operation itself, with nothing in front of it.
async fn documented(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    let response = server
        .operations
        .get_response(request("GET", path, headers))
        .await;
    answer(response).await
}

async fn server_with_hosts(hosts: u32) -> Server {
    fill(Server::new(), hosts).await
}

/// A server that has lists at hand once they were read.
fn caching() -> Server {
    Server::with(Options {
        cached: true,
        ..Options::default()
    })
}

async fn fill(server: Server, hosts: u32) -> Server {
    for number in 0..hosts {
        server.register(realistic_registration("api", number)).await;
    }
    server
}

fn unzipped(answer: &Answer) -> String {
    let mut plain = String::new();
    GzDecoder::new(&answer.body[..])
        .read_to_string(&mut plain)
        .expect("gzip");
    plain
}

#[tokio::test]
async fn all_ways_to_a_list_answer_alike() {
    for server in [Server::new(), caching()] {
        both_ways_answer_alike(&fill(server, 3).await).await;
    }
}

async fn both_ways_answer_alike(server: &Server) {
    let etag = server.get(LIST).await.header("etag").to_owned();
    let etags = [
        "",
        &etag,
        "\"x\"",
        "*",
        &format!("\"x\", {etag}"),
        etag.trim_start_matches("W/"),
    ];
    let codings = [
        "",
        "gzip",
        "gzip;q=0",
        "*",
        "*;q=0",
        "identity",
        "br, gzip;q=0.1",
        "identity, gzip;q=0.5",
    ];
    let others = [
        ("accept", "text/html"),
        ("if-modified-since", "x"),
        ("range", "bytes=0-1"),
    ];
    let names = [
        "api",
        "none",
        "%61pi",
        "a%2Fb",
        "caf%C3%A9",
        "repo/api-repo",
        "repo/none",
        "%zz?x=%zz",
    ];
    for name in names {
        let path = format!("/v1/registration/{name}");
        for etag in etags {
            for coding in codings {
                for other in others {
                    let headers = [("if-none-match", etag), ("accept-encoding", coding), other];
                    let mut outer = server.ask("GET", &path, &headers).await;
                    outer.headers.remove(X_REQUEST_ID);
                    assert_eq!(
                        outer,
                        documented(server, &path, &headers).await,
                        "{path} {headers:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn both_ways_to_a_list_fail_alike() {
    let server = Server::new();
    server.store.set(Fault::Refuse);
    for path in [LIST, "/v1/registration/repo/api-repo"] {
        let (mut outer, mut inner) = (server.get(path).await, documented(&server, path, &[]).await);
        assert_eq!(outer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!outer.header("retry-after").is_empty());
        outer.error();
        for answer in [&mut outer, &mut inner] {
            answer.headers.remove(X_REQUEST_ID);
            let mut body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
            body["request_id"].take();
            answer.body = body.to_string().into_bytes();
        }
        assert_eq!(outer, inner);
    }
}

#[tokio::test]
async fn who_takes_gzip_gets_the_same_list_smaller() {
    let server = server_with_hosts(100).await;
    let plain = server.get(LIST).await;
    let gzip = server
        .ask("GET", LIST, &[("accept-encoding", "gzip, br")])
        .await;
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert_eq!(unzipped(&gzip), plain.text());
    assert!(
        gzip.body.len() * 4 < plain.body.len(),
        "{}",
        gzip.body.len()
    );
    for answer in [&plain, &gzip] {
        assert_eq!(answer.header("vary"), "accept-encoding");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("etag"), plain.header("etag"));
    }
}

#[tokio::test]
async fn a_heartbeat_shows_at_once_and_leaves_the_tag() {
    let server = server_with_hosts(3).await;
    let before = server.get(LIST).await;
    server.clock.advance(Duration::from_secs(1));
    server.register(realistic_registration("api", 1)).await;
    let after = server.get(LIST).await;
    assert_ne!(after.text(), before.text());
    assert!(
        after
            .text()
            .contains("\"last_check_in\": \"2026-11-22 12:56:53.129669+00:00\""),
        "{}",
        after.text()
    );
    assert_eq!(after.header("etag"), before.header("etag"));
    let headers = [("if-none-match", before.header("etag"))];
    let unchanged = server.ask("GET", LIST, &headers).await;
    assert_eq!(
        (unchanged.status, unchanged.body.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );
    assert_eq!(unchanged.header("etag"), before.header("etag"));
    assert_eq!(unchanged.header("vary"), "accept-encoding");
    server
        .registry
        .set_weight(&key("api", "10.0.0.1"), weight(7))
        .await
        .expect("it is there");
    let changed = server.ask("GET", LIST, &headers).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.header("etag"), before.header("etag"));
}

#[tokio::test]
async fn a_list_at_hand_needs_no_waiting_and_is_logged_and_counted_as_any_other() {
    let server = fill(caching(), 100).await;
    let headers = [("accept-encoding", "gzip"), ("x-request-id", "abc")];
    let asked = |method, path| {
        let request = request(method, path, &headers);
        server
            .app
            .list_at_hand(request.method(), path, request.headers())
    };
    assert!(asked("GET", LIST).is_none(), "it was never read");
    let mut lines = logged_by(Box::pin(async {
        let read = request("GET", LIST, &headers);
        let read = answer(server.app.get_response(read).await).await;
        let list = asked("GET", LIST).expect("it was read");
        assert_eq!(Answer::from(list), read);
    }))
    .await;
    for line in &mut lines {
        line["timestamp"].take();
        line["fields"]["duration_us"].take();
    }
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], lines[1]);
    for (method, path) in [
        ("HEAD", LIST),
        ("OPTIONS", LIST),
        ("GET", "/v1/registration/none"),
        ("GET", "/v1/registration/%ff"),
        ("GET", "/healthcheck"),
    ] {
        assert!(asked(method, path).is_none(), "{method} {path}");
    }
    let counted = r#"discovery_http_requests_total{operation="listHosts",status="200"} 2"#;
    assert!(server.get("/metrics").await.text().contains(counted));
}

#[tokio::test]
async fn a_current_list_says_nothing_of_its_age() {
    let server = server_with_hosts(1).await;
    let answer = server.get(LIST).await;
    assert_eq!(
        (answer.header("age"), answer.header("cache-status")),
        ("", "")
    );
}

#[tokio::test]
async fn a_list_that_can_not_be_read_anew_says_how_old_it_is() {
    let server = caching();
    server.register(registration("api", "10.0.0.1")).await;
    let fresh = server.get(LIST).await;
    assert_eq!(fresh.header("age"), "");
    server.store.set(Fault::Refuse);
    server.clock.advance(Duration::from_secs(42));
    for headers in [vec![], vec![("if-none-match", fresh.header("etag"))]] {
        let stale = server.ask("GET", LIST, &headers).await;
        assert_eq!(stale.header("age"), "42");
        assert_eq!(
            stale.header("cache-status"),
            "discovery; hit; detail=\"the store is unavailable\""
        );
        assert_eq!(stale.header("etag"), fresh.header("etag"));
    }
    assert_eq!(server.get(LIST).await.body, fresh.body);
}

#[test]
fn a_service_of_any_valid_name_is_listed_under_it() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let (runtime, server) = (runtime.expect("a runtime"), Server::new());
    let listed_under_it = |name: String| {
        runtime.block_on(lists_only_that_host(&server, &name));
        Ok(())
    };
    let names = "[^\\p{Cc}]{1,40}";
    TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })
    .run(&names, listed_under_it)
    .expect("every name is listed");
}

async fn lists_only_that_host(server: &Server, name: &str) {
    server.register(registration(name, "10.0.0.1")).await;
    let encoded = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let answer = server.get(&format!("/v1/registration/{encoded}")).await;
    let list: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(list["service"], service(name).as_str());
    assert_eq!(list["hosts"][0]["service"], name);
    assert_eq!(list["hosts"].as_array().map(Vec::len), Some(1));
}
