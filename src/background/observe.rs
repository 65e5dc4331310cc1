//! Shows what the node knows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Registry, ServiceName};
use discovery_http::Health;
use discovery_local::Cached;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Metrics;
use tracing::{info, warn};

use super::every;
use crate::server::Places;

const PAUSE: Duration = Duration::from_secs(1);
/// After how many looks a list that is still held up is told of again.
const LOOKS_BETWEEN_WARNINGS: u32 = 60;

/// How much the node knows.
#[derive(Default)]
pub(super) struct KnownMetrics {
    services: Gauge,
    hosts: Gauge,
    guarded_services: Gauge,
    guarded_hosts: Gauge,
}

impl KnownMetrics {
    pub(super) fn registered(metrics: &mut Metrics) -> Self {
        let all = Self::default();
        metrics.register(
            "discovery_services",
            "Services with hosts that this node knows",
            all.services.clone(),
        );
        metrics.register(
            "discovery_hosts",
            "Hosts that this node knows",
            all.hosts.clone(),
        );
        metrics.register(
            "discovery_guarded_services",
            "Services whose lists the guard against mass expiry holds up",
            all.guarded_services.clone(),
        );
        metrics.register(
            "discovery_guarded_hosts",
            "Expired hosts that the guard against mass expiry keeps listed",
            all.guarded_hosts.clone(),
        );
        all
    }

    fn show(&self, registry: &Registry) {
        let (known, guarded) = (registry.known(), registry.guarded());
        set(&self.services, known.services);
        set(&self.hosts, known.hosts);
        set(&self.guarded_services, guarded.len());
        set(
            &self.guarded_hosts,
            guarded.iter().map(|(_, hosts)| hosts).sum(),
        );
    }
}

fn set(gauge: &Gauge, count: usize) {
    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
}

/// Keeps the gauges up to date, and tells of connections that found no place.
pub(super) async fn keep_observing(
    registry: Arc<Registry>,
    places: Arc<Places>,
    metrics: KnownMetrics,
) {
    let (mut ticks, mut told) = (every(PAUSE), 0);
    loop {
        ticks.tick().await;
        metrics.show(&registry);
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
        let guarded: HashMap<ServiceName, usize> = registry.guarded().into_iter().collect();
        for (service, _) in looks.extract_if(|service, _| !guarded.contains_key(service)) {
            info!(%service, "the guard against mass expiry has ended");
        }
        for (service, hosts) in guarded {
            let seen = looks.entry(service.clone()).or_insert(0_u32);
            if *seen % LOOKS_BETWEEN_WARNINGS == 0 {
                warn!(%service, hosts, "the guard against mass expiry keeps expired hosts listed");
            }
            *seen += 1;
        }
    }
}
