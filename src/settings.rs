//! Every setting, once.

mod define;
mod layers;
mod show;
#[cfg(test)]
mod tests;
mod value;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use discovery_local::Bounds;
use discovery_xds::{ClusterTemplate, LbPolicy, StreamLimits, XdsSettings};

use define::{Setting, settings};
pub(crate) use layers::{BadSettings, Layers};
pub(crate) use value::{
    BackendStorage, CacheType, ClusterName, LogLevel, Networks, StoreUrl, SubsetKeys, Value,
};

settings! {
    /// The address to serve on; `::` serves IPv4 and IPv6.
    bind_address: IpAddr = "0.0.0.0", "an IP address";
    /// The port to serve on; 0 takes a free one and the `listening` log line tells which.
    port: u16 = "8080", "an integer", 0 to 65535;
    /// The `env` in answers. Only `development` uses `DYNAMODB_URL`.
    application_env: String = "development", "any text";
    /// The folder for everything the node stores on disk.
    application_dir: PathBuf = "discovery-data", "a folder";
    /// Human-readable log lines; `false` writes JSON lines.
    debug: bool = "true", "true or false";
    /// The minimum level of the node's own log lines; libraries log from WARN.
    log_level: LogLevel = "INFO", "TRACE, DEBUG, INFO, WARN, ERROR or OFF";
    /// Seconds without a check-in after which a host expires. Up to 5 seconds of every pause of the node count, so with 10
    /// or less a pause alone may expire hosts.
    host_ttl: u64 = "600", "whole seconds", 1 to 31_536_000;
    /// The share of a service's hosts that stays listed however many expire, for services of 5 hosts and more; 0 turns
    /// this guard off.
    guard_minimum_live: f64 = "0.5", "a number", 0.0 to 1.0;
    /// The most expired hosts that this node removes from the store per second.
    sweep_rate: usize = "100", "an integer", 1 to 100_000;
    /// The store: `DynamoDB`, `InFile` (embedded, durable) or `InMemory` (keeps nothing across a restart). If unset:
    /// `DynamoDB` when `DYNAMODB_TABLE_HOSTS` is set, otherwise `InFile`.
    backend_storage: Option<BackendStorage> = "", "DynamoDB, InFile or InMemory";
    /// The file of the `InFile` store. If unset: `hosts.redb` in `APPLICATION_DIR`.
    infile_path: Option<PathBuf> = "", "a file";
    /// The DynamoDB table.
    dynamodb_table_hosts: Option<String> = "", "the name of a table";
    /// The DynamoDB endpoint, in place of AWS. Used only when `APPLICATION_ENV` is `development`; otherwise the AWS SDK
    /// reads `AWS_ENDPOINT_URL_DYNAMODB`.
    dynamodb_url: Option<StoreUrl> = "", "a URL like http://localhost:8000, without a query and with a percent-encoded password";
    /// Creates the table at start if it does not exist.
    dynamodb_create_tables_in_app: bool = "false", "true or false";
    /// The most idle connections to DynamoDB that are kept open.
    connection_pool_size: usize = "100", "an integer", 1 to 10_000;
    /// `simple` serves lists younger than `CACHE_TTL` without asking the store; `null` asks it at every read.
    cache_type: CacheType = "null", "null or simple";
    /// Seconds for which `simple` serves a list without asking the store; 0 or less asks it at every read.
    cache_ttl: i64 = "30", "whole seconds";
    /// Seconds after a stored heartbeat during which further ones that change nothing are not written, which saves write
    /// costs. The promise then holds for hosts that beat at least every `HOST_TTL` minus this; 0 stores every heartbeat.
    heartbeat_persist_interval: u64 = "0", "whole seconds, at most half of HOST_TTL";
    /// The maximum age, in seconds, of the lists saved below `APPLICATION_DIR` that a node serves when it starts while
    /// the store is down; 0 saves none. Only with DynamoDB.
    snapshot_max_age: u64 = "86400", "whole seconds";
    /// The most MiB of lists that are saved.
    snapshot_max_mib: usize = "256", "an integer", 1 to 1_000_000;
    /// The most hosts this node keeps in its cache, over all lists.
    cache_max_hosts: u64 = "1000000", "an integer", 1 to 1_000_000_000;
    /// The most MiB of rendered lists that this node keeps in memory.
    answer_cache_mib: u64 = "64", "an integer", 0 to 1_000_000;
    /// The addresses that `auto_ip` may register: `any`, `none`, or networks separated by commas.
    auto_ip_ranges: Networks = "192.168.0.0/16", "any, none or networks like 10.0.0.0/8,fd00::/8";
    /// The peers whose `X-Forwarded-For` header `auto_ip` trusts: `any`, `none`, or networks separated by commas. With
    /// `any`, as in the original, anyone who sends that header can register any address in `AUTO_IP_RANGES`: name your
    /// proxies.
    auto_ip_trusted_proxies: Networks = "any", "any, none or networks like 10.0.0.0/8,fd00::/8";
    /// The name of the static cluster for this registry in the Envoys' bootstraps; clusters sent over REST refer to it.
    xds_cluster: ClusterName = "discovery", "a name without control characters";
    /// The `refresh_delay`, in seconds, of clusters sent over REST: Envoy polls their endpoints every one to two such
    /// delays. Above 35 many polls need a new connection, because idle ones are closed after 70 seconds.
    xds_refresh_delay: f64 = "5", "seconds", 0.1 to 3600.0;
    /// The connect timeout, in seconds, of clusters.
    xds_connect_timeout: f64 = "5", "seconds", 0.001 to 3600.0;
    /// The load balancing policy of clusters. gRPC programs know only `ROUND_ROBIN` and `RING_HASH`: in place of the others,
    /// clusters asked for by name, as they do, have `ROUND_ROBIN`.
    xds_lb_policy: LbPolicy = "ROUND_ROBIN", "ROUND_ROBIN, LEAST_REQUEST, RANDOM, RING_HASH or MAGLEV";
    /// The metadata keys that routes can select subsets of hosts by: sets separated by `;`, keys within a set by `,`, or
    /// `none`.
    xds_subset_keys: SubsetKeys = "canary;revision", "sets of keys like canary;revision,canary, or none";
    /// Whether Envoy drops a deregistered host even while it still passes Envoy's own health checks.
    xds_ignore_health_on_host_removal: bool = "true", "true or false";
    /// The most concurrent gRPC streams; further ones are refused.
    xds_max_streams: usize = "10000", "an integer", 1 to 1_000_000;
    /// The most names that one gRPC stream may subscribe to.
    xds_max_names: usize = "10000", "an integer", 1 to 1_000_000;
    /// The most services whose hosts all gRPC streams together may subscribe to; a stream that names one more is ended.
    xds_max_watched_services: usize = "100000", "an integer", 1 to 100_000_000;
    /// Seconds after which a service without hosts leaves the catalogue, and its cluster is removed from the Envoys.
    service_retention: u64 = "86400", "whole seconds";
    /// The most concurrent connections; further ones are answered 503. Never more than the open-file limit allows.
    max_connections: usize = "16384", "an integer", 1 to 1_000_000;
    /// The most check-ins that are written to the store at a time. Operator changes and lists read from the store may
    /// each use a quarter of it on top.
    store_max_requests: usize = "256", "an integer", 1 to 100_000;
    /// The most check-ins that queue behind those, for at most a second; further ones are answered 503. Operator changes
    /// and lists may each queue a quarter of it, so check-ins are refused last.
    store_max_waiting: usize = "8192", "an integer", 0 to 1_000_000;
    /// The most host events that this node remembers for `/v1/history`; 0 remembers none.
    history_events: usize = "10000", "an integer", 0 to 1_000_000;
    /// Enables the admin operations, such as releasing a guard. They have no authentication: anyone who can reach the port
    /// can call them.
    admin_api: bool = "false", "true or false";
    /// Seconds for which a node that was told to stop keeps serving while `/readyz` answers 503, so that load balancers
    /// can turn away first.
    shutdown_delay: u64 = "0", "whole seconds", 0 to 600;
}

