//! Which store the hosts are kept in, and what is wrapped around it.

use std::sync::Arc;

use discovery_domain::{Clock, HostRepository, LeaseClock};
use discovery_dynamodb::{DynamoDbHostRepository, DynamoDbSettings};
use discovery_local::{
    CacheMetrics, CacheSettings, Cached, InFileHostRepository, InMemoryHostRepository, Metered,
    OpenError, StoreMetrics,
};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Metrics;
use tracing::{info, warn};

use crate::settings::{BackendStorage, CacheType, Settings};

/// What a store is opened with.
pub(crate) struct Surroundings<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) lease: &'a Arc<LeaseClock>,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) metrics: &'a mut Metrics,
}

/// The store with everything around it.
pub(crate) struct Storage {
    pub(crate) repository: Arc<dyn HostRepository>,
    /// The file, which has to be closed at the end.
    file: Option<Arc<InFileHostRepository>>,
}

impl Storage {
    /// Opens the store that the settings name. A remote one is not asked yet.
    pub(crate) async fn open(around: &mut Surroundings<'_>) -> Result<Self, OpenError> {
        let (backend, because) = around.settings.storage();
        let mut file = None;
        let store: Arc<dyn HostRepository> = match backend {
            BackendStorage::InMemory => Arc::new(InMemoryHostRepository::new()),
            BackendStorage::InFile => Arc::clone(file.insert(around.open_file()?)) as Arc<_>,
            BackendStorage::DynamoDb => Arc::new(around.open_table().await),
        };
        info!(%backend, because, "hosts are kept");
        let mut repository = around.metered(store);
        if backend == BackendStorage::DynamoDb || around.settings.cache_type == CacheType::Simple {
            repository = around.cached(repository);
        }
        Ok(Self { repository, file })
    }

    /// Writes what was asked for before and closes the store.
    pub(crate) async fn close(&self) {
        if let Some(file) = &self.file {
            file.close().await;
        }
    }
}

impl Surroundings<'_> {
    fn open_file(&mut self) -> Result<Arc<InFileHostRepository>, OpenError> {
        let path = self.settings.infile();
        let (lease, clock) = (Arc::clone(self.lease), Arc::clone(self.clock));
        let file = InFileHostRepository::open(&path, lease, clock)?;
        let left_out: Gauge = Gauge::default();
        left_out.set(i64::try_from(file.left_out()).unwrap_or(i64::MAX));
        let about = "Rows of the file that could not be read when it was opened";
        self.metrics
            .register("discovery_file_rows_left_out", about, left_out);
        Ok(Arc::new(file))
    }

    async fn open_table(&mut self) -> DynamoDbHostRepository {
        let settings = self.settings;
        let table = settings.dynamodb_table_hosts.clone().unwrap_or_default();
        let url = settings.dynamodb_endpoint().map(ToOwned::to_owned);
        if url.is_none() && settings.dynamodb_url.is_some() {
            let environment = &settings.application_env;
            warn!(
                environment,
                "DYNAMODB_URL is not used: APPLICATION_ENV is not development"
            );
        }
        info!(
            table,
            url = url.as_deref().unwrap_or("AWS"),
            "the hosts are in DynamoDB"
        );
        let settings = DynamoDbSettings {
            table,
            url,
            create_table: settings.dynamodb_create_tables_in_app,
            connection_pool_size: settings.connection_pool_size,
        };
        DynamoDbHostRepository::open(settings, Arc::clone(self.lease), self.metrics).await
    }

    /// Counts and times what the store is asked.
    fn metered(&mut self, store: Arc<dyn HostRepository>) -> Arc<dyn HostRepository> {
        let metrics = StoreMetrics::registered(self.metrics);
        Arc::new(Metered::new(store, metrics, Arc::clone(self.clock)))
    }

    /// Keeps lists in front of the store. Also without a time for which they are served unasked they spare it the
    /// second of two readers that come together, and stand in for it while it fails (liveness rule 7).
    fn cached(&mut self, store: Arc<dyn HostRepository>) -> Arc<dyn HostRepository> {
        let settings = CacheSettings {
            ttl: self.settings.cached_for(),
            max_rows: self.settings.cache_max_hosts,
        };
        let metrics = CacheMetrics::registered(self.metrics);
        let (lease, clock) = (Arc::clone(self.lease), Arc::clone(self.clock));
        Arc::new(Cached::new(store, settings, lease, clock, metrics))
    }
}
