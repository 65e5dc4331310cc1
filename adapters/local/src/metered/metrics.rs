//! The counters of a store, one set for each operation of its port.

use std::array;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What a store can be asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    CheckIn,
    HostsOf,
    HostsOfRepo,
    Get,
    SetWeight,
    SetWeightOfService,
    Delete,
    DeleteUnrenewed,
    Renew,
    Services,
    Prove,
}

/// The operations in the order of their numbers, by the names that the labels bear.
const OPERATIONS: [&str; 11] = [
    "check_in",
    "hosts_of",
    "hosts_of_repo",
    "get",
    "set_weight",
    "set_weight_of_service",
    "delete",
    "delete_unrenewed",
    "renew",
    "services",
    "prove",
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    operation: &'static str,
}

/// How one call ended.
pub(super) struct Call {
    pub(super) took: Duration,
    pub(super) failed: bool,
}

/// Counters of one store.
#[derive(Clone)]
pub struct StoreMetrics(Box<[Series; OPERATIONS.len()]>);

#[derive(Clone)]
struct Series {
    requests: Counter,
    errors: Counter,
    latency: Histogram,
}

impl StoreMetrics {
    /// Makes the counters and has them shown.
    pub fn registered(registry: &mut Registry) -> Self {
        let requests = Family::<Label, Counter>::default();
        let errors = Family::<Label, Counter>::default();
        let latency = Family::<Label, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.000_01, 4.0, 11))
        });
        let series = array::from_fn(|position| {
            let operation = OPERATIONS[position];
            let label = Label { operation };
            Series {
                requests: requests.get_or_create_owned(&label),
                errors: errors.get_or_create_owned(&label),
                latency: latency.get_or_create_owned(&label),
            }
        });
        registry.register("discovery_store_requests", "Calls of the store", requests);
        registry.register(
            "discovery_store_errors",
            "Calls that the store failed",
            errors,
        );
        registry.register_with_unit(
            "discovery_store_latency",
            "How long the store took to answer",
            Unit::Seconds,
            latency,
        );
        Self(Box::new(series))
    }

    pub(super) fn called(&self, operation: Operation, call: &Call) {
        let series = &self.0[operation as usize];
        series.requests.inc();
        series.latency.observe(call.took.as_secs_f64());
        if call.failed {
            series.errors.inc();
        }
    }
}