impl Settings {
    /// The store to use, and why that one.
    pub(crate) fn storage(&self) -> (BackendStorage, &'static str) {
        match (self.backend_storage, &self.dynamodb_table_hosts) {
            (Some(storage), _) => (storage, "BACKEND_STORAGE says so"),
            (None, Some(_)) => (BackendStorage::DynamoDb, "DYNAMODB_TABLE_HOSTS is set"),
            (None, None) => (
                BackendStorage::InFile,
                "neither BACKEND_STORAGE nor DYNAMODB_TABLE_HOSTS is set",
            ),
        }
    }

    /// The file of the embedded store.
    pub(crate) fn infile(&self) -> PathBuf {
        let below = || self.application_dir.join("hosts.redb");
        self.infile_path.clone().unwrap_or_else(below)
    }

    /// How much the store is asked at a time.
    pub(crate) fn store_bounds(&self) -> Bounds {
        Bounds {
            requests: self.store_max_requests,
            waiting: self.store_max_waiting,
        }
    }

    /// The most connections to the store.
    pub(crate) fn store_connections(&self) -> usize {
        match self.storage().0 {
            BackendStorage::DynamoDb => self
                .store_bounds()
                .all_requests()
                .max(self.connection_pool_size),
            BackendStorage::InFile | BackendStorage::InMemory => 0,
        }
    }

