//! The clusters that Envoy is told of: one for every service, from one template.

mod json;
mod protobuf;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{InvalidValue, ServiceName};

use crate::resource::{Content, Resource};

/// What an operator decides about the clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterTemplate {
    /// The name that the Envoys' own static cluster for this registry has.
    pub xds_cluster: String,
    /// How often a cluster that was read over REST polls its endpoints: Envoy waits once to twice as long.
    pub refresh_delay: Duration,
    /// How long Envoy tries to connect to a host.
    pub connect_timeout: Duration,
    /// How Envoy picks one host of several; in turn where a cluster is asked for by name and gRPC programs don't know it.
    pub lb_policy: LbPolicy,
    /// The sets of metadata keys by which a route can pick a subset of the hosts; each set costs Envoy memory.
    pub subset_keys: Vec<Vec<String>>,
    /// Whether a host that left is dropped although it still passes Envoy's health checks.
    pub ignore_health_on_host_removal: bool,
}

/// How Envoy picks one host of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LbPolicy {
    /// By weight, in turn.
    RoundRobin,
    /// The less busy one of two.
    LeastRequest,
    /// Any.
    Random,
    /// By a hash of the request, on a ring.
    RingHash,
    /// By a hash of the request, in a table.
    Maglev,
}

/// Where a cluster's endpoints come from: the way on which the cluster came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EdsSource {
    /// Polls.
    Rest,
    /// The stream for all kinds.
    Ads,
    /// A stream of its own, in full states.
    Grpc,
    /// A stream of its own, in changes.
    DeltaGrpc,
}

/// An EDS cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    name: Arc<str>,
    template: Arc<ClusterTemplate>,
    source: EdsSource,
}

impl Default for ClusterTemplate {
    fn default() -> Self {
        let keys = ["canary", "revision"].map(|key| vec![key.to_owned()]);
        Self {
            xds_cluster: "discovery".into(),
            refresh_delay: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            lb_policy: LbPolicy::RoundRobin,
            subset_keys: keys.into(),
            ignore_health_on_host_removal: true,
        }
    }
}

impl ClusterTemplate {
    /// Whether a service can have a cluster. With one called `*` Envoy would ask for the endpoints of `*`, to which it
    /// takes those of every other cluster, and then refuse them all.
    pub(crate) fn suits(service: &ServiceName) -> bool {
        service.as_str() != "*"
    }

    /// The template of clusters that are asked for by name, as gRPC programs do: of the policies they know only two, and
    /// a cluster with another is one that they can't use.
    pub(crate) fn by_name(self: &Arc<Self>) -> Arc<Self> {
        match self.lb_policy {
            LbPolicy::RoundRobin | LbPolicy::RingHash => Arc::clone(self),
            LbPolicy::LeastRequest | LbPolicy::Random | LbPolicy::Maglev => Arc::new(Self {
                lb_policy: LbPolicy::RoundRobin,
                ..Self::clone(self)
            }),
        }
    }

    /// The cluster of a service.
    pub(crate) fn cluster(self: &Arc<Self>, service: &ServiceName, source: EdsSource) -> Resource {
        let name: Arc<str> = service.as_str().into();
        let cluster = Cluster {
            name: Arc::clone(&name),
            template: Arc::clone(self),
            source,
        };
        Resource::new(name, Content::Cluster(cluster))
    }
}

impl EdsSource {
    /// All sources.
    pub(crate) const ALL: [Self; 4] = [Self::Rest, Self::Ads, Self::Grpc, Self::DeltaGrpc];
}

impl LbPolicy {
    /// All policies.
    pub(crate) const ALL: [Self; 5] = [
        Self::RoundRobin,
        Self::LeastRequest,
        Self::Random,
        Self::RingHash,
        Self::Maglev,
    ];

    /// The policy as Envoy writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "ROUND_ROBIN",
            Self::LeastRequest => "LEAST_REQUEST",
            Self::Random => "RANDOM",
            Self::RingHash => "RING_HASH",
            Self::Maglev => "MAGLEV",
        }
    }
}

impl FromStr for LbPolicy {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or_else(|| {
                let all = Self::ALL.map(Self::as_str).join(", ");
                InvalidValue::new(format!("must be one of {all}, got {text:?}"))
            })
    }
}

#[cfg(test)]
mod tests;
