//! Discovery on streams, as an Envoy leads it over gRPC, on the port that also answers polls.

use std::time::Duration;

use crate::node::{Node, Start};
use crate::talk::*;
use discovery_testkit::Fault;
use discovery_testkit::hosts::{service, weight};
use discovery_xds::XdsSettings;
use envoy_types::pb::envoy::service::cluster::v3::cluster_discovery_service_client::ClusterDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::DiscoveryRequest;
use envoy_types::pb::envoy::service::endpoint::v3::endpoint_discovery_service_client::EndpointDiscoveryServiceClient;

fn settings(change: impl FnOnce(&mut XdsSettings)) -> Start {
    let mut start = Start::default();
    change(&mut start.settings);
    start
}

#[tokio::test]
async fn hosts_and_their_changes_are_told_in_full_states() {
    let node = Node::start().await;
    node.register("users", "10.0.0.1").await;
    let mut envoy = sotw(&node).await;
    envoy.say(asks(ENDPOINTS, &["nobody", "users"]));
    let mut first = envoy.hear_hosts().await;
    if first.len() < 2 {
        first.extend(envoy.hear_hosts().await);
    }
    let mut both = told("nobody", &[]);
    both.extend(told("users", &["10.0.0.1"]));
    assert_eq!(first, both);
    node.register("users", "10.0.0.2").await;
    let second = envoy.hear().await;
    assert_eq!(second.type_url, ENDPOINTS);
    envoy.ack(&["nobody", "users"], &second);
    node.until_metric("discovery_xds_acks_total{kind=\"endpoints\"}", 1)
        .await;
    node.deregister("users", "10.0.0.1").await;
    assert_eq!(envoy.hear_hosts().await, told("users", &["10.0.0.2"]));
}

#[tokio::test]
async fn hosts_and_their_changes_are_told_in_changes() {
    let node = Node::start().await;
    node.register("users", "10.0.0.1").await;
    let mut envoy = delta(&node).await;
    envoy.say(subscribes(ENDPOINTS, &["users"]));
    let first = envoy.hear().await;
    assert_eq!(
        (&*first.type_url, &*first.resources[0].name),
        (ENDPOINTS, "users")
    );
    assert_eq!(first.resources[0].version.len(), 32);
    envoy.ack(&first);
    let host = discovery_testkit::hosts::key("users", "10.0.0.1");
    node.registry.set_weight(&host, weight(7)).await.unwrap();
    let second = envoy.hear().await;
    assert_ne!(first.resources[0].version, second.resources[0].version);
    envoy.nack(&second);
    node.until_metric("discovery_xds_rejections_total{kind=\"endpoints\"}", 1)
        .await;
    node.deregister("users", "10.0.0.1").await;
    assert_eq!(envoy.hear_hosts().await, told("users", &[]));
    assert_eq!(
        node.metric("discovery_xds_pushes_total{kind=\"endpoints\"}"),
        3
    );
}

#[tokio::test]
async fn a_heartbeat_is_told_nobody() {
    let node = Node::start().await;
    node.register("users", "10.0.0.1").await;
    let mut envoy = delta(&node).await;
    envoy.say(subscribes(ENDPOINTS, &["other", "users"]));
    node.until_metric("discovery_xds_watched_services", 2).await;
    let mut told_first = envoy.hear_hosts().await;
    if told_first.len() < 2 {
        told_first.extend(envoy.hear_hosts().await);
    }
    for _ in 0..10 {
        node.register("users", "10.0.0.1").await;
    }
    node.elsewhere.send(service("users")).unwrap();
    node.register("other", "10.0.0.9").await;
    assert_eq!(envoy.hear_hosts().await, told("other", &["10.0.0.9"]));
}

