//! A node without a network: everything that is served, on a store in memory.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Clock, HostRepository, LeaseClock, Liveness, Registry};
use discovery_http::{
    App, AutoIp, Contract, Health, HttpSettings, ListRenderer, Lists, Mount, Parts,
    TracingAccessLog, api,
};
use discovery_local::{InMemoryHostRepository, SystemClock};
use discovery_xds::{EXAMPLES, GRPC_SERVICES, Xds, XdsApi, XdsMetrics, XdsSettings};
use poem::http::Method;
use poem::{Body, Endpoint, EndpointExt, Request};
use prometheus_client::registry::Registry as Metrics;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// A host that can be registered, as a form.
pub const HOST: &str = "ip=10.0.0.1&port=80&revision=a&service_repo_name=repo&tags=%7B%22az%22%3A%22a%22%2C%22region%22%3A%22r%22%2C%22instance_id%22%3A%22i%22%7D";

/// A node.
pub struct Node {
    runtime: Runtime,
    app: App,
    xds: Arc<Xds>,
}

/// What a node has answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Default for Node {
    fn default() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime needs nothing");
        let _inside = runtime.enter();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let lease = Arc::new(LeaseClock::new(Arc::clone(&clock)));
        let store: Arc<dyn HostRepository> = Arc::new(InMemoryHostRepository::new());
        let liveness = Liveness {
            host_ttl: Duration::from_hours(24 * 365),
            guard_minimum_live: 0.5,
        };
        let registry = Arc::new(Registry::new(store, lease, liveness));
        let metrics = XdsMetrics::registered(&mut Metrics::default());
        let xds = Arc::new(Xds::new(
            Arc::clone(&registry),
            XdsSettings::default(),
            &metrics,
        ));
        let app = app(registry, &xds, clock);
        Self { runtime, app, xds }
    }
}

fn app(registry: Arc<Registry>, xds: &Xds, clock: Arc<dyn Clock>) -> App {
    let renderer = ListRenderer::new("development", 1024 * 1024);
    let lists = Arc::new(Lists::new(Arc::clone(&registry), renderer));
    let settings = HttpSettings {
        environment: "development".into(),
        auto_ip: AutoIp::default(),
        body_timeout: Duration::from_secs(10),
        admin_api: false,
    };
    let health = Arc::new(Health::default());
    let operations = api(registry, Arc::clone(&lists), health, settings, xds.api());
    let mounted = GRPC_SERVICES.map(|prefix| Mount {
        name: "grpc",
        prefix,
        endpoint: xds.grpc().boxed(),
    });
    App::new(Parts {
        operations,
        contract: Contract::with::<XdsApi>(EXAMPLES),
        lists,
        mounted: mounted.into(),
        clock,
        access_log: Arc::new(TracingAccessLog),
        metrics: Metrics::default(),
        longest_request: Duration::from_secs(20),
    })
}

impl Node {
    /// A node that lists a host of the service `users`, and knows which services there are.
    #[must_use]
    pub fn with_a_host() -> Self {
        let node = Self::default();
        let registered = node.post("/v1/registration/users", FORM, HOST.as_bytes());
        assert_eq!(registered.status, 200, "{registered:?}");
        let xds = Arc::clone(&node.xds);
        node.runtime.spawn(async move { xds.run().await });
        while node.post("/v3/discovery:clusters", JSON, b"{}").status == 503 {
            node.runtime.block_on(tokio::task::yield_now());
        }
        node
    }

    /// Posts a body.
    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri_str(path)
            .content_type(content_type);
        self.ask(request.body(body.to_vec()))
    }

    /// Asks for a page.
    pub fn get(&self, path: &str) -> Answer {
        self.ask(Request::builder().uri_str(path).finish())
    }

    /// Deletes what is at a path.
    pub fn delete(&self, path: &str) -> Answer {
        let request = Request::builder().method(Method::DELETE).uri_str(path);
        self.ask(request.finish())
    }

    fn ask(&self, request: Request) -> Answer {
        self.runtime.block_on(async {
            let mut response = self.app.get_response(request).await;
            let body: Body = response.take_body();
            let body = body.into_bytes().await.expect("the body ends by itself");
            Answer {
                status: response.status().as_u16(),
                body: body.into(),
            }
        })
    }

    /// Registers whatever a body says, and weighs hosts by it; what was acknowledged must be listed, and can be deleted.
    pub fn try_every_write(&self, content_type: &str, body: &[u8]) {
        let registered = self.post("/v1/registration/fuzzed", content_type, body);
        registered.is_one_of(&[200, 400, 413]);
        for path in [
            "/v1/loadbalancing/fuzzed",
            "/v1/loadbalancing/fuzzed/10.0.0.1",
        ] {
            self.post(path, content_type, body)
                .is_one_of(&[204, 400, 404, 413]);
        }
        let list = self.get("/v1/registration/fuzzed").json();
        let hosts = list["hosts"].as_array().expect("a list has hosts");
        assert_eq!(
            hosts.len(),
            usize::from(registered.status == 200),
            "{registered:?} and {list}"
        );
        for host in hosts {
            let address = host["ip_address"].as_str().expect("a host has an address");
            let deleted = self.delete(&format!("/v1/registration/fuzzed/{address}"));
            deleted.is_one_of(&[200]);
        }
    }
}

/// What a form that a browser sends is called.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// What JSON is called.
pub const JSON: &str = "application/json";

impl Answer {
    /// Insists on one of these statuses, and on JSON where there is a body.
    pub fn is_one_of(&self, statuses: &[u16]) {
        assert!(statuses.contains(&self.status), "{self:?}");
        if !self.body.is_empty() {
            let _ = self.json();
        }
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
