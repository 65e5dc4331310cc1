//! Requests and answers as the contract shows them; their bytes are read and made elsewhere.

use poem_openapi::Object;
use poem_openapi::types::Any;
use serde_json::Value;

/// What an Envoy asks; other fields are passed over
#[derive(Object)]
pub(super) struct DiscoveryRequest {
    /// The version that the client has, absent at first
    version_info: Option<String>,
    /// Who asks
    node: Option<Node>,
    /// The names of services. No names mean all clusters; endpoints have to be named
    #[oai(validator(max_items = 1000))]
    resource_names: Option<Vec<String>>,
    /// The kind of resource, which the path says, too
    type_url: Option<String>,
}

/// An Envoy, or what else reads as one; other fields are passed over
#[derive(Object)]
struct Node {
    /// By what the server's log knows it
    id: Option<String>,
}

/// The endpoints of services
#[derive(Object)]
pub(super) struct EndpointDiscovery {
    /// The version of all resources here together
    version_info: String,
    /// The kind of the resources
    type_url: String,
    /// One for each name
    resources: Vec<ClusterLoadAssignment>,
}

/// The endpoints of a service
#[derive(Object)]
struct ClusterLoadAssignment {
    /// The kind of this resource
    #[oai(rename = "@type")]
    type_url: String,
    /// The name of the service, as it was asked for
    cluster_name: String,
    /// Where it has hosts; nothing where it has none
    endpoints: Vec<LocalityLbEndpoints>,
}

/// The hosts in one zone
#[derive(Object)]
struct LocalityLbEndpoints {
    /// The zone
    locality: Locality,
    /// The sum of the hosts' weights
    #[oai(validator(minimum(value = "1")))]
    load_balancing_weight: i64,
    /// The hosts, by address
    lb_endpoints: Vec<LbEndpoint>,
}

/// A place; what is not known is empty
#[derive(Object)]
struct Locality {
    /// The tag `region` of the hosts
    region: String,
    /// The tag `az` of the hosts
    zone: String,
}

/// A host
#[derive(Object)]
struct LbEndpoint {
    /// Where it serves
    endpoint: Endpoint,
    /// Its share of the traffic, 1 where none was set
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    load_balancing_weight: i32,
    /// What subsets can be picked by
    metadata: Metadata,
}

/// Where a host serves
#[derive(Object)]
struct Endpoint {
    /// The tag `instance_id`, where it can stand in a header
    hostname: Option<String>,
    /// The address and port
    address: Address,
}

/// An address
#[derive(Object)]
struct Address {
    /// The address and port
    socket_address: SocketAddress,
}

/// An address and a port
#[derive(Object)]
struct SocketAddress {
    /// IPv4 or IPv6
    address: String,
    /// The port
    #[oai(validator(minimum(value = "1"), maximum(value = "65535")))]
    port_value: i32,
}

/// What is known of a host besides
#[derive(Object)]
struct Metadata {
    /// By filter; there is only `envoy.lb`
    filter_metadata: FilterMetadata,
}

/// Metadata by filter
#[derive(Object)]
struct FilterMetadata {
    /// What subsets can be picked by
    #[oai(rename = "envoy.lb")]
    envoy_lb: LbMetadata,
}

/// What subsets can be picked by
#[derive(Object)]
struct LbMetadata {
    /// The tag `canary`, false where it is not set
    canary: bool,
    /// What the host runs
    revision: String,
    /// The tag `instance_id`
    instance_id: Option<String>,
    /// The repository that the service is built from
    service_repo_name: Option<String>,
}

/// The clusters of services
#[derive(Object)]
pub(super) struct ClusterDiscovery {
    /// The version of all resources here together
    version_info: String,
    /// The kind of the resources
    type_url: String,
    /// Every cluster there is, or each that was named and that a service can have: a `Cluster` of Envoy's v3 API
    // Its fields `type` and `@type` get one name in Rust and Python, which generators of SDKs don't survive.
    resources: Vec<Any<Value>>,
}
