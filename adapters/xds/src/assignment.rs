//! The hosts of a service as the endpoints of a cluster.

mod json;
mod protobuf;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use discovery_domain::{Host, Revision, ServiceRepoName};

/// A `ClusterLoadAssignment`: which endpoints a cluster has, by locality.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) cluster_name: Arc<str>,
    /// Ordered by place.
    pub(crate) localities: Vec<Locality>,
}

/// The endpoints of one place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Locality {
    pub(crate) place: Place,
    /// The sum of the endpoints' weights: gRPC programs ignore a locality without one, and Envoy one beside others
    /// that have it.
    pub(crate) weight: u32,
    /// Ordered by address.
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
}

/// Where a host runs; what is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) region: String,
    pub(crate) zone: String,
}

/// What is said of one host. Not when it checked in, so that a heartbeat changes nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) place: Place,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) weight: u32,
    pub(crate) canary: bool,
    pub(crate) revision: Revision,
    pub(crate) instance_id: Option<String>,
    pub(crate) service_repo_name: ServiceRepoName,
}

impl Assignment {
    /// Groups endpoints by place.
    pub(crate) fn new(cluster_name: Arc<str>, endpoints: &[Arc<Endpoint>]) -> Self {
        let mut by_place: BTreeMap<&Place, Vec<Arc<Endpoint>>> = BTreeMap::new();
        for endpoint in endpoints {
            by_place
                .entry(&endpoint.place)
                .or_default()
                .push(Arc::clone(endpoint));
        }
        let localities = by_place
            .into_iter()
            .map(|(place, endpoints)| Locality::new(place.clone(), endpoints))
            .collect();
        Self {
            cluster_name,
            localities,
        }
    }
}

impl Locality {
    fn new(place: Place, mut endpoints: Vec<Arc<Endpoint>>) -> Self {
        endpoints.sort_by_key(|endpoint| (endpoint.address, endpoint.port));
        let weights = endpoints.iter().map(|endpoint| endpoint.weight);
        Self {
            place,
            weight: weights.fold(0, u32::saturating_add),
            endpoints,
        }
    }
}

impl Endpoint {
    /// Envoy's own default, too.
    const DEFAULT_WEIGHT: u32 = 1;

    /// The instance as the name of the host, where it can stand in a header, which is where Envoy may put it.
    pub(crate) fn hostname(&self) -> Option<&str> {
        let fit = |id: &&str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic());
        self.instance_id.as_deref().filter(fit)
    }
}

impl From<&Host> for Endpoint {
    fn from(host: &Host) -> Self {
        let weight = host.tags.weight();
        Self {
            place: Place {
                region: host.tags.region().unwrap_or_default(),
                zone: host.tags.az().unwrap_or_default(),
            },
            address: host.key.address().ip(),
            port: host.port.get(),
            weight: weight.map_or(Self::DEFAULT_WEIGHT, |weight| weight.get().into()),
            canary: host.tags.canary(),
            revision: host.revision.clone(),
            instance_id: host.tags.instance_id(),
            service_repo_name: host.service_repo_name.clone(),
        }
    }
}
