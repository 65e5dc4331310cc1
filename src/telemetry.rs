//! Log lines.

mod access;
mod lines;
mod sink;

use std::io::{IsTerminal, stderr};
use std::sync::Arc;

use discovery_http::AccessLog;
use discovery_local::SystemClock;
use prometheus_client::registry::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::Settings;
use lines::{Lines, Style};
use sink::Sink;

/// What takes log lines.
pub(crate) struct Log {
    /// Where they go.
    pub(crate) sink: Sink,
    /// Takes those of requests.
    pub(crate) access: Arc<dyn AccessLog>,
}

/// Starts logging to stderr, of panics too.
pub(crate) fn start(settings: &Settings, metrics: &mut Registry) -> Log {
    let sink = Sink::start(stderr(), metrics);
    let lines = Lines {
        style: style(settings.debug),
        clock: Arc::new(SystemClock::new()),
        sink: sink.clone(),
    };
    let shown = tracing_subscriber::registry().with(levels(settings.log_level.0));
    shown.with(lines.clone()).init();
    discovery_http::log_panics();
    Log {
        sink,
        access: Arc::new(lines),
    }
}

fn style(for_people: bool) -> Style {
    match (for_people, stderr().is_terminal()) {
        (false, _) => Style::Json,
        (true, false) => Style::Text,
        (true, true) => Style::Coloured,
    }
}

/// Our own crates log from `level` on, the libraries from WARN on; but for that of AWS, which says at every call of a
/// store that it finds no credentials, as our own line does once.
fn levels(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("aws_config", level.min(LevelFilter::ERROR))
        .with_target("discovery", level)
}