    /// The endpoint that stands in for AWS.
    pub(crate) fn dynamodb_endpoint(&self) -> Option<&StoreUrl> {
        let used = self.application_env == "development";
        self.dynamodb_url.as_ref().filter(|_| used)
    }

    /// Where the table is, fit for showing.
    pub(crate) fn place_of_table(&self) -> String {
        let found = || "the endpoint that the AWS SDK finds".to_owned();
        self.dynamodb_endpoint()
            .map_or_else(found, StoreUrl::to_string)
    }

    /// Which table it is, fit for showing.
    pub(crate) fn table_in_words(&self) -> String {
        let table = self.dynamodb_table_hosts.as_deref().unwrap_or_default();
        format!("table {table:?} at {}", self.place_of_table())
    }

    /// How Envoys are told of hosts and clusters. A service that somebody is told of is read again as often as a cache
    /// would be, also where there is none.
    pub(crate) fn xds(&self) -> XdsSettings {
        let defaults = XdsSettings::default();
        let reread = u64::try_from(self.cache_ttl).ok().filter(|ttl| *ttl > 0);
        XdsSettings {
            clusters: ClusterTemplate {
                xds_cluster: self.xds_cluster.0.clone(),
                refresh_delay: Duration::from_secs_f64(self.xds_refresh_delay),
                connect_timeout: Duration::from_secs_f64(self.xds_connect_timeout),
                lb_policy: self.xds_lb_policy,
                subset_keys: self.xds_subset_keys.0.clone(),
                ignore_health_on_host_removal: self.xds_ignore_health_on_host_removal,
            },
            reread: reread.map_or(defaults.reread, Duration::from_secs),
            retention: Duration::from_secs(self.service_retention),
            streams: StreamLimits {
                streams: self.xds_max_streams,
                names: self.xds_max_names,
                watched_services: self.xds_max_watched_services,
                ..defaults.streams
            },
            ..defaults
        }
    }

    /// How long a list is served without asking the store.
    pub(crate) fn cached_for(&self) -> Duration {
        match self.cache_type {
            CacheType::Null => Duration::ZERO,
            CacheType::Simple => Duration::from_secs(u64::try_from(self.cache_ttl).unwrap_or(0)),
        }
    }

    /// Reads the settings from their defaults, a TOML file and the environment, the later before the earlier.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<(Self, Layers), BadSettings> {
        let mut layers = Layers::new(file, environment)?;
        let settings = Self::read(&mut layers);
        let settings = layers.judge(settings)?;
        Ok((settings, layers))
    }
}
