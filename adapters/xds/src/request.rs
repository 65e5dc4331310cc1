//! What a client says on a stream. Only the fields that are used: a node names some 500 extensions that nobody reads
//! here, and protobuf passes over a field that it does not know.

use prost::Message;

/// Who asks.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Node {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
}

/// As much of a node's id as goes into a log.
pub(crate) fn shortened(id: &str) -> String {
    const LONGEST: usize = 128;
    id.chars().take(LONGEST).collect()
}

/// Why a response was rejected.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ErrorDetail {
    #[prost(string, tag = "2")]
    pub(crate) message: String,
}

/// A request of the protocol in full states: the names are all that the client wants now.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DiscoveryRequest {
    #[prost(string, tag = "1")]
    pub(crate) version_info: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) node: Option<Node>,
    #[prost(string, repeated, tag = "3")]
    pub(crate) resource_names: Vec<String>,
    #[prost(string, tag = "4")]
    pub(crate) type_url: String,
    #[prost(string, tag = "5")]
    pub(crate) response_nonce: String,
    #[prost(message, optional, tag = "6")]
    pub(crate) error_detail: Option<ErrorDetail>,
}

/// A request of the protocol in changes: the names are those wanted more, and no more.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DeltaDiscoveryRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) node: Option<Node>,
    #[prost(string, tag = "2")]
    pub(crate) type_url: String,
    #[prost(string, repeated, tag = "3")]
    pub(crate) resource_names_subscribe: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    pub(crate) resource_names_unsubscribe: Vec<String>,
    /// A map, which in protobuf is a list of pairs.
    #[prost(message, repeated, tag = "5")]
    pub(crate) initial_resource_versions: Vec<NamedVersion>,
    #[prost(string, tag = "6")]
    pub(crate) response_nonce: String,
    #[prost(message, optional, tag = "7")]
    pub(crate) error_detail: Option<ErrorDetail>,
}

/// A resource that the client has from an earlier stream.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NamedVersion {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) version: String,
}
