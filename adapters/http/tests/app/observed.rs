use discovery_testkit::Fault;
use discovery_testkit::hosts::registration;
use poem::Endpoint;

use crate::log::logged_by;
use crate::support::{Server, request};

#[tokio::test]
async fn every_request_is_one_line_that_tells_no_secret() {
    let server = Server::new();
    let lines = logged_by(Box::pin(async {
        let headers = [("x-request-id", "abc"), ("authorization", "Bearer s3cret")];
        for (method, path) in [
            ("GET", "/v1/registration/api?password=s3cret"),
            ("DELETE", "/v1/registration/repo/10.0.0.1?password=s3cret"),
            ("PUT", "/healthcheck?password=s3cret"),
            ("GET", "/s3cret"),
        ] {
            server.ask(method, path, &headers).await;
        }
    }))
    .await;
    let seen: Vec<_> = lines
        .iter()
        .map(|line| &line["fields"])
        .map(|line| {
            ["method", "route", "operation", "status", "request_id"]
                .map(|name| line[name].to_string())
        })
        .collect();
    let expected = [
        [
            "GET",
            "/v1/registration/{service}",
            "listHosts",
            "200",
            "abc",
        ],
        [
            "DELETE",
            "/v1/registration/{service}/{ip_address}",
            "deregisterHost",
            "400",
            "abc",
        ],
        ["PUT", "/healthcheck", "none", "405", "abc"],
        ["GET", "", "none", "404", "abc"],
    ];
    let bare = seen
        .iter()
        .map(|line| line.each_ref().map(|value| value.trim_matches('"')));
    assert_eq!(bare.collect::<Vec<_>>(), expected);
    assert!(
        lines
            .iter()
            .all(|line| line["level"] == "INFO" && line["fields"]["duration_us"].is_u64())
    );
    assert!(!format!("{lines:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_client_that_goes_away_is_logged_and_leaves_nothing_behind() {
    let server = Server::new();
    server.store.set(Fault::Hang);
    let lines = logged_by(Box::pin(async {
        let answer = server
            .app
            .get_response(request("GET", "/v1/registration/api", &[]));
        let asked = async {
            while server.store.lists() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = answer => panic!("the store hangs, and there is an answer"),
            () = asked => {}
        }
    }))
    .await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["fields"]["status"], 499);
    assert!(
        metrics(&server)
            .await
            .contains("discovery_http_requests_in_flight 1\n"),
        "the scrape alone"
    );
}

#[tokio::test]
async fn requests_are_counted_by_operation_and_status() {
    let server = Server::new();
    server.register(registration("api", "10.0.0.1")).await;
    for path in [
        "/v1/registration/api",
        "/v1/registration/other",
        "/nope",
        "/v1/registration/%ff",
    ] {
        server.get(path).await;
    }
    server
        .ask("DELETE", "/v1/registration/api/10.0.0.1", &[])
        .await;
    server
        .ask("DELETE", "/v1/registration/api/10.0.0.1", &[])
        .await;
    let metrics = metrics(&server).await;
    for line in [
        r#"discovery_http_requests_total{operation="listHosts",status="200"} 2"#,
        r#"discovery_http_requests_total{operation="none",status="404"} 1"#,
        r#"discovery_http_requests_total{operation="none",status="400"} 1"#,
        r#"discovery_http_requests_total{operation="deregisterHost",status="200"} 1"#,
        r#"discovery_http_requests_total{operation="deregisterHost",status="400"} 1"#,
        r#"discovery_http_request_duration_seconds_count{operation="listHosts",status="200"} 2"#,
        "discovery_http_requests_in_flight 1",
    ] {
        assert!(
            metrics.lines().any(|known| known == line),
            "no {line} in\n{metrics}"
        );
    }
}

#[tokio::test]
async fn metrics_do_not_grow_with_services() {
    let server = Server::new();
    let ask = async |from: u32, to: u32| {
        for number in from..to {
            server
                .get(&format!("/v1/registration/service-{number}"))
                .await;
            server.get(&format!("/nope-{number}")).await;
        }
        metrics(&server).await.lines().count()
    };
    ask(0, 1).await;
    let few = ask(1, 2).await;
    assert_eq!(ask(2, 50).await, few);
}

#[tokio::test]
async fn metrics_are_written_in_the_format_that_is_asked_for() {
    let server = Server::new();
    server.get("/healthcheck").await;
    let older = metrics(&server).await;
    let counter = "# HELP discovery_http_requests_total Requests answered, by operation and status.\n\
        # TYPE discovery_http_requests_total counter\n\
        discovery_http_requests_total{operation=\"checkHealth\",status=\"200\"} 1\n";
    assert!(older.contains(counter), "{older}");
    assert!(older.contains("# TYPE discovery_http_request_duration_seconds histogram\n"));
    assert!(!older.contains("EOF"));
    let accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5";
    let open = server.ask("GET", "/metrics", &[("accept", accept)]).await;
    assert!(
        open.header("content-type")
            .starts_with("application/openmetrics-text; version=1.0.0")
    );
    assert!(
        open.text()
            .contains("# TYPE discovery_http_requests counter\n")
    );
    assert!(open.text().ends_with("# EOF\n"));
}

async fn metrics(server: &Server) -> String {
    let answer = server.get("/metrics").await;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(answer.header("content-type"), kind);
    answer.text().to_owned()
}
