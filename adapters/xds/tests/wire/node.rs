//! A node that serves discovery on a port of its own, and what a test does to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    HostRepository, LeaseClock, Liveness, Registration, Registry, ServiceName, StoreError,
};
use discovery_local::{InMemoryHostRepository, Notifying, SystemClock};
use discovery_testkit::hosts::{HOST_TTL, check_in, key, registration};
use discovery_testkit::{Fault, Faulty};
use discovery_xds::{
    GRPC_SERVICES, GoneService, GoneServices, Origin, Xds, XdsMetrics, XdsSettings,
};
use poem::Route;
use poem::listener::TcpAcceptor;
use poem_openapi::OpenApiService;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry as Metrics;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Longer than anything takes that happens at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A node with its hosts in memory. What it runs ends with it.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) registry: Arc<Registry>,
    pub(crate) xds: Arc<Xds>,
    /// The store under everything, to break it, and to write to it unseen as another node would.
    pub(crate) store: Arc<Faulty>,
    /// Announces what another node has changed.
    pub(crate) elsewhere: broadcast::Sender<ServiceName>,
    lease: Arc<LeaseClock>,
    metrics: Metrics,
    running: JoinSet<()>,
}

/// How a node is started.
pub(crate) struct Start {
    pub(crate) settings: XdsSettings,
    pub(crate) host_ttl: Duration,
    /// What the store does at first.
    pub(crate) fault: Fault,
    /// Where services without hosts are remembered.
    pub(crate) gone: Option<Arc<Remembered>>,
}

/// What outlives a node, as a file does, until a test breaks it.
#[derive(Default)]
pub(crate) struct Remembered {
    services: Mutex<BTreeMap<ServiceName, DateTime<Utc>>>,
    pub(crate) is_broken: AtomicBool,
}

impl Remembered {
    /// The names of the services that are remembered.
    pub(crate) fn names(&self) -> Vec<String> {
        let services = self.services.lock().unwrap();
        services.keys().map(ToString::to_string).collect()
    }
}

#[async_trait]
impl GoneServices for Remembered {
    async fn all(&self) -> Result<Vec<GoneService>, StoreError> {
        if self.is_broken.load(Ordering::SeqCst) {
            let what = "a test broke it".to_owned();
            return Err(StoreError::Unavailable { what, source: None });
        }
        Ok(self.services.lock().unwrap().clone().into_iter().collect())
    }

    async fn remember(&self, (service, since): &GoneService) -> Result<(), StoreError> {
        let mut services = self.services.lock().unwrap();
        services.insert(service.clone(), *since);
        Ok(())
    }

    async fn forget(&self, (service, since): &GoneService) -> Result<(), StoreError> {
        let mut services = self.services.lock().unwrap();
        services.retain(|name, remembered| name != service || remembered != since);
        Ok(())
    }
}

impl Default for Start {
    /// With a store that works, and nothing read again just because time passes.
    fn default() -> Self {
        let settings = XdsSettings {
            reread: Duration::from_hours(1),
            scan: Duration::from_hours(1),
            ..XdsSettings::default()
        };
        Self {
            settings,
            host_ttl: HOST_TTL,
            fault: Fault::None,
            gone: None,
        }
    }
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::start_with(Start::default()).await
    }

    pub(crate) async fn start_with(start: Start) -> Self {
        let store = Faulty::new(Arc::new(InMemoryHostRepository::new()));
        store.set(start.fault);
        let (here, _) = broadcast::channel(1024);
        let (elsewhere, _) = broadcast::channel(1024);
        let lease = Arc::new(LeaseClock::new(Arc::new(SystemClock::new())));
        let liveness = Liveness {
            host_ttl: start.host_ttl,
            guard_minimum_live: 0.0,
        };
        let repository = Arc::new(Notifying::new(store.clone(), here.clone()));
        let registry = Arc::new(Registry::new(repository, lease.clone(), liveness));
        let mut metrics = Metrics::default();
        let xds_metrics = XdsMetrics::registered(&mut metrics);
        let mut xds = Xds::new(registry.clone(), start.settings, &xds_metrics);
        if let Some(gone) = start.gone {
            xds = xds.remembering(gone);
        }
        let xds = Arc::new(xds);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut running = JoinSet::new();
        for (origin, announced) in [
            (Origin::Here, here.subscribe()),
            (Origin::Elsewhere, elsewhere.subscribe()),
        ] {
            let xds = xds.clone();
            running.spawn(async move { xds.follow(announced, origin).await });
        }
        let census = xds.clone();
        running.spawn(async move { census.run().await });
        let routes = routes(&xds);
        running.spawn(async move {
            let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
            let server = poem::Server::new_with_acceptor(acceptor);
            server.run(routes).await.unwrap();
        });
        Self {
            address,
            registry,
            xds,
            store,
            elsewhere,
            lease,
            metrics,
            running,
        }
    }

    pub(crate) async fn register(&self, service: &str, ip: &str) {
        self.accept(registration(service, ip)).await;
    }

    pub(crate) async fn accept(&self, registration: Registration) {
        self.registry.register(registration).await.unwrap();
    }

    pub(crate) async fn deregister(&self, service: &str, ip: &str) {
        self.registry.deregister(&key(service, ip)).await.unwrap();
    }

    /// Has a host check in at another node.
    pub(crate) async fn register_elsewhere(&self, service: &str, ip: &str) {
        let check_in = check_in(registration(service, ip), self.lease.now());
        self.store.check_in(check_in).await.unwrap();
    }

    /// What a metric shows.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let mut shown = String::new();
        encode(&mut shown, &self.metrics).unwrap();
        let mut lines = shown.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until a metric shows a value.
    pub(crate) async fn until_metric(&self, name: &str, wanted: u64) {
        let comes = async {
            while self.metric(name) != wanted {
                sleep(Duration::from_millis(2)).await;
            }
        };
        let shown = timeout(PATIENCE, comes).await;
        shown.unwrap_or_else(|_| panic!("{name} is {}, not {wanted}", self.metric(name)));
    }

    /// Whether everything that the node runs is still running.
    pub(crate) fn is_well(&mut self) -> bool {
        self.running.try_join_next().is_none()
    }
}

fn routes(xds: &Xds) -> Route {
    let operations = OpenApiService::new(xds.api(), "discovery", "1");
    let routes = GRPC_SERVICES
        .into_iter()
        .fold(Route::new(), |routes, service| {
            routes.nest_no_strip(service, xds.grpc())
        });
    routes.nest("/", operations)
}
