//! A host of a service, and the row in which a node keeps it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::lease::LeaseInstant;
use crate::tags::Tags;
use crate::values::{HostAddress, Port, Revision, ServiceName, ServiceRepoName};

/// What tells one host from every other; ordered by address, as lists are. Opaque, so that a host may one day be more
/// than its address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostKey {
    address: HostAddress,
    service: ServiceName,
}

impl HostKey {
    /// The host of a service at an address.
    pub fn new(service: ServiceName, address: HostAddress) -> Self {
        Self { address, service }
    }

    /// The service the host belongs to.
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// Where the host is.
    pub fn address(&self) -> HostAddress {
        self.address
    }
}

/// A registered host, as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// What tells it from every other host.
    pub key: HostKey,
    /// The repository its service is built from.
    pub service_repo_name: ServiceRepoName,
    /// Where it serves.
    pub port: Port,
    /// What it runs.
    pub revision: Revision,
    /// When it last checked in, by the wall clock of the node that took it.
    pub last_check_in: DateTime<Utc>,
    /// Everything else known of it.
    pub tags: Tags,
}

impl Host {
    /// Whether the two differ in nothing but the time of their check-in.
    pub fn differs_only_in_check_in(&self, other: &Self) -> bool {
        self.key == other.key
            && self.service_repo_name == other.service_repo_name
            && self.port == other.port
            && self.revision == other.revision
            && self.tags == other.tags
    }
}

/// A host and what this node knows of its age.
#[derive(Debug, Clone)]
pub struct Row {
    /// The host as it is stored.
    pub host: Arc<Host>,
    /// The lease time at which its age was zero. Belongs to this node and is not stored.
    pub renewed: LeaseInstant,
    /// The lease time at which this node first saw that check-in: later than `renewed` where another node took it.
    pub first_seen: LeaseInstant,
}

impl Row {
    /// A host that checked in through this node at that lease time.
    pub fn checked_in(host: Arc<Host>, at: LeaseInstant) -> Self {
        Self {
            host,
            renewed: at,
            first_seen: at,
        }
    }

    /// The same check-in of a host of which other things have changed.
    #[must_use]
    pub fn with(&self, host: Arc<Host>) -> Self {
        Self { host, ..*self }
    }
}
