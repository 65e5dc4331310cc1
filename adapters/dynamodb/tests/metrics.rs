//! What operators learn of the table: counters, and one line a row that can't be read.

mod common;

use common::World;
use discovery_testkit::Written;
use discovery_testkit::proxy::Fault;

#[tokio::test]
async fn requests_errors_and_latencies_are_counted_by_operation() {
    let world = World::new().await;
    let node = world.node().await;
    node.proxy.set_faults([
        Fault::THROTTLE.on("PutItem").times(1),
        Fault::LoseReply.on("Query").times(1),
        Fault::SERVER_ERROR.on("UpdateItem").times(1),
    ]);
    for ip in ["10.0.0.1", "10.0.0.1", "10.0.0.2"] {
        node.register("web", ip).await;
    }
    node.list("web").await;
    world.node().await.register("web", "10.0.0.3").await;
    node.register("web", "10.0.0.3").await;
    let scraped = node.scrape();
    for line in [
        r#"discovery_dynamodb_requests_total{operation="PutItem"} 4"#,
        r#"discovery_dynamodb_requests_total{operation="UpdateItem"} 3"#,
        r#"discovery_dynamodb_requests_total{operation="Query"} 2"#,
        r#"discovery_dynamodb_errors_total{operation="PutItem",kind="throttled"} 1"#,
        r#"discovery_dynamodb_errors_total{operation="UpdateItem",kind="server"} 1"#,
        r#"discovery_dynamodb_errors_total{operation="Query",kind="connection"} 1"#,
        r#"discovery_dynamodb_request_seconds_count{operation="PutItem"} 4"#,
    ] {
        assert!(scraped.contains(line), "no {line} in\n{scraped}");
    }
    let errors = scraped
        .lines()
        .filter(|line| line.starts_with("discovery_dynamodb_errors"));
    assert_eq!(
        errors.count(),
        3,
        "a condition that does not hold is no error\n{scraped}"
    );
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_logged_once_with_its_key_and_the_reason() {
    let log = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.writer())
        .with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let world = World::new().await;
    let node = world.node().await;
    let broken = |port| {
        [
            ("service", "web"),
            ("ip_address", "10.0.0.1"),
            ("service_repo_name", "r"),
            port,
        ]
    };
    world.put(&broken(("last_check_in", "yesterday"))).await;
    for _ in 0..3 {
        node.list("web").await;
        node.list_repo("r").await;
    }
    world
        .put(&broken((
            "last_check_in",
            "2026-11-22T12:56:11.177285+0000",
        )))
        .await;
    node.list("web").await;
    let log = log.text();
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("can't be read"))
        .collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[0].contains("WARN"), "{}", lines[0]);
    assert!(
        lines[0].contains(r#"service="web" ip_address="10.0.0.1""#),
        "{}",
        lines[0]
    );
    assert!(
        lines[0].contains(r#"last_check_in "yesterday" is no time"#),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains("port is missing"), "{}", lines[1]);
}
