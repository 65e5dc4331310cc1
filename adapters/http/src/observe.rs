//! One log line and a few metrics for every request.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::Clock;
use poem::http::{Method, StatusCode};
use prometheus_client::metrics::gauge::Gauge;
use tracing::info;

use crate::metrics::{HttpMetrics, Meter};
use crate::request_id::RequestId;

/// What is logged when a client goes away before its answer: no status that is ever sent.
const GONE: u16 = 499;

/// Watches requests being answered.
pub(crate) struct Observer {
    clock: Arc<dyn Clock>,
    in_flight: Gauge,
}

/// A request being answered. Dropped without an answer, it is logged as one whose client went away.
pub(crate) struct Watched<'a> {
    observer: &'a Observer,
    meter: &'a Meter,
    method: Method,
    route: &'a str,
    request_id: RequestId,
    began: Duration,
    status: StatusCode,
}

impl Observer {
    /// Watches by that clock.
    pub(crate) fn new(clock: Arc<dyn Clock>, metrics: &HttpMetrics) -> Self {
        Self {
            clock,
            in_flight: metrics.in_flight.clone(),
        }
    }

    /// Starts to watch a request for a route, which is a template and no path.
    pub(crate) fn watch<'a>(
        &'a self,
        meter: &'a Meter,
        method: Method,
        route: &'a str,
        request_id: RequestId,
    ) -> Watched<'a> {
        self.in_flight.inc();
        Watched {
            observer: self,
            meter,
            method,
            route,
            request_id,
            began: self.clock.monotonic(),
            status: StatusCode::from_u16(GONE).expect("below 1000"),
        }
    }
}

impl Watched<'_> {
    /// Notes how the request was answered.
    pub(crate) fn answered(mut self, status: StatusCode) {
        self.status = status;
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let took = self.observer.clock.monotonic().saturating_sub(self.began);
        self.observer.in_flight.dec();
        self.meter.note(self.status, took);
        info!(
            method = self.method.as_str(),
            route = self.route,
            operation = self.meter.operation(),
            status = self.status.as_u16(),
            duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            request_id = self.request_id.as_str(),
            "answered"
        );
    }
}
