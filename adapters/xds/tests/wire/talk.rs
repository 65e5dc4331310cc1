//! A client of a stream, as real as the generated one.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::core::v3::Node as EnvoyNode;
use envoy_types::pb::envoy::config::core::v3::address::Address;
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy_types::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::google::protobuf::Any;
use envoy_types::pb::google::rpc::Status as Rejection;
use futures_util::Stream;
use futures_util::stream::unfold;
use prost::Message;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tonic::Status;
use tonic::codec::Streaming;
use tonic::transport::Channel;

use crate::node::{Node, PATIENCE};

pub(crate) const CLUSTERS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
pub(crate) const ENDPOINTS: &str =
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
pub(crate) const LISTENERS: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";

/// Both ends of a stream.
pub(crate) struct Talk<Q, R> {
    requests: UnboundedSender<Q>,
    responses: Streaming<R>,
}

pub(crate) type Sotw = Talk<DiscoveryRequest, DiscoveryResponse>;
pub(crate) type Delta = Talk<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

/// The addresses of the hosts of each service in a response.
pub(crate) type Hosts = BTreeMap<String, Vec<String>>;

impl<Q, R> Talk<Q, R> {
    /// What to call a client's method with, and what to make of its answer.
    pub(crate) fn requests() -> (UnboundedSender<Q>, impl Stream<Item = Q>) {
        let (requests, receiver) = unbounded_channel();
        let next = async |mut receiver: UnboundedReceiver<Q>| {
            let request = receiver.recv().await?;
            Some((request, receiver))
        };
        (requests, unfold(receiver, next))
    }

    pub(crate) fn new(
        requests: UnboundedSender<Q>,
        responses: tonic::Response<Streaming<R>>,
    ) -> Self {
        Self {
            requests,
            responses: responses.into_inner(),
        }
    }

    pub(crate) fn say(&self, request: Q) {
        self.requests
            .send(request)
            .unwrap_or_else(|_| panic!("nobody listens"));
    }

    /// The next response, or how the stream ended.
    pub(crate) async fn next(&mut self) -> Result<R, Status> {
        let next = timeout(PATIENCE, self.responses.message()).await;
        let next = next.expect("there is something to hear");
        next.map(|response| response.expect("the stream goes on"))
    }

    pub(crate) async fn hear(&mut self) -> R {
        self.next().await.unwrap()
    }

    /// How the stream ends.
    pub(crate) async fn end(&mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                break status;
            }
        }
    }
}

pub(crate) async fn channel(node: &Node) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", node.address));
    endpoint.unwrap().connect().await.unwrap()
}

pub(crate) async fn sotw(node: &Node) -> Sotw {
    let mut client = AggregatedDiscoveryServiceClient::new(channel(node).await);
    let (requests, stream) = Sotw::requests();
    Talk::new(
        requests,
        client.stream_aggregated_resources(stream).await.unwrap(),
    )
}

pub(crate) async fn delta(node: &Node) -> Delta {
    let mut client = AggregatedDiscoveryServiceClient::new(channel(node).await);
    let (requests, stream) = Delta::requests();
    Talk::new(
        requests,
        client.delta_aggregated_resources(stream).await.unwrap(),
    )
}

impl Sotw {
    /// Answers a response, for the same names or others.
    pub(crate) fn ack(&self, names: &[&str], response: &DiscoveryResponse) {
        self.say(DiscoveryRequest {
            version_info: response.version_info.clone(),
            response_nonce: response.nonce.clone(),
            ..asks(&response.type_url, names)
        });
    }

    /// The hosts in the next response.
    pub(crate) async fn hear_hosts(&mut self) -> Hosts {
        hosts(self.hear().await.resources.iter())
    }
}

impl Delta {
    pub(crate) fn ack(&self, response: &DeltaDiscoveryResponse) {
        self.say(DeltaDiscoveryRequest {
            response_nonce: response.nonce.clone(),
            ..subscribes(&response.type_url, &[])
        });
    }

    pub(crate) fn nack(&self, response: &DeltaDiscoveryResponse) {
        self.say(DeltaDiscoveryRequest {
            response_nonce: response.nonce.clone(),
            error_detail: Some(rejection()),
            ..subscribes(&response.type_url, &[])
        });
    }

    /// The hosts in the next response, which is taken in.
    pub(crate) async fn hear_hosts(&mut self) -> Hosts {
        let response = self.hear().await;
        self.ack(&response);
        hosts(
            response
                .resources
                .iter()
                .filter_map(|wrapped| wrapped.resource.as_ref()),
        )
    }
}

pub(crate) fn asks(type_url: &str, names: &[&str]) -> DiscoveryRequest {
    DiscoveryRequest {
        node: Some(envoy()),
        type_url: type_url.into(),
        resource_names: names.iter().map(ToString::to_string).collect(),
        ..DiscoveryRequest::default()
    }
}

pub(crate) fn subscribes(type_url: &str, names: &[&str]) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        node: Some(envoy()),
        type_url: type_url.into(),
        resource_names_subscribe: names.iter().map(ToString::to_string).collect(),
        ..DeltaDiscoveryRequest::default()
    }
}

pub(crate) fn rejection() -> Rejection {
    Rejection {
        code: 13,
        message: "no such thing".into(),
        ..Rejection::default()
    }
}

fn envoy() -> EnvoyNode {
    EnvoyNode {
        id: "lab-node".into(),
        cluster: "lab-cluster".into(),
        ..EnvoyNode::default()
    }
}

fn hosts<'a>(resources: impl Iterator<Item = &'a Any>) -> Hosts {
    resources
        .map(|any| {
            assert_eq!(any.type_url, ENDPOINTS);
            let assignment = ClusterLoadAssignment::decode(&*any.value).unwrap();
            let localities = assignment.endpoints.iter();
            let addresses = localities
                .flat_map(|locality| &locality.lb_endpoints)
                .map(|host| {
                    let Some(HostIdentifier::Endpoint(endpoint)) = &host.host_identifier else {
                        panic!("no endpoint: {host:?}");
                    };
                    match &endpoint.address.as_ref().unwrap().address {
                        Some(Address::SocketAddress(address)) => address.address.clone(),
                        other => panic!("no socket address: {other:?}"),
                    }
                });
            (assignment.cluster_name.clone(), addresses.collect())
        })
        .collect()
}

/// What a response with hosts of one service holds.
pub(crate) fn told(service: &str, ips: &[&str]) -> Hosts {
    let ips = ips.iter().map(ToString::to_string).collect();
    Hosts::from([(service.to_owned(), ips)])
}
