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
    BackendStorage, CacheType, ClusterName, LogLevel, Networks, StoreUrl, SubsetKeys,
};

settings! {
    /// The address to serve on; `::` serves IPv4 and IPv6.
    bind_address: IpAddr = "0.0.0.0", "an IP address";
    /// The port to serve on; 0 takes a free one and the `listening` log line tells which.
    port: u16 = "8080", "an integer", 0 to 65535;
    /// The `env` in answers. Only `development` uses `DYNAMODB_URL`.
    application_env: String = "development", "any text";
    /// Where the node keeps what it keeps on disk.
    application_dir: PathBuf = "discovery-data", "a folder";
    /// Human-readable log lines; `false` writes JSON lines.
    debug: bool = "true", "true or false";
    /// The least important lines of our own that are logged; what the libraries say is logged from WARN on.
    log_level: LogLevel = "INFO", "TRACE, DEBUG, INFO, WARN, ERROR or OFF";
    /// Seconds after its last check-in at which a host expires.
    host_ttl: u64 = "600", "whole seconds", 1 to 31_536_000;
    /// The share of a service's hosts, of 5 and more, that expiry alone never goes below; 0 turns this guard off.
    guard_minimum_live: f64 = "0.5", "a number", 0.0 to 1.0;
    /// The most expired hosts that this node removes from the store in a second.
    sweep_rate: usize = "100", "an integer", 1 to 100_000;
    /// The store: `DynamoDB`, `InFile` (embedded, durable) or `InMemory` (keeps nothing). Unset: `DynamoDB` where
    /// `DYNAMODB_TABLE_HOSTS` is set, else `InFile`.
    backend_storage: Option<BackendStorage> = "", "DynamoDB, InFile or InMemory";
    /// The file of `InFile`. Unset: `hosts.redb` in `APPLICATION_DIR`.
    infile_path: Option<PathBuf> = "", "a file";
    /// The DynamoDB table.
    dynamodb_table_hosts: Option<String> = "", "the name of a table";
    /// Where DynamoDB answers, in place of AWS. Used only where `APPLICATION_ENV` is `development`; elsewhere the AWS SDK
    /// reads `AWS_ENDPOINT_URL_DYNAMODB`.
    dynamodb_url: Option<StoreUrl> = "", "a URL like http://localhost:8000";
    /// Makes the table at start where there is none.
    dynamodb_create_tables_in_app: bool = "false", "true or false";
    /// The most idle connections to DynamoDB that are kept.
    connection_pool_size: usize = "100", "an integer", 1 to 10_000;
    /// `simple` serves lists that are younger than `CACHE_TTL` without asking the store; `null` asks at every read.
    cache_type: CacheType = "null", "null or simple";
    /// Seconds for which `simple` serves a list without asking the store; 0 or less asks at every read.
    cache_ttl: i64 = "30", "whole seconds";
    /// Seconds for which heartbeats that say nothing new may be held back after one was stored: saves write costs, and
    /// the promise then holds for hosts that beat at least every `HOST_TTL` less this; 0 stores every heartbeat. At most
    /// half of `HOST_TTL`.
    heartbeat_persist_interval: u64 = "0", "whole seconds, at most half of HOST_TTL";
    /// Seconds for which the lists that a node saves below `APPLICATION_DIR` are good enough to be served after a
    /// restart while the store is down; 0 saves none. Only with DynamoDB.
    snapshot_max_age: u64 = "86400", "whole seconds";
    /// The most MiB of lists that a node saves.
    snapshot_max_mib: usize = "256", "an integer", 1 to 1_000_000;
    /// The most hosts this node keeps in its cache, over all lists.
    cache_max_hosts: u64 = "1000000", "an integer", 1 to 1_000_000_000;
    /// The most MiB of answers that this node keeps so as not to write them anew.
    answer_cache_mib: u64 = "64", "an integer", 0 to 1_000_000;
    /// The addresses that `auto_ip` may register: networks separated by commas, or `none`.
    auto_ip_ranges: Networks = "192.168.0.0/16", "any, none or networks like 10.0.0.0/8,fd00::/8";
    /// The peers whose X-Forwarded-For header `auto_ip` believes: `any`, `none`, or networks separated by commas. With `any`,
    /// as it always was, whoever sends that header registers any address of `AUTO_IP_RANGES`: name your proxies.
    auto_ip_trusted_proxies: Networks = "any", "any, none or networks like 10.0.0.0/8,fd00::/8";
    /// The name that the Envoys' own static cluster for this registry has; clusters that come over REST name it.
    xds_cluster: ClusterName = "discovery", "a name without control characters";
    /// Seconds between two polls of the endpoints of a cluster that came over REST; Envoy waits once to twice as long.
    /// From 35 on it connects anew for many of them, for a connection without a request is closed after 70.
    xds_refresh_delay: f64 = "5", "seconds", 0.1 to 3600.0;
    /// Seconds for which Envoy tries to connect to a host.
    xds_connect_timeout: f64 = "5", "seconds", 0.001 to 3600.0;
    /// How Envoy picks one host of several.
    xds_lb_policy: LbPolicy = "ROUND_ROBIN", "ROUND_ROBIN, LEAST_REQUEST, RANDOM, RING_HASH or MAGLEV";
    /// The subsets that a route can pick by metadata: sets of keys separated by `;`, the keys of a set by `,`, or `none`.
    xds_subset_keys: SubsetKeys = "canary;revision", "sets of keys like canary;revision,canary, or none";
    /// Whether Envoy drops a host that has left although it still passes Envoy's own health checks.
    xds_ignore_health_on_host_removal: bool = "true", "true or false";
    /// The most gRPC streams at a time; one more is refused.
    xds_max_streams: usize = "10000", "an integer", 1 to 1_000_000;
    /// The most names that one gRPC stream may subscribe to.
    xds_max_names: usize = "10000", "an integer", 1 to 1_000_000;
    /// Seconds after which a service without hosts leaves the catalogue, and its cluster the Envoys.
    service_retention: u64 = "86400", "whole seconds";
    /// The most connections at a time; one more is answered 503. Never more than the open files allowed.
    max_connections: usize = "16384", "an integer", 1 to 1_000_000;
    /// The most check-ins that the store is asked to record at a time. Changes by operators, and lists that are not
    /// served from the cache, have a quarter of it each.
    store_max_requests: usize = "256", "an integer", 1 to 100_000;
    /// The most check-ins that wait beyond those, for a second at most; one more is answered 503. Changes and lists have
    /// a quarter of it each, so check-ins are refused last.
    store_max_waiting: usize = "8192", "an integer", 0 to 1_000_000;
    /// The most events that this node remembers of what happened to hosts; 0 remembers none.
    history_events: usize = "10000", "an integer", 0 to 1_000_000;
    /// Whether the operations of operators, like ending a guard, can be called: anybody who reaches the port can.
    admin_api: bool = "false", "true or false";
    /// Seconds for which the node goes on serving after it was told to stop, with /readyz answering 503, so that load
    /// balancers turn away first.
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
    pub(crate) fn dynamodb_endpoint(&self) -> Option<&str> {
        let used = self.application_env == "development";
        self.dynamodb_url
            .as_ref()
            .filter(|_| used)
            .map(StoreUrl::as_str)
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
