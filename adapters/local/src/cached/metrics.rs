//! What the cache counts.

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use prometheus_client::registry::Registry;

/// Counters of one cache.
#[derive(Clone, Default)]
pub struct CacheMetrics {
    pub(super) hits: Counter,
    pub(super) loads: Counter,
    pub(super) lists: Gauge,
}

impl CacheMetrics {
    /// Makes the counters and has them shown.
    pub fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "discovery_cache_hits",
            "Lists served without asking the store",
            metrics.hits.clone(),
        );
        registry.register(
            "discovery_cache_loads",
            "Lists read from the store",
            metrics.loads.clone(),
        );
        registry.register("discovery_cache_lists", "Lists kept", metrics.lists.clone());
        metrics
    }
}
