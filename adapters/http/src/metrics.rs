//! What is counted of requests: by operation and status, never by service or host.

use std::sync::OnceLock;
use std::time::Duration;

use poem::http::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Bounds of the latency histogram, in seconds: a list from memory takes tens of microseconds, a write to a remote
/// store up to seconds.
const SECONDS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0,
    20.0,
];

/// The statuses whose counters are found without a look-up.
const USUAL: [StatusCode; 6] = [
    StatusCode::OK,
    StatusCode::NO_CONTENT,
    StatusCode::NOT_MODIFIED,
    StatusCode::BAD_REQUEST,
    StatusCode::NOT_FOUND,
    StatusCode::SERVICE_UNAVAILABLE,
];

type Labels<const N: usize> = [(&'static str, String); N];
type Answered = Family<Labels<2>, Counter>;
type Seconds = Family<Labels<2>, Histogram, fn() -> Histogram>;

/// The metrics of all operations.
#[derive(Clone)]
pub(crate) struct HttpMetrics {
    answered: Answered,
    seconds: Seconds,
    /// Requests that are being answered.
    pub(crate) in_flight: Gauge,
}

/// The metrics of one operation.
pub(crate) struct Meter {
    operation: String,
    metrics: HttpMetrics,
    usual: [OnceLock<Series>; USUAL.len()],
}

/// The metrics of one operation's answers of one status.
struct Series {
    answered: Counter,
    seconds: Histogram,
}

impl HttpMetrics {
    /// Registers the metrics where they are scraped.
    pub(crate) fn registered(registry: &mut Registry) -> Self {
        let metrics = Self {
            answered: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            in_flight: Gauge::default(),
        };
        registry.register(
            "discovery_http_requests",
            "Requests answered, by operation and status",
            metrics.answered.clone(),
        );
        registry.register(
            "discovery_http_request_duration_seconds",
            "Time from a request's header to its answer, by operation and status",
            metrics.seconds.clone(),
        );
        registry.register(
            "discovery_http_requests_in_flight",
            "Requests being answered",
            metrics.in_flight.clone(),
        );
        metrics
    }

    /// The metrics of one operation, resolved once.
    pub(crate) fn meter(&self, operation: &str) -> Meter {
        Meter {
            operation: operation.to_owned(),
            metrics: self.clone(),
            usual: Default::default(),
        }
    }
}

impl Meter {
    /// The operation that is measured.
    pub(crate) fn operation(&self) -> &str {
        &self.operation
    }

    /// Counts an answer.
    pub(crate) fn note(&self, status: StatusCode, took: Duration) {
        let usual = USUAL.iter().position(|usual| *usual == status);
        match usual.map(|position| &self.usual[position]) {
            Some(series) => series.get_or_init(|| self.series(status)).note(took),
            None => self.series(status).note(took),
        }
    }

    fn series(&self, status: StatusCode) -> Series {
        let (operation, status) = (self.operation.clone(), status.as_str().to_owned());
        let labels = [("operation", operation), ("status", status)];
        Series {
            answered: self.metrics.answered.get_or_create_owned(&labels),
            seconds: self.metrics.seconds.get_or_create_owned(&labels),
        }
    }
}

impl Series {
    fn note(&self, took: Duration) {
        self.answered.inc();
        self.seconds.observe(took.as_secs_f64());
    }
}