#[tokio::test]
async fn a_new_service_gets_its_cluster_and_then_its_endpoints_on_one_stream() {
    let node = Node::start().await;
    let mut envoy = sotw(&node).await;
    envoy.say(asks(CLUSTERS, &[]));
    let nothing = envoy.hear().await;
    assert_eq!((&*nothing.type_url, nothing.resources.len()), (CLUSTERS, 0));
    envoy.ack(&[], &nothing);
    node.register("users", "10.0.0.1").await;
    let clusters = envoy.hear().await;
    assert_eq!(
        (&*clusters.type_url, clusters.resources.len()),
        (CLUSTERS, 1)
    );
    envoy.say(asks(ENDPOINTS, &["users"]));
    envoy.ack(&[], &clusters);
    assert_eq!(envoy.hear_hosts().await, told("users", &["10.0.0.1"]));
}

#[tokio::test]
async fn each_kind_has_a_service_of_its_own() {
    let node = Node::start().await;
    node.register("users", "10.0.0.1").await;
    let mut client = EndpointDiscoveryServiceClient::new(channel(&node).await);
    let (requests, stream) = Sotw::requests();
    let mut endpoints = Talk::new(requests, client.stream_endpoints(stream).await.unwrap());
    endpoints.say(asks("", &["users"]));
    assert_eq!(endpoints.hear_hosts().await, told("users", &["10.0.0.1"]));
    let (requests, stream) = Delta::requests();
    let mut endpoints = Talk::new(requests, client.delta_endpoints(stream).await.unwrap());
    endpoints.say(subscribes(ENDPOINTS, &["users"]));
    assert_eq!(endpoints.hear_hosts().await, told("users", &["10.0.0.1"]));
    endpoints.say(subscribes(CLUSTERS, &[]));
    assert_eq!(endpoints.end().await.code(), tonic::Code::InvalidArgument);

    let mut client = ClusterDiscoveryServiceClient::new(channel(&node).await);
    let (requests, stream) = Delta::requests();
    let mut clusters = Talk::new(requests, client.delta_clusters(stream).await.unwrap());
    clusters.say(subscribes("", &["users"]));
    assert_eq!(clusters.hear().await.resources[0].name, "users");
}

#[tokio::test]
async fn a_grpc_program_is_led_from_its_target_to_the_hosts() {
    let node = Node::start().await;
    node.register("users", "10.0.0.1").await;
    let mut program = sotw(&node).await;
    for kind in [LISTENERS, CLUSTERS] {
        program.say(asks(kind, &["users"]));
        let response = program.hear().await;
        assert_eq!((&*response.type_url, response.resources.len()), (kind, 1));
        program.ack(&["users"], &response);
    }
    program.say(asks(ENDPOINTS, &["users"]));
    assert_eq!(program.hear_hosts().await, told("users", &["10.0.0.1"]));
}

#[tokio::test]
async fn a_host_that_expires_is_taken_away_without_anybody_asking() {
    let node = Node::start_with(Start {
        host_ttl: Duration::from_millis(300),
        ..Start::default()
    })
    .await;
    node.register("users", "10.0.0.1").await;
    let mut envoy = delta(&node).await;
    envoy.say(subscribes(ENDPOINTS, &["users"]));
    assert_eq!(envoy.hear_hosts().await, told("users", &["10.0.0.1"]));
    assert_eq!(envoy.hear_hosts().await, told("users", &[]));
    node.register("users", "10.0.0.1").await;
    assert_eq!(envoy.hear_hosts().await, told("users", &["10.0.0.1"]));
}

#[tokio::test]
async fn what_another_node_announces_is_read_and_told() {
    let node = Node::start().await;
    let mut envoy = delta(&node).await;
    envoy.say(subscribes(ENDPOINTS, &["users"]));
    assert_eq!(envoy.hear_hosts().await, told("users", &[]));
    node.register_elsewhere("users", "10.0.0.1").await;
    node.elsewhere.send(service("users")).unwrap();
    assert_eq!(envoy.hear_hosts().await, told("users", &["10.0.0.1"]));
    envoy.say(subscribes(CLUSTERS, &[]));
    let clusters = envoy.hear().await;
    assert_eq!(clusters.resources[0].name, "users");
}

