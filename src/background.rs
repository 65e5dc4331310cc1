//! What a node does by itself, beside answering.

mod keep;
mod observe;
mod prove;
mod sweep;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Registry, ServiceName};
use discovery_dynamodb::DynamoDbHostRepository;
use discovery_http::Health;
use discovery_local::{Cached, HeldBack};
use discovery_xds::{Origin, Xds};
use prometheus_client::registry::Registry as Metrics;
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::saved_lists::SavedLists;
use crate::server::Places;
pub(crate) use trouble::Trouble;

/// What the tasks work with.
pub(crate) struct Work {
    pub(crate) registry: Arc<Registry>,
    pub(crate) health: Arc<Health>,
    pub(crate) places: Arc<Places>,
    /// The most rows swept in a second.
    pub(crate) sweep_rate: usize,
    pub(crate) table: Option<Arc<DynamoDbHostRepository>>,
    /// Whether every service of the store is watched from the start; if not, those that are read or written.
    pub(crate) watches_all: bool,
    pub(crate) held_back: Option<Arc<HeldBack>>,
    pub(crate) cached: Option<Cached>,
    pub(crate) saved_lists: Option<Arc<SavedLists>>,
}

/// Starts every task; they end with the set.
pub(crate) fn start(work: Work, metrics: &mut Metrics) -> JoinSet<()> {
    let Work {
        registry,
        health,
        places,
        sweep_rate,
        table,
        watches_all,
        held_back,
        cached,
        saved_lists,
    } = work;
    let mut tasks = JoinSet::new();
    if let Some(held_back) = held_back {
        tasks.spawn(keep::keep_storing(held_back));
    }
    if let Some(saved_lists) = saved_lists {
        tasks.spawn(keep::keep_saving(saved_lists));
    }
    if let Some(cached) = cached {
        let health = Arc::clone(&health);
        tasks.spawn(observe::keep_observing_reads(cached, health));
    }
    tasks.spawn(prove::keep_proving(
        Arc::clone(&registry),
        health,
        table,
        watches_all,
    ));
    let swept = sweep::SweepMetrics::registered(metrics);
    tasks.spawn(sweep::keep_sweeping(
        Arc::clone(&registry),
        sweep_rate,
        swept,
    ));
    let known = observe::KnownMetrics(Arc::clone(&registry));
    metrics.register_collector(Box::new(known));
    tasks.spawn(observe::keep_observing(places));
    tasks.spawn(observe::tell_of_guards(registry));
    tasks
}

/// Starts to tell Envoys of what this node changes, and of the services there are.
pub(crate) fn tell_envoys(tasks: &mut JoinSet<()>, xds: &Arc<Xds>, here: Receiver<ServiceName>) {
    let (census, follower) = (Arc::clone(xds), Arc::clone(xds));
    tasks.spawn(async move { census.run().await });
    tasks.spawn(async move { follower.follow(here, Origin::Here).await });
}

/// Waits for one of the tasks to panic.
pub(crate) async fn a_panic(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if ended.is_err_and(|error| error.is_panic()) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// Ticks at once and then every `pause`; what was missed is not made up for.
pub(crate) fn every(pause: Duration) -> Interval {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_noticed_and_an_end_is_none() {
        let mut tasks = JoinSet::new();
        tasks.spawn(async {});
        let nothing = timeout(Duration::from_millis(10), a_panic(&mut tasks));
        nothing.await.expect_err("nothing panics");
        tasks.spawn(async { panic!("by a test") });
        tasks.spawn(std::future::pending());
        a_panic(&mut tasks).await;
    }
}
