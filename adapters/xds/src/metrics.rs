//! What is counted of all that is told.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::kind::Kind;

/// The counters of everything that Envoys and gRPC programs are told.
#[derive(Debug, Clone, Default)]
pub struct XdsMetrics {
    pub(crate) streams: Gauge,
    pub(crate) refused_streams: Counter,
    pub(crate) refused_subscriptions: Counter,
    pub(crate) polls: Family<PollLabels, Counter>,
    pub(crate) pushes: Family<KindLabel, Counter>,
    pub(crate) acks: Family<KindLabel, Counter>,
    pub(crate) rejections: Family<KindLabel, Counter>,
    pub(crate) stale_nonces: Family<KindLabel, Counter>,
    pub(crate) stale_answers: Counter,
    pub(crate) failed_reads: Counter,
    pub(crate) watched_services: Gauge,
    pub(crate) clusters: Gauge,
}

/// Which kind of resource it was about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct KindLabel {
    kind: &'static str,
}

/// What was polled and how that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PollLabels {
    kind: &'static str,
    status: u16,
}

impl XdsMetrics {
    /// Makes the counters and has them shown.
    pub fn registered(registry: &mut Registry) -> Self {
        let all = Self::default();
        let mut gauge = |name, help, gauge: &Gauge| registry.register(name, help, gauge.clone());
        gauge("discovery_xds_streams", "Open streams", &all.streams);
        gauge(
            "discovery_xds_watched_services",
            "Services whose endpoints some stream subscribes to",
            &all.watched_services,
        );
        gauge(
            "discovery_xds_clusters",
            "Services in the catalogue",
            &all.clusters,
        );
        let mut counter =
            |name, help, counter: &Counter| registry.register(name, help, counter.clone());
        counter(
            "discovery_xds_refused_streams",
            "Streams refused because there were too many",
            &all.refused_streams,
        );
        counter(
            "discovery_xds_refused_subscriptions",
            "Streams ended because all together would subscribe to too many services",
            &all.refused_subscriptions,
        );
        counter(
            "discovery_xds_stale_answers",
            "Readings for Envoy that were older than asked for because the store failed",
            &all.stale_answers,
        );
        counter(
            "discovery_xds_failed_reads",
            "Readings for streams that the store failed to answer",
            &all.failed_reads,
        );
        all.register_kinds(registry);
        all
    }

    fn register_kinds(&self, registry: &mut Registry) {
        registry.register("discovery_xds_polls", "Polls over REST", self.polls.clone());
        let mut family = |name, help, family: &Family<KindLabel, Counter>| {
            registry.register(name, help, family.clone());
        };
        family("discovery_xds_pushes", "Responses on streams", &self.pushes);
        family(
            "discovery_xds_acks",
            "Responses that were taken in",
            &self.acks,
        );
        family(
            "discovery_xds_rejections",
            "Responses and answers to polls that were rejected",
            &self.rejections,
        );
        family(
            "discovery_xds_stale_nonces",
            "Requests about a response that was answered before",
            &self.stale_nonces,
        );
    }
}

impl From<Kind> for KindLabel {
    fn from(kind: Kind) -> Self {
        let kind = kind.as_str();
        Self { kind }
    }
}

impl PollLabels {
    pub(crate) fn new(kind: Kind, status: u16) -> Self {
        let kind = kind.as_str();
        Self { kind, status }
    }
}