#[tokio::test]
async fn what_nobody_announces_is_found_by_reading_again() {
    let start = settings(|settings| {
        settings.reread = Duration::from_millis(20);
        settings.scan = Duration::from_millis(20);
    });
    let node = Node::start_with(start).await;
    let mut envoy = delta(&node).await;
    envoy.say(subscribes(ENDPOINTS, &["users"]));
    assert_eq!(envoy.hear_hosts().await, told("users", &[]));
    node.register_elsewhere("users", "10.0.0.1").await;
    assert_eq!(envoy.hear_hosts().await, told("users", &["10.0.0.1"]));
    envoy.say(subscribes(CLUSTERS, &[]));
    while envoy.hear().await.resources.is_empty() {}
}

#[tokio::test]
async fn announcements_that_were_missed_are_made_up_for() {
    let node = Node::start().await;
    let mut envoy = delta(&node).await;
    envoy.say(subscribes(ENDPOINTS, &["users"]));
    assert_eq!(envoy.hear_hosts().await, told("users", &[]));
    node.register_elsewhere("users", "10.0.0.1").await;
    // More than the channel holds, in one go.
    for number in 0..3000 {
        node.elsewhere
            .send(service(&format!("svc-{number}")))
            .unwrap();
    }
    assert_eq!(envoy.hear_hosts().await, told("users", &["10.0.0.1"]));
}

#[tokio::test]
async fn a_service_is_read_once_for_all_streams() {
    let node = Node::start().await;
    node.register("users", "10.0.0.1").await;
    let mut envoys = Vec::new();
    for _ in 0..50 {
        let mut envoy = delta(&node).await;
        envoy.say(subscribes(ENDPOINTS, &["users"]));
        envoy.hear_hosts().await;
        envoys.push(envoy);
    }
    let lists = node.store.lists();
    node.register("users", "10.0.0.2").await;
    for envoy in &mut envoys {
        assert_eq!(
            envoy.hear_hosts().await,
            told("users", &["10.0.0.1", "10.0.0.2"])
        );
    }
    assert_eq!(node.store.lists(), lists + 1);
    assert_eq!(node.metric("discovery_xds_streams"), 50);
    assert_eq!(node.metric("discovery_xds_watched_services"), 1);
    drop(envoys);
    node.until_metric("discovery_xds_streams", 0).await;
    node.until_metric("discovery_xds_watched_services", 0).await;
}

#[tokio::test]
async fn a_burst_of_changes_is_told_as_few() {
    let node = Node::start().await;
    let mut envoy = delta(&node).await;
    envoy.say(subscribes(ENDPOINTS, &["users"]));
    envoy.hear_hosts().await;
    for number in 1..=200 {
        node.register("users", &format!("10.0.0.{number}")).await;
    }
    while envoy.hear_hosts().await["users"].len() < 200 {}
    let pushes = node.metric("discovery_xds_pushes_total{kind=\"endpoints\"}");
    assert!(pushes < 150, "{pushes} pushes for 200 changes");
}

#[tokio::test]
async fn a_client_that_does_not_read_finds_what_is_current_and_not_what_was() {
    let node = Node::start().await;
    let hosts = 500;
    for number in 0..hosts {
        node.register("users", &format!("10.0.{}.{}", number / 250, number % 250))
            .await;
    }
    let mut lazy = delta(&node).await;
    lazy.say(subscribes(ENDPOINTS, &["users"]));
    let mut busy = delta(&node).await;
    busy.say(subscribes(ENDPOINTS, &["users"]));
    busy.hear_hosts().await;
    let host = discovery_testkit::hosts::key("users", "10.0.0.0");
    for percent in 2..=100 {
        node.registry
            .set_weight(&host, weight(percent))
            .await
            .unwrap();
        busy.hear_hosts().await;
    }
    node.register("users", "10.9.9.9").await;
    let mut heard = 1;
    while !lazy.hear_hosts().await["users"].contains(&"10.9.9.9".to_owned()) {
        heard += 1;
    }
    assert!(heard < 50, "{heard} of 100 states were kept for it");
}

