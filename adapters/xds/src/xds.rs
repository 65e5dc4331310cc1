//! Everything together: what reads, what knows, and the two ways on which it is told.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Registry, ServiceName};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::census::{Census, Pace};
use crate::cluster::ClusterTemplate;
use crate::feed::Feed;
use crate::gone::GoneServices;
use crate::metrics::XdsMetrics;
use crate::resources::Resources;
use crate::rest::XdsApi;
use crate::server::{GrpcEndpoint, StreamLimits};

/// What an operator decides about discovery.
#[derive(Debug, Clone)]
pub struct XdsSettings {
    /// What the clusters look like.
    pub clusters: ClusterTemplate,
    /// After how long a service that a stream subscribes to is read again, for the changes that nobody announced.
    pub reread: Duration,
    /// After how long the store is asked again which services there are.
    pub scan: Duration,
    /// How long a service stays known after its last row has gone.
    pub retention: Duration,
    /// What streams may take.
    pub streams: StreamLimits,
}

/// Which node has made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This one: its own reads show it at once.
    Here,
    /// Another one: only a new reading shows it.
    Elsewhere,
}

/// Tells Envoys and gRPC programs which hosts and services there are.
pub struct Xds {
    resources: Arc<Resources>,
    feed: Arc<Feed>,
    census: Census,
    grpc: GrpcEndpoint,
    metrics: XdsMetrics,
}

impl Default for XdsSettings {
    fn default() -> Self {
        Self {
            clusters: ClusterTemplate::default(),
            reread: Duration::from_secs(30),
            scan: Duration::from_mins(5),
            retention: Duration::from_hours(24),
            streams: StreamLimits::default(),
        }
    }
}

impl Xds {
    /// Tells what a registry knows. Clusters are told once [`Self::run`] has found out which there are.
    pub fn new(registry: Arc<Registry>, settings: XdsSettings, metrics: &XdsMetrics) -> Self {
        let resources = Arc::new(Resources::new(
            settings.clusters,
            settings.streams.watched_services,
        ));
        let feed = Arc::new(Feed::new(
            Arc::clone(&registry),
            Arc::clone(&resources),
            settings.reread,
            metrics.clone(),
        ));
        let pace = Pace {
            scan: settings.scan,
            retention: settings.retention,
        };
        let census = Census::new(
            registry,
            Arc::clone(&resources),
            Arc::clone(&feed),
            pace,
            metrics.clone(),
        );
        let grpc = GrpcEndpoint::new(Arc::clone(&feed), settings.streams, metrics.clone());
        Self {
            resources,
            feed,
            census,
            grpc,
            metrics: metrics.clone(),
        }
    }

    /// The same, with services without hosts remembered there, so that a restart does not take their clusters away.
    #[must_use]
    pub fn remembering(mut self, store: Arc<dyn GoneServices>) -> Self {
        self.census.remember_in(store);
        self
    }

    /// The services over gRPC.
    pub fn grpc(&self) -> GrpcEndpoint {
        self.grpc.clone()
    }

    /// The operations over REST.
    pub fn api(&self) -> XdsApi {
        XdsApi::new(Arc::clone(&self.feed), self.metrics.clone())
    }

    /// Keeps finding out which services there are.
    pub async fn run(&self) {
        self.census.keep().await;
    }

    /// Takes in which services change, until nobody can announce any more. It may follow several announcers.
    pub async fn follow(&self, mut announced: Receiver<ServiceName>, origin: Origin) {
        loop {
            match announced.recv().await {
                Ok(service) => self.changed(&service, origin),
                Err(RecvError::Lagged(_)) => self.missed_changes(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Takes in that a service has changed.
    pub fn changed(&self, service: &ServiceName, origin: Origin) {
        self.census.changed(service, origin);
        self.feed.changed(service, origin);
    }

    /// Takes in that any service may have changed.
    pub fn missed_changes(&self) {
        self.census.missed_changes();
        self.feed.missed_changes();
    }

    /// Ends every stream, so that its client turns to another node.
    pub fn stop(&self) {
        self.resources.stop();
    }
}
