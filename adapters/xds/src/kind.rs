//! The three kinds of resource that are served.

/// A kind of resource, in the order in which one stream must be told of them: a cluster before its endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Clusters, one for every service.
    Clusters,
    /// The endpoints of a cluster, which are the hosts of its service.
    Endpoints,
    /// Listeners for gRPC programs that do without a proxy.
    Listeners,
}

impl Kind {
    /// All kinds, in order.
    pub(crate) const ALL: [Self; 3] = [Self::Clusters, Self::Endpoints, Self::Listeners];

    /// The name that Envoy has for the kind.
    pub(crate) fn type_url(self) -> &'static str {
        match self {
            Self::Clusters => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listeners => "type.googleapis.com/envoy.config.listener.v3.Listener",
        }
    }

    /// The kind of that name.
    pub(crate) fn of(type_url: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.type_url() == type_url)
    }

    /// A word for logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Endpoints => "endpoints",
            Self::Listeners => "listeners",
        }
    }
}
