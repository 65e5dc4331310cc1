//! Log lines.

mod sink;

use std::io::{IsTerminal, stderr};

use prometheus_client::registry::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::Settings;
pub(crate) use sink::Sink;

/// Starts logging to stderr, of panics too.
pub(crate) fn start(settings: &Settings, metrics: &mut Registry) -> Sink {
    let sink = Sink::start(stderr(), metrics);
    let lines = tracing_subscriber::fmt::layer().with_writer(sink.clone());
    let shown = tracing_subscriber::registry().with(levels(settings.log_level.0));
    if settings.debug {
        shown.with(lines.with_ansi(stderr().is_terminal())).init();
    } else {
        shown.with(lines.json().flatten_event(true)).init();
    }
    discovery_http::log_panics();
    sink
}

/// Our own crates log from `level` on, the libraries from WARN on.
fn levels(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("discovery", level)
}
