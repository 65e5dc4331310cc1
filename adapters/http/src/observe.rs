//! One log line and a few metrics for every request.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::Clock;
use poem::http::{Method, StatusCode};
use prometheus_client::metrics::gauge::Gauge;

use crate::access_log::{AccessLog, Answered};
use crate::metrics::{HttpMetrics, Meter};
use crate::request_id::RequestId;

/// What is logged when a client goes away before its answer: no status that is ever sent.
const GONE: u16 = 499;

/// Watches requests being answered.
pub(crate) struct Observer {
    clock: Arc<dyn Clock>,
    log: Arc<dyn AccessLog>,
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
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        log: Arc<dyn AccessLog>,
        metrics: &HttpMetrics,
    ) -> Self {
        Self {
            clock,
            log,
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
            began: self.now(),
            status: StatusCode::from_u16(GONE).expect("below 1000"),
        }
    }

    /// When a request begins.
    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Notes a request that is answered by now.
    pub(crate) fn note(
        &self,
        meter: &Meter,
        (method, route): (&Method, &str),
        status: StatusCode,
        began: Duration,
        request_id: &RequestId,
    ) {
        let took = self.now().saturating_sub(began);
        meter.note(status, took);
        self.log.answered(&Answered {
            method: method.as_str(),
            route,
            operation: meter.operation(),
            status: status.as_u16(),
            took,
            request_id: request_id.as_str(),
        });
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
        self.observer.in_flight.dec();
        let asked = (&self.method, self.route);
        self.observer
            .note(self.meter, asked, self.status, self.began, &self.request_id);
    }
}
