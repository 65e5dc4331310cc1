//! The metrics as text, for whoever scrapes them.

use poem::Response;
use poem::http::StatusCode;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::refusal::refusal;

/// Everything that is measured, in the `OpenMetrics` text format.
pub(crate) fn scrape(registry: &Registry) -> Response {
    let mut text = String::new();
    match encode(&mut text, registry) {
        Ok(()) => Response::builder()
            .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
            .body(text),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
