//! What a node writes to its log of streams that it refuses.

use std::time::Duration;

use discovery_testkit::Written;
use discovery_xds::StreamLimits;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use tokio::time::{sleep, timeout};

use crate::node::{Node, PATIENCE, Start};
use crate::talk::*;

/// Waits for a line that holds all of these. A test runs everything on its own thread, so there are no other lines.
async fn until(log: &Written, wanted: &[&str]) {
    let found = |line: &str| wanted.iter().all(|text| line.contains(text));
    let comes = async {
        while !log.text().lines().any(found) {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let logged = timeout(PATIENCE, comes).await;
    logged.unwrap_or_else(|_| panic!("no {wanted:?} in {}", log.text()));
}

#[tokio::test]
async fn a_stream_that_is_refused_is_logged_with_its_node_and_the_reason() {
    let log = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.writer())
        .with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let mut start = Start::default();
    start.settings.streams = StreamLimits {
        streams: 1,
        ..StreamLimits::default()
    };
    let node = Node::start_with(start).await;
    let mut first = sotw(&node).await;
    first.say(asks("", &["users"]));
    first.end().await;
    let ended = "discovery stream is ended";
    let line = ["INFO", ended, "lab-node", "InvalidArgument", "type_url"];
    until(&log, &line).await;

    node.until_metric("discovery_xds_streams", 0).await;
    let mut second = sotw(&node).await;
    let mut client = AggregatedDiscoveryServiceClient::new(channel(&node).await);
    let (_requests, stream) = Sotw::requests();
    client
        .stream_aggregated_resources(stream)
        .await
        .unwrap_err();
    until(&log, &["INFO", "discovery stream is refused", "1 streams"]).await;
    second.say(asks(ENDPOINTS, &["users"]));
    second.hear().await;
    drop(second);
    node.until_metric("discovery_xds_streams", 0).await;
    assert_eq!(log.text().matches(ended).count(), 1, "{}", log.text());
}
