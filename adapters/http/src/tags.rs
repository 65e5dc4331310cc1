//! How the contract groups its operations.

use poem_openapi::Tags;

/// A group of operations.
#[derive(Tags)]
pub(crate) enum Tag {
    /// Hosts register themselves, send heartbeats and are listed
    Registration,
    /// How the traffic of a service is shared among its hosts
    #[oai(rename = "Load balancing")]
    LoadBalancing,
    /// Whether this node is alive and can do its work
    Health,
    /// Where to start
    Home,
}
