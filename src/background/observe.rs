//! Shows what the node knows.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Registry, ServiceName};
use discovery_http::Health;
use discovery_local::Cached;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use tracing::{info, warn};

use super::every;
use crate::server::Places;

const PAUSE: Duration = Duration::from_secs(1);
/// After how many looks a list that is still held up is told of again.
const LOOKS_BETWEEN_WARNINGS: u32 = 60;
/// The most services of which each gets a line of its own.
const MOST_LINES: usize = 10;

/// Tells how much the node knows, at the moment at which somebody asks.
pub(super) struct KnownMetrics(pub(super) Arc<Registry>);

impl fmt::Debug for KnownMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownMetrics").finish_non_exhaustive()
    }
}

impl Collector for KnownMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (known, guarded) = (self.0.known(), self.0.guarded());
        let gauges = [
            (
                "discovery_services",
                "Services with hosts that this node knows.",
                known.services,
            ),
            (
                "discovery_hosts",
                "Hosts that this node knows.",
                known.hosts,
            ),
            (
                "discovery_guarded_services",
                "Services whose lists the guard against mass expiry holds up.",
                guarded.len(),
            ),
            (
                "discovery_guarded_hosts",
                "Expired hosts that the guard against mass expiry keeps listed.",
                guarded.iter().map(|(_, hosts)| hosts).sum(),
            ),
        ];
        gauges.into_iter().try_for_each(|(name, about, count)| {
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, about, None, gauge.metric_type())?)
        })
    }
}

/// Shows how many places are taken, and tells of connections that found none.
pub(super) async fn keep_observing(places: Arc<Places>) {
    let (mut ticks, mut told) = (every(PAUSE), 0);
    loop {
        ticks.tick().await;
        let refused = places.observe();
        if refused > told {
            warn!(
                connections = refused - told,
                "refused, for all places are taken: see MAX_CONNECTIONS"
            );
        }
        told = refused;
    }
}

/// Shows how many lists are kept, and whether the store answers reads, which it may refuse while it takes writes.
pub(super) async fn keep_observing_reads(cached: Cached, health: Arc<Health>) {
    let mut ticks = every(PAUSE);
    loop {
        ticks.tick().await;
        cached.observe();
        health.reads(cached.outage().map(|error| error.to_string()));
    }
}

/// Tells which lists are held up: when it begins, once a minute, and when it ends.
pub(super) async fn tell_of_guards(registry: Arc<Registry>) {
    let (mut ticks, mut looks) = (every(PAUSE), HashMap::new());
    loop {
        ticks.tick().await;
        let guarded: BTreeMap<ServiceName, usize> = registry.guarded().into_iter().collect();
        let ended = looks.extract_if(|service, _| !guarded.contains_key(service));
        tell_of_the_end(&ended.map(|(service, _)| service).collect::<Vec<_>>());
        let is_due = |(service, _): &(ServiceName, usize)| {
            let seen = looks.entry(service.clone()).or_insert(0_u32);
            *seen += 1;
            *seen % LOOKS_BETWEEN_WARNINGS == 1
        };
        warn_of(&guarded.into_iter().filter(is_due).collect::<Vec<_>>());
    }
}

/// One line for each service, or one for all where there are many.
fn warn_of(guarded: &[(ServiceName, usize)]) {
    if guarded.len() > MOST_LINES {
        let hosts: usize = guarded.iter().map(|(_, hosts)| hosts).sum();
        warn!(
            services = guarded.len(),
            hosts,
            first = %guarded[0].0,
            "the guard against mass expiry keeps expired hosts of many services listed: /readyz names them all"
        );
        return;
    }
    for (service, hosts) in guarded {
        warn!(%service, hosts, "the guard against mass expiry keeps expired hosts listed");
    }
}

fn tell_of_the_end(services: &[ServiceName]) {
    if services.len() > MOST_LINES {
        info!(
            services = services.len(),
            first = %services[0],
            "the guard against mass expiry has ended for many services"
        );
        return;
    }
    for service in services {
        info!(%service, "the guard against mass expiry has ended");
    }
}
