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
    /// What happened to a host, and why it is on a list or not
    History,
    /// Whether this node is alive and can do its work
    Health,
    /// What an operator may do at a node that has `ADMIN_API` on
    Admin,
    /// Where to start
    Home,
}
