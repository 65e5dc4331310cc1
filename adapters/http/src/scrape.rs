//! The metrics as text, for whoever scrapes them.

use poem::Response;
use poem::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use poem::http::{HeaderMap, HeaderValue};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::refusal::no_metrics;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is measured: in the `OpenMetrics` format for who asks for it, as Prometheus does, else in the older
/// one that everything reads.
pub(crate) fn scrape(headers: &HeaderMap, registry: &Registry) -> Response {
    let mut text = String::new();
    if let Err(error) = encode(&mut text, registry) {
        return no_metrics(error);
    }
    let (kind, text) = if takes_open_metrics(headers) {
        (OPEN_METRICS, text)
    } else {
        (PROMETHEUS, older(&text))
    };
    let mut response = Response::from(text);
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    head.insert(VARY, HeaderValue::from_static("accept"));
    response
}

fn takes_open_metrics(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(ACCEPT).iter();
    lines.any(|line| {
        line.to_str()
            .is_ok_and(|line| line.contains("application/openmetrics-text"))
    })
}

/// Rewrites what the older format has otherwise: a counter is called as its samples are, and there are no units and no
/// end.
fn older(text: &str) -> String {
    let mut older = String::with_capacity(text.len());
    let mut help = "";
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", _, said] => help = said,
            ["#", "TYPE", name, kind] => {
                let name = match kind {
                    "counter" => &format!("{name}_total"),
                    _ => name,
                };
                older.extend([
                    "# HELP ",
                    name,
                    " ",
                    help,
                    "\n# TYPE ",
                    name,
                    " ",
                    kind,
                    "\n",
                ]);
            }
            ["#", ..] => {}
            _ => older.extend([line, "\n"]),
        }
    }
    older
}
