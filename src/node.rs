//! One node: the store, the rules, the API, and what goes on beside it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Clock, History, LeaseClock, Liveness, Registry};
use discovery_http::{
    AccessLog, App, AutoIp, Contract, Health, HttpSettings, ListRenderer, Lists, Mount, Parts, api,
};
use discovery_local::{OpenError, SystemClock};
use discovery_xds::{GRPC_SERVICES, Xds, XdsApi, XdsMetrics};
use poem::EndpointExt;
use prometheus_client::registry::Registry as Metrics;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::background::{self, Work};
use crate::server::{Places, Server, Signals, bind, exit_at_the_next};
use crate::settings::{BackendStorage, Settings};
use crate::storage::{Storage, Surroundings};

/// The time a client has for the body of a request.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// The time a request may take in all, which leaves the store its 5 s after the body.
const LONGEST_REQUEST: Duration = Duration::from_secs(20);
/// How long a stop waits for the store to record that it was the end.
const LAST_PROOF_PATIENCE: Duration = Duration::from_secs(2);

/// Why a node did not start, or not serve to the end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Its address is not to be had.
    #[error("can't serve on {0}")]
    Bind(SocketAddr, #[source] io::Error),
    /// Its store can't be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// It could not be told to stop.
    #[error("signals can't be caught")]
    Signals(#[source] io::Error),
    /// Part of it has panicked, as its log tells.
    #[error("a task of the node has panicked")]
    Task,
}

impl Failure {
    /// What came of it, for a log line.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Task => "stopped by itself",
            _ => "not started",
        }
    }
}

/// Serves until the process is told to stop.
pub(crate) async fn run(
    settings: &Settings,
    access_log: Arc<dyn AccessLog>,
    mut metrics: Metrics,
) -> Result<(), Failure> {
    let signals = Signals::catch().map_err(Failure::Signals)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (mut storage, registry) = open_unless_stopped(settings, &clock, &mut metrics).await?;
    let health = Arc::new(Health::default());
    if storage.load_saved_lists() {
        health.has_something_to_serve();
    }
    let places = Arc::new(Places::new(
        settings.max_connections,
        settings.store_connections(),
        settings.xds_max_streams,
        &mut metrics,
    ));
    let told = XdsMetrics::registered(&mut metrics);
    let mut xds = Xds::new(Arc::clone(&registry), settings.xds(), &told);
    if let Some(gone) = storage.gone.take() {
        xds = xds.remembering(gone);
    }
    let xds = Arc::new(xds);
    let work = work(settings, &storage, &registry, &health, &places);
    let mut tasks = background::start(work, &mut metrics);
    background::tell_envoys(&mut tasks, &xds, storage.changes.subscribe());
    let others = storage.other_nodes.take();
    let telling = others.map(|others| others.join(&mut tasks, &xds, storage.changes.subscribe()));
    let app = app(
        settings, &registry, &health, &xds, clock, access_log, metrics,
    );
    let mut is_whole = true;
    let stop = async {
        is_whole = has_to_stop(signals, &mut tasks).await;
        health.stops();
        sleep(Duration::from_secs(settings.shutdown_delay)).await;
        xds.stop();
    };
    serve(settings, Server::new(app, places), stop).await?;
    // First, for whoever stops the process may not have the patience for the rest of an outage.
    storage.save_lists().await;
    if let Some(telling) = telling {
        telling.end().await;
    }
    drop(tasks);
    record_the_end(&registry).await;
    storage.close().await;
    if is_whole { Ok(()) } else { Err(Failure::Task) }
}

/// Opens the store, which may take as long as a disk hangs: a signal ends the process meanwhile, for nothing is under way.
async fn open_unless_stopped(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    metrics: &mut Metrics,
) -> Result<(Storage, Arc<Registry>), Failure> {
    let signals = Signals::catch().map_err(Failure::Signals)?;
    let stopped = tokio::spawn(exit_at_the_next(
        signals,
        "told to stop before the store was open",
    ));
    let opened = open(settings, clock, metrics).await;
    stopped.abort();
    Ok(opened?)
}

