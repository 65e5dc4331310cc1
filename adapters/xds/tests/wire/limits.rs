//! What a client can do wrong on a stream, which ends the stream and nothing else.

use crate::node::{Node, Start};
use crate::talk::*;
use discovery_xds::StreamLimits;
use reqwest::header::HeaderMap;
use reqwest::{Client, Response, StatusCode, Version};
use tonic::Code;

const ADS: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/";

fn limited(streams: StreamLimits) -> Start {
    let mut start = Start::default();
    start.settings.streams = streams;
    start
}

/// Sends a body to a method, as gRPC or as something else.
async fn send(node: &Node, path: &str, content_type: &str, body: Vec<u8>) -> Response {
    let client = Client::builder().http2_prior_knowledge().build().unwrap();
    let request = client
        .post(format!("http://{}{path}", node.address))
        .body(body);
    request
        .header("content-type", content_type)
        .send()
        .await
        .unwrap()
}

/// The status of an answer without a message.
fn grpc_status(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("grpc-status")
        .map(|status| status.to_str().unwrap())
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused_until_one_ends() {
    let limits = StreamLimits {
        streams: 2,
        ..StreamLimits::default()
    };
    let mut node = Node::start_with(limited(limits)).await;
    let mut first = delta(&node).await;
    let second = delta(&node).await;
    first.say(subscribes(ENDPOINTS, &["users"]));
    first.hear_hosts().await;
    let refused = send(
        &node,
        &format!("{ADS}DeltaAggregatedResources"),
        "application/grpc",
        vec![],
    )
    .await;
    assert_eq!(refused.status(), StatusCode::OK);
    assert_eq!(refused.version(), Version::HTTP_2);
    assert_eq!(grpc_status(refused.headers()), Some("8"));
    assert_eq!(node.metric("discovery_xds_refused_streams_total"), 1);
    drop(second);
    node.until_metric("discovery_xds_streams", 1).await;
    let mut third = delta(&node).await;
    third.say(subscribes(ENDPOINTS, &["users"]));
    third.hear_hosts().await;
    assert!(node.is_well());
}

#[tokio::test]
async fn a_client_that_names_too_much_is_turned_away() {
    let limits = StreamLimits {
        names: 3,
        ..StreamLimits::default()
    };
    let node = Node::start_with(limited(limits)).await;
    let mut envoy = delta(&node).await;
    envoy.say(subscribes(ENDPOINTS, &["a", "b", "c"]));
    node.until_metric("discovery_xds_watched_services", 3).await;
    envoy.say(subscribes(CLUSTERS, &["d"]));
    assert_eq!(envoy.end().await.code(), Code::ResourceExhausted);
    node.until_metric("discovery_xds_watched_services", 0).await;
}

#[tokio::test]
async fn all_streams_together_watch_so_many_services_and_no_more() {
    let limits = StreamLimits {
        watched_services: 3,
        ..StreamLimits::default()
    };
    let mut node = Node::start_with(limited(limits)).await;
    let mut first = delta(&node).await;
    first.say(subscribes(ENDPOINTS, &["a", "b"]));
    node.until_metric("discovery_xds_watched_services", 2).await;
    let mut second = sotw(&node).await;
    second.say(asks(ENDPOINTS, &["b", "c", "d"]));
    let end = second.end().await;
    assert_eq!(end.code(), Code::ResourceExhausted);
    assert!(end.message().contains("3 services"), "{end:?}");
    assert_eq!(node.metric("discovery_xds_refused_subscriptions_total"), 1);

    let third = sotw(&node).await;
    third.say(asks(ENDPOINTS, &["a", "b", "c"]));
    node.until_metric("discovery_xds_watched_services", 3).await;
    first.say(subscribes(ENDPOINTS, &["c"]));
    while !first.hear_hosts().await.contains_key("c") {}
    first.say(subscribes(ENDPOINTS, &["d"]));
    assert_eq!(first.end().await.code(), Code::ResourceExhausted);
    drop(third);
    node.until_metric("discovery_xds_watched_services", 0).await;
    assert!(node.is_well());
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_stream_before_it_is_read() {
    let limits = StreamLimits {
        message_bytes: 100_000,
        ..StreamLimits::default()
    };
    let node = Node::start_with(limited(limits)).await;
    let mut envoy = sotw(&node).await;
    envoy.say(asks(ENDPOINTS, &[&"x".repeat(90_000)]));
    envoy.hear().await;
    envoy.say(asks(ENDPOINTS, &[&"x".repeat(100_001)]));
    let end = envoy.end().await;
    assert_eq!(end.code(), Code::ResourceExhausted, "{end:?}");
}

#[tokio::test]
async fn a_request_that_says_nothing_of_its_kind_ends_the_stream() {
    let node = Node::start().await;
    let mut envoy = sotw(&node).await;
    envoy.say(asks("", &["users"]));
    assert_eq!(envoy.end().await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_is_no_message_ends_the_stream() {
    let mut node = Node::start().await;
    let framed = |flag: u8, length: u32, rest: &[u8]| {
        let mut body = vec![flag];
        body.extend(length.to_be_bytes());
        body.extend(rest);
        body
    };
    for (body, status) in [
        (framed(1, 3, b"abc"), "12"),
        (framed(0, 3, b"abc"), "3"),
        (framed(0, 9, b"abc"), "3"),
        (framed(0, u32::MAX, b"abc"), "8"),
        (vec![0, 0], "3"),
        (vec![], "0"),
    ] {
        let answer = send(
            &node,
            &format!("{ADS}StreamAggregatedResources"),
            "application/grpc",
            body.clone(),
        )
        .await;
        assert_eq!(answer.status(), StatusCode::OK);
        let trailers = trailers(answer).await;
        assert_eq!(grpc_status(&trailers), Some(status), "{body:?}");
    }
    assert!(node.is_well());
    node.until_metric("discovery_xds_streams", 0).await;
}

/// What follows the messages of an answer.
async fn trailers(answer: Response) -> HeaderMap {
    use http_body_util::BodyExt;
    let body = reqwest::Body::from(answer);
    body.collect()
        .await
        .unwrap()
        .trailers()
        .cloned()
        .unwrap_or_default()
}

#[tokio::test]
async fn a_method_that_is_not_served_is_unimplemented() {
    let node = Node::start().await;
    for path in [
        format!("{ADS}FetchEverything"),
        ADS.to_owned(),
        "/envoy.service.endpoint.v3.EndpointDiscoveryService/FetchEndpoints".to_owned(),
    ] {
        let answer = send(&node, &path, "application/grpc", vec![]).await;
        assert_eq!(
            (answer.status(), grpc_status(answer.headers())),
            (StatusCode::OK, Some("12"))
        );
        assert_eq!(answer.headers()["content-type"], "application/grpc");
    }
}

#[tokio::test]
async fn what_is_not_grpc_is_refused_in_http() {
    let node = Node::start().await;
    let path = format!("{ADS}StreamAggregatedResources");
    let json = send(&node, &path, "application/json", vec![]).await;
    assert_eq!(json.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let got = reqwest::get(format!("http://{}{path}", node.address))
        .await
        .unwrap();
    assert_eq!(got.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(got.headers()["allow"], "POST");
    let elsewhere = send(
        &node,
        "/envoy.service.route.v3.RouteDiscoveryService/StreamRoutes",
        "application/grpc",
        vec![],
    )
    .await;
    assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND);
}
