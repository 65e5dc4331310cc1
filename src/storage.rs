//! Which store the hosts are kept in, and what is wrapped around it.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{
    Clock, Event, EventKind, History, HostKey, HostRepository, LeaseClock, ServiceName,
};
use discovery_dynamodb::{DynamoDbHostRepository, DynamoDbSettings};
use discovery_local::{
    Bounded, BoundsMetrics, CacheMetrics, CacheSettings, Cached, HeldBack, InFileHostRepository,
    InMemoryHostRepository, Metered, Notifying, OpenError, StoreMetrics,
};
use discovery_xds::GoneServices;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Metrics;
use tokio::sync::broadcast;
use tracing::{info, warn};

use crate::gone_services::{InFile, InTable};
use crate::other_nodes::OtherNodes;
use crate::saved_lists::SavedLists;
use crate::settings::{BackendStorage, CacheType, Settings};

/// How many changes a slow listener may fall behind before it has to take it that anything has changed.
const CHANGES_HELD: usize = 4096;

/// What a store is opened with.
pub(crate) struct Surroundings<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) lease: &'a Arc<LeaseClock>,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) history: &'a Arc<History>,
    pub(crate) metrics: &'a mut Metrics,
}

/// The store with everything around it.
pub(crate) struct Storage {
    pub(crate) repository: Arc<dyn HostRepository>,
    /// Says which services this node changes.
    pub(crate) changes: broadcast::Sender<ServiceName>,
    /// Where some heartbeats are held back.
    pub(crate) held_back: Option<Arc<HeldBack>>,
    /// Where lists are kept.
    pub(crate) cached: Option<Cached>,
    /// Where lists are saved, in case the store is down at the next start.
    pub(crate) saved_lists: Option<Arc<SavedLists>>,
    /// The table, where there is one.
    pub(crate) table: Option<Arc<DynamoDbHostRepository>>,
    /// Those that share the store.
    pub(crate) other_nodes: Option<OtherNodes>,
    /// Where services without hosts are remembered; None where a restart forgets everything.
    pub(crate) gone: Option<Arc<dyn GoneServices>>,
    /// The file, which has to be closed at the end.
    file: Option<Arc<InFileHostRepository>>,
}

/// The store with nothing around it.
struct Backend {
    store: Arc<dyn HostRepository>,
    file: Option<Arc<InFileHostRepository>>,
    table: Option<Arc<DynamoDbHostRepository>>,
    gone: Option<Arc<dyn GoneServices>>,
}

impl Backend {
    fn of(store: Arc<dyn HostRepository>) -> Self {
        Self {
            store,
            file: None,
            table: None,
            gone: None,
        }
    }
}

impl Storage {
    /// Opens the store that the settings name. A remote one is not asked yet.
    pub(crate) async fn open(around: &mut Surroundings<'_>) -> Result<Self, OpenError> {
        let backend = around.open_backend().await?;
        let metered = around.metered(backend.store);
        let mut repository = around.bounded(metered);
        let held_back = around.held_back(&repository);
        if let Some(held_back) = &held_back {
            repository = Arc::clone(held_back) as Arc<_>;
        }
        let (mut cached, mut saved_lists, mut other_nodes) = (None, None, None);
        if backend.table.is_some() || around.settings.cache_type == CacheType::Simple {
            let lists = around.cached(repository);
            if let Some(table) = &backend.table {
                saved_lists = SavedLists::of(lists.clone(), around.settings);
                other_nodes = Some(OtherNodes {
                    table: Arc::clone(table),
                    cached: lists.clone(),
                    held_back: held_back.clone(),
                });
            }
            cached = Some(lists.clone());
            repository = Arc::new(lists);
        }
        let changes = broadcast::Sender::new(CHANGES_HELD);
        Ok(Self {
            other_nodes,
            gone: backend.gone,
            repository: Arc::new(Notifying::new(repository, changes.clone())),
            changes,
            held_back,
            cached,
            saved_lists,
            table: backend.table,
            file: backend.file,
        })
    }

    /// Loads the lists that were saved at an earlier stop; tells whether there is anything to serve.
    pub(crate) fn load_saved_lists(&self) -> bool {
        self.saved_lists.as_ref().is_some_and(|lists| lists.load())
    }

    /// Saves the lists, in case the store is down at the next start.
    pub(crate) async fn save_lists(&self) {
        if let Some(saved_lists) = &self.saved_lists {
            saved_lists.save().await;
        }
    }

    /// Writes what was held back and what was asked for before, and closes the store.
    pub(crate) async fn close(&self) {
        if let Some(held_back) = &self.held_back
            && let Err(error) = held_back.store_all().await
        {
            let error = &error as &dyn std::error::Error;
            warn!(error, "heartbeats that were held back are not stored");
        }
        if let Some(file) = &self.file {
            file.close().await;
        }
    }
}

