//! What is counted of the table.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Counters of one table.
#[derive(Clone)]
pub(crate) struct Metrics {
    requests: Family<ByOperation, Counter>,
    errors: Family<ByKind, Counter>,
    seconds: Family<ByOperation, Histogram, fn() -> Histogram>,
    /// Rows that were left out of a list because they can't be read.
    pub(crate) rows_left_out: Counter,
    /// Tags that were left out of a row because their type is not the documented one.
    pub(crate) tags_left_out: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOperation {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    operation: &'static str,
    kind: Kind,
}

/// How a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(
    non_camel_case_types,
    reason = "the label's values are the variants' names"
)]
pub(crate) enum Kind {
    /// No answer in time.
    timeout,
    /// No connection, or one that broke.
    connection,
    /// Too many requests.
    throttled,
    /// A failure inside the store.
    server,
    /// An answer that says that the request is wrong.
    refused,
}

impl Metrics {
    /// Makes the counters and has them shown.
    pub(crate) fn registered(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            errors: Family::default(),
            seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 2.0, 13))
            }),
            rows_left_out: Counter::default(),
            tags_left_out: Counter::default(),
        };
        registry.register(
            "discovery_dynamodb_requests",
            "Requests sent to DynamoDB, those sent again included",
            metrics.requests.clone(),
        );
        registry.register(
            "discovery_dynamodb_errors",
            "Requests to DynamoDB that failed, a condition that did not hold not being a failure",
            metrics.errors.clone(),
        );
        registry.register(
            "discovery_dynamodb_request_seconds",
            "How long DynamoDB took to answer a request",
            metrics.seconds.clone(),
        );
        registry.register(
            "discovery_rows_left_out",
            "Stored rows that a list was read without because they can't be read, at each reading",
            metrics.rows_left_out.clone(),
        );
        registry.register(
            "discovery_tags_left_out",
            "Stored tags of a wrong type that a list was read without, at each reading",
            metrics.tags_left_out.clone(),
        );
        metrics
    }

    pub(crate) fn sent(&self, operation: &'static str) {
        self.requests
            .get_or_create(&ByOperation { operation })
            .inc();
    }

    pub(crate) fn answered(&self, operation: &'static str, time: Duration) {
        self.seconds
            .get_or_create(&ByOperation { operation })
            .observe(time.as_secs_f64());
    }

    pub(crate) fn failed(&self, operation: &'static str, kind: Kind) {
        self.errors.get_or_create(&ByKind { operation, kind }).inc();
    }
}