/// The store, and the rules over it.
async fn open(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    metrics: &mut Metrics,
) -> Result<(Storage, Arc<Registry>), OpenError> {
    let lease = Arc::new(LeaseClock::new(Arc::clone(clock)));
    let history = Arc::new(History::new(settings.history_events));
    let mut around = Surroundings {
        settings,
        lease: &lease,
        clock,
        history: &history,
        metrics,
    };
    let storage = Storage::open(&mut around).await?;
    let repository = Arc::clone(&storage.repository);
    let registry = Registry::new(repository, lease, liveness(settings));
    Ok((storage, Arc::new(registry.remembering(history))))
}

/// Serves on the address of the settings until `stop` is over.
async fn serve(
    settings: &Settings,
    server: Server,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let address = SocketAddr::new(settings.bind_address, settings.port);
    let refused = |error| Failure::Bind(address, error);
    let listener = bind(address).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    info!(%address, "listening");
    Arc::new(server).serve(listener, stop).await;
    Ok(())
}

fn liveness(settings: &Settings) -> Liveness {
    Liveness {
        host_ttl: Duration::from_secs(settings.host_ttl),
        guard_minimum_live: settings.guard_minimum_live,
    }
}

fn work(
    settings: &Settings,
    storage: &Storage,
    registry: &Arc<Registry>,
    health: &Arc<Health>,
    places: &Arc<Places>,
) -> Work {
    Work {
        registry: Arc::clone(registry),
        health: Arc::clone(health),
        places: Arc::clone(places),
        sweep_rate: settings.sweep_rate,
        table: storage.table.clone(),
        watches_all: settings.storage().0 != BackendStorage::DynamoDb,
        held_back: storage.held_back.clone(),
        cached: storage.cached.clone(),
        saved_lists: storage.saved_lists.clone(),
    }
}

fn app(
    settings: &Settings,
    registry: &Arc<Registry>,
    health: &Arc<Health>,
    xds: &Xds,
    clock: Arc<dyn Clock>,
    access_log: Arc<dyn AccessLog>,
    metrics: Metrics,
) -> App {
    let renderer = ListRenderer::new(&settings.application_env, settings.answer_cache_mib << 20);
    let lists = Arc::new(Lists::new(Arc::clone(registry), renderer));
    let rules = HttpSettings {
        environment: settings.application_env.clone(),
        auto_ip: AutoIp {
            ranges: settings.auto_ip_ranges.0.clone(),
            trusted_proxies: settings.auto_ip_trusted_proxies.0.clone(),
        },
        body_timeout: BODY_PATIENCE,
        admin_api: settings.admin_api,
    };
    let operations = api(
        Arc::clone(registry),
        Arc::clone(&lists),
        Arc::clone(health),
        rules,
        xds.api(),
    );
    App::new(Parts {
        operations,
        contract: contract(),
        lists,
        mounted: GRPC_SERVICES.map(|prefix| grpc(prefix, xds)).into(),
        clock,
        access_log,
        metrics,
        longest_request: LONGEST_REQUEST,
    })
}

/// The contract of everything that is served.
pub(crate) fn contract() -> Contract {
    Contract::with::<XdsApi>(discovery_xds::EXAMPLES)
}

/// A service over gRPC, on the same port.
fn grpc(prefix: &'static str, xds: &Xds) -> Mount {
    Mount {
        name: "grpc",
        prefix,
        endpoint: xds.grpc().boxed(),
    }
}

/// Waits for a signal, or for the panic of a task without which the node would serve what is not so; tells whether it was
/// a signal.
async fn has_to_stop(mut signals: Signals, tasks: &mut JoinSet<()>) -> bool {
    let is_signal = tokio::select! {
        signal = signals.next() => {
            info!(signal = signal.as_raw_value(), "stopping");
            true
        }
        () = background::a_panic(tasks) => {
            error!("stopping, for a task of the node has panicked: start it again");
            false
        }
    };
    tokio::spawn(exit_at_the_next(
        signals,
        "told twice to stop, so nothing more is finished",
    ));
    is_signal
}

/// Has the store record that it could until now, so that the time until the next start counts as an outage.
async fn record_the_end(registry: &Registry) {
    match timeout(LAST_PROOF_PATIENCE, registry.prove()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(
            error = &error as &dyn std::error::Error,
            "stopped without a last record"
        ),
        Err(_elapsed) => warn!("stopped without a last record, for the store does not answer"),
    }
}