impl Surroundings<'_> {
    /// Opens the store itself, and says which it is.
    async fn open_backend(&mut self) -> Result<Backend, OpenError> {
        let (backend, because) = self.settings.storage();
        let opened = match backend {
            BackendStorage::InMemory => Backend::of(Arc::new(InMemoryHostRepository::new())),
            BackendStorage::InFile => {
                let file = self.open_file()?;
                Backend {
                    gone: Some(Arc::new(InFile::beside(&self.settings.infile()))),
                    file: Some(Arc::clone(&file)),
                    ..Backend::of(file)
                }
            }
            BackendStorage::DynamoDb => {
                let table = Arc::new(self.open_table().await);
                Backend {
                    gone: Some(Arc::new(InTable(Arc::clone(&table)))),
                    table: Some(Arc::clone(&table)),
                    ..Backend::of(table)
                }
            }
        };
        match backend {
            BackendStorage::InMemory => {
                warn!(%backend, because, "hosts are kept in memory alone: a restart forgets them all");
            }
            BackendStorage::InFile | BackendStorage::DynamoDb => {
                info!(%backend, because, "hosts are kept");
            }
        }
        Ok(opened)
    }

    fn open_file(&mut self) -> Result<Arc<InFileHostRepository>, OpenError> {
        let path = self.settings.infile();
        let (lease, clock) = (Arc::clone(self.lease), Arc::clone(self.clock));
        let file = InFileHostRepository::open(&path, lease, clock)?;
        for (key, why) in file.unreadable() {
            self.remember_unreadable(key, why);
        }
        let left_out: Gauge = Gauge::default();
        left_out.set(i64::try_from(file.left_out()).unwrap_or(i64::MAX));
        let about = "Rows of the file that could not be read when it was opened";
        self.metrics
            .register("discovery_file_rows_left_out", about, left_out);
        Ok(Arc::new(file))
    }

    fn remember_unreadable(&self, key: &HostKey, why: &str) {
        self.history.record(Event {
            at: self.lease.now().wall,
            key: key.clone(),
            what: EventKind::Unreadable(why.to_owned()),
            request_id: None,
        });
    }

    async fn open_table(&mut self) -> DynamoDbHostRepository {
        let settings = self.settings;
        let table = settings.dynamodb_table_hosts.clone().unwrap_or_default();
        let url = settings.dynamodb_endpoint();
        if url.is_none() && settings.dynamodb_url.is_some() {
            let environment = &settings.application_env;
            warn!(
                environment,
                "DYNAMODB_URL is not used: APPLICATION_ENV is not development"
            );
        }
        info!(table, url = %settings.place_of_table(), "the hosts are in DynamoDB");
        let settings = DynamoDbSettings {
            table,
            url: url.map(|url| url.as_str().to_owned()),
            create_table: settings.dynamodb_create_tables_in_app,
            connection_pool_size: settings.connection_pool_size,
        };
        let lease = Arc::clone(self.lease);
        let table = DynamoDbHostRepository::open(settings, lease, self.metrics).await;
        table.remembering(Arc::clone(self.history))
    }

    /// Counts and times what the store is asked.
    fn metered(&mut self, store: Arc<dyn HostRepository>) -> Arc<dyn HostRepository> {
        let metrics = StoreMetrics::registered(self.metrics);
        Arc::new(Metered::new(store, metrics, Arc::clone(self.clock)))
    }

    /// Refuses what is more than the store may be asked.
    fn bounded(&mut self, store: Arc<dyn HostRepository>) -> Arc<dyn HostRepository> {
        let (bounds, metrics) = (
            self.settings.store_bounds(),
            BoundsMetrics::registered(self.metrics),
        );
        Arc::new(Bounded::new(store, bounds, &metrics, self.clock))
    }

    /// Spares the store most heartbeats, where the settings allow that.
    fn held_back(&self, store: &Arc<dyn HostRepository>) -> Option<Arc<HeldBack>> {
        let seconds = self.settings.heartbeat_persist_interval;
        if seconds > self.settings.host_ttl / 3 {
            warn!(
                seconds,
                "HEARTBEAT_PERSIST_INTERVAL is more than a third of HOST_TTL: a host that misses a heartbeat may expire"
            );
        }
        let interval = Duration::from_secs(seconds);
        (seconds > 0).then(|| {
            let held = HeldBack::new(Arc::clone(store), interval, Arc::clone(self.clock));
            Arc::new(held)
        })
    }

    /// Keeps lists in front of the store. Also without a time for which they are served unasked they spare it the
    /// second of two readers that come together, and stand in for it while it fails (liveness rule 7).
    fn cached(&mut self, store: Arc<dyn HostRepository>) -> Cached {
        let settings = CacheSettings {
            ttl: self.settings.cached_for(),
            max_rows: self.settings.cache_max_hosts,
        };
        let metrics = CacheMetrics::registered(self.metrics);
        let (lease, clock) = (Arc::clone(self.lease), Arc::clone(self.clock));
        Cached::new(store, settings, lease, clock, metrics)
    }
}