#[tokio::test]
async fn while_the_store_fails_nothing_is_told_but_what_was_read() {
    let node = Node::start_with(Start {
        fault: Fault::Refuse,
        ..settings(|settings| settings.reread = Duration::from_millis(20))
    })
    .await;
    let mut envoy = sotw(&node).await;
    envoy.say(asks(CLUSTERS, &[]));
    envoy.say(asks(ENDPOINTS, &["users"]));
    node.until_metric("discovery_xds_watched_services", 1).await;
    // What is answered without reading anything comes first: of the rest nothing is known.
    envoy.say(asks(LISTENERS, &["users"]));
    assert_eq!(envoy.hear().await.type_url, LISTENERS);
    node.store.set(Fault::None);
    node.register("users", "10.0.0.1").await;
    assert_eq!(envoy.hear_hosts().await, told("users", &["10.0.0.1"]));
    node.store.set(Fault::Refuse);
    let failures = node.metric("discovery_xds_failed_reads_total");
    node.until_metric("discovery_xds_failed_reads_total", failures + 1)
        .await;
    envoy.say(asks(LISTENERS, &["orders"]));
    assert_eq!(envoy.hear().await.type_url, LISTENERS);
}

#[tokio::test]
async fn a_stream_ends_when_the_client_has_no_more_to_say() {
    let node = Node::start().await;
    let mut client = EndpointDiscoveryServiceClient::new(channel(&node).await);
    let only = futures_util::stream::iter([asks(ENDPOINTS, &["users"])]);
    let mut responses = client.stream_endpoints(only).await.unwrap().into_inner();
    while responses.message().await.unwrap().is_some() {}
    node.until_metric("discovery_xds_streams", 0).await;
}

#[tokio::test]
async fn streams_end_when_the_node_stops() {
    let node = Node::start().await;
    let mut envoy = delta(&node).await;
    envoy.say(subscribes(ENDPOINTS, &["users"]));
    envoy.hear_hosts().await;
    node.xds.stop();
    assert_eq!(envoy.end().await.code(), tonic::Code::Unavailable);
    let mut late = delta(&node).await;
    assert_eq!(late.end().await.code(), tonic::Code::Unavailable);
}

#[tokio::test]
async fn polls_and_streams_share_a_port() {
    let node = Node::start().await;
    node.register("users", "10.0.0.1").await;
    let mut envoy = sotw(&node).await;
    envoy.say(asks(ENDPOINTS, &["users"]));
    assert_eq!(envoy.hear_hosts().await, told("users", &["10.0.0.1"]));
    let url = format!("http://{}/v3/discovery:endpoints", node.address);
    for client in [
        reqwest::Client::new(),
        reqwest::Client::builder()
            .http2_prior_knowledge()
            .build()
            .unwrap(),
    ] {
        let poll = client.post(&url).body(r#"{"resource_names": ["users"]}"#);
        let found = poll.send().await.unwrap().text().await.unwrap();
        assert!(found.contains("10.0.0.1"), "{found}");
    }
}

#[tokio::test]
async fn a_request_that_names_every_extension_of_an_envoy_is_taken() {
    use envoy_types::pb::envoy::config::core::v3::Extension;
    let node = Node::start().await;
    let mut envoy = sotw(&node).await;
    let mut request: DiscoveryRequest = asks(ENDPOINTS, &["users"]);
    let extension = Extension {
        name: "envoy.filters.connection_pools.tcp.generic".into(),
        category: "envoy.upstreams".into(),
        type_urls: vec![
            "envoy.extensions.upstreams.tcp.generic.v3.GenericConnectionPoolProto".into(),
        ],
        ..Extension::default()
    };
    request.node.as_mut().unwrap().extensions = vec![extension; 5160];
    envoy.say(request);
    assert_eq!(envoy.hear_hosts().await, told("users", &[]));
}
