//! The whole of what is served, on a store in memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use discovery_domain::{HostRepository, LeaseClock, Liveness, Registration, Registry};
use discovery_http::{
    App, AutoIp, Contract, Health, HttpSettings, ListRenderer, Lists, Mount, Parts,
    TracingAccessLog, api,
};
use discovery_local::{CacheMetrics, CacheSettings, Cached, InMemoryHostRepository};
use discovery_testkit::hosts::HOST_TTL;
use discovery_testkit::{Faulty, ManualClock};
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, Method, Response as HttpResponse, StatusCode};
use poem::{Endpoint, Request, Response};
use serde_json::Value;

pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) operations: BoxEndpoint<'static>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) store: Arc<Faulty>,
    pub(crate) clock: Arc<ManualClock>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What is not as usual about a server.
pub(crate) struct Options {
    pub(crate) longest_request: Duration,
    pub(crate) mounted: Vec<Mount>,
    /// Whether lists are cached, each for a second.
    pub(crate) cached: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            longest_request: Duration::from_secs(20),
            mounted: Vec::new(),
            cached: false,
        }
    }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let clock = ManualClock::new();
        let store = Faulty::new(Arc::new(InMemoryHostRepository::new()));
        let lease = Arc::new(LeaseClock::new(Arc::clone(&clock) as _));
        let mut repository: Arc<dyn HostRepository> = Arc::clone(&store) as _;
        if options.cached {
            repository = Arc::new(cached(repository, &lease, &clock));
        }
        let liveness = Liveness {
            host_ttl: HOST_TTL,
            guard_minimum_live: 0.5,
        };
        let registry = Arc::new(Registry::new(repository, lease, liveness));
        let renderer = ListRenderer::new("development", 1 << 20);
        let lists = Arc::new(Lists::new(Arc::clone(&registry), renderer));
        let operations = || operations(&registry, &lists);
        let app = App::new(Parts {
            operations: operations(),
            contract: Contract::own(),
            lists: Arc::clone(&lists),
            mounted: options.mounted,
            clock: Arc::clone(&clock) as _,
            access_log: Arc::new(TracingAccessLog),
            metrics: prometheus_client::registry::Registry::default(),
            longest_request: options.longest_request,
        });
        let operations = operations();
        Self {
            app,
            operations,
            registry,
            store,
            clock,
        }
    }

    pub(crate) async fn register(&self, registration: Registration) {
        self.registry
            .register(registration)
            .await
            .expect("the store works");
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = request(method, path, headers);
        let path = request.uri().path();
        // As a connection asks.
        match self
            .app
            .list_at_hand(request.method(), path, request.headers())
        {
            Some(list) => list.into(),
            None => answer(self.app.get_response(request).await).await,
        }
    }
}

fn cached(
    inner: Arc<dyn HostRepository>,
    lease: &Arc<LeaseClock>,
    clock: &Arc<ManualClock>,
) -> Cached {
    let settings = CacheSettings {
        ttl: Duration::from_secs(1),
        max_rows: 1_000,
    };
    let metrics = CacheMetrics::default();
    Cached::new(
        inner,
        settings,
        Arc::clone(lease),
        Arc::clone(clock) as _,
        metrics,
    )
}

fn operations(registry: &Arc<Registry>, lists: &Arc<Lists>) -> BoxEndpoint<'static> {
    let settings = HttpSettings {
        environment: "development".to_owned(),
        auto_ip: AutoIp::default(),
        body_timeout: Duration::from_secs(10),
        admin_api: false,
    };
    api(
        Arc::clone(registry),
        Arc::clone(lists),
        Arc::new(Health::default()),
        settings,
        (),
    )
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = Request::builder().method(method).uri_str(path);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.finish()
}

impl From<HttpResponse<Bytes>> for Answer {
    fn from(response: HttpResponse<Bytes>) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.into_body().into(),
        }
    }
}

pub(crate) async fn answer(mut response: Response) -> Answer {
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: response
            .take_body()
            .into_vec()
            .await
            .expect("a body in memory"),
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("printable"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// Checks that this is an error as every error is, and returns what it says.
    pub(crate) fn error(&self) -> String {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(body["request_id"], self.header("x-request-id"), "{body}");
        body["error"].as_str().expect("a sentence").to_owned()
    }
}
