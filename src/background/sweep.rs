//! Removes what has expired, at a bounded rate.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Registry, Row};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry as Metrics;
use tracing::info;

use super::{Trouble, every};

const PAUSE: Duration = Duration::from_secs(1);

/// What is counted of sweeps.
#[derive(Default)]
pub(super) struct SweepMetrics {
    sweeps: Counter,
    failures: Counter,
    hosts: Counter,
}

impl SweepMetrics {
    pub(super) fn registered(metrics: &mut Metrics) -> Self {
        let all = Self::default();
        metrics.register(
            "discovery_sweeps",
            "Looks for expired hosts",
            all.sweeps.clone(),
        );
        metrics.register(
            "discovery_sweep_failures",
            "Looks for expired hosts that the store ended early",
            all.failures.clone(),
        );
        metrics.register(
            "discovery_swept_hosts",
            "Expired hosts removed",
            all.hosts.clone(),
        );
        all
    }
}

/// Removes up to `rate` expired hosts a second.
pub(super) async fn keep_sweeping(registry: Arc<Registry>, rate: usize, metrics: SweepMetrics) {
    let mut trouble = Trouble::of("expired hosts can't be removed");
    let mut ticks = every(PAUSE);
    loop {
        ticks.tick().await;
        let (swept, outcome) = registry.sweep(rate).await;
        metrics.sweeps.inc();
        metrics.hosts.inc_by(swept.len() as u64);
        swept.iter().for_each(tell);
        metrics.failures.inc_by(u64::from(outcome.is_err()));
        trouble.note(&outcome);
    }
}

fn tell(row: &Row) {
    let key = &row.host.key;
    let last_check_in = row.host.last_check_in;
    info!(service = %key.service(), ip_address = %key.address(), %last_check_in, "host expired");
}
