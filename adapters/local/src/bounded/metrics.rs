//! What is counted of refusals.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The kinds of requests that are bounded, each for itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    CheckIns,
    Changes,
    Lists,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    kind: &'static str,
}

/// Counters of a store's bounds.
#[derive(Clone, Default)]
pub struct BoundsMetrics {
    refused: Family<Label, Counter>,
    waiting: Family<Label, Gauge>,
}

/// Counters of one lane.
pub(super) struct LaneMetrics {
    label: Label,
    pub(super) refused: Counter,
    pub(super) waiting: Gauge,
}

impl BoundsMetrics {
    /// Makes the counters and has them shown.
    pub fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "discovery_store_refused",
            "Requests refused because the store had as much to do as it may, by kind",
            metrics.refused.clone(),
        );
        registry.register(
            "discovery_store_waiting",
            "Requests that wait until the store has less to do, by kind",
            metrics.waiting.clone(),
        );
        metrics
    }

    pub(super) fn of(&self, kind: Kind) -> LaneMetrics {
        let kind = match kind {
            Kind::CheckIns => "check-ins",
            Kind::Changes => "changes",
            Kind::Lists => "lists",
        };
        let label = Label { kind };
        LaneMetrics {
            refused: self.refused.get_or_create_owned(&label),
            waiting: self.waiting.get_or_create_owned(&label),
            label,
        }
    }
}

impl LaneMetrics {
    pub(super) fn kind(&self) -> &'static str {
        self.label.kind
    }
}
