//! The whole of what is served, on a store in memory and a clock that stands still.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use discovery_domain::{History, LeaseClock, Liveness, Registry};
use discovery_http::{
    App, AutoIp, Contract, Health, HttpSettings, ListRenderer, Lists, Parts, TracingAccessLog, api,
};
use discovery_local::InMemoryHostRepository;
use discovery_testkit::{Faulty, ManualClock, hosts};
use futures_util::stream::{self, StreamExt};
use poem::http::{HeaderMap, HeaderName, HeaderValue, Request as HttpRequest, Uri};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Body, Endpoint, Request, RequestParts};
use serde_json::Value;

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::own);

/// A node.
pub(crate) struct Server {
    app: App,
    pub(crate) store: Arc<Faulty>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) health: Arc<Health>,
    pub(crate) registry: Arc<Registry>,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What a client sends.
pub(crate) struct Call {
    request: HttpRequest<()>,
    body: Body,
    peer: SocketAddr,
}

pub(crate) fn settings() -> HttpSettings {
    HttpSettings {
        environment: "development".into(),
        auto_ip: AutoIp::default(),
        body_timeout: Duration::from_secs(10),
        admin_api: true,
    }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: HttpSettings) -> Self {
        let clock = ManualClock::new();
        let lease = Arc::new(LeaseClock::new(clock.clone()));
        let liveness = Liveness {
            host_ttl: hosts::HOST_TTL,
            guard_minimum_live: 0.5,
        };
        let store = Faulty::new(Arc::new(InMemoryHostRepository::new()));
        let history = Arc::new(History::new(100));
        let registry = Registry::new(store.clone(), lease, liveness).remembering(history);
        let registry = Arc::new(registry);
        let renderer = ListRenderer::new(&settings.environment, 1024 * 1024);
        let lists = Arc::new(Lists::new(registry.clone(), renderer));
        let health = Arc::new(Health::default());
        let operations = api(
            registry.clone(),
            lists.clone(),
            health.clone(),
            settings,
            (),
        );
        let app = App::new(Parts {
            operations,
            contract: CONTRACT.clone(),
            lists,
            mounted: Vec::new(),
            clock: clock.clone(),
            access_log: Arc::new(TracingAccessLog),
            metrics: prometheus_client::registry::Registry::default(),
            longest_request: Duration::from_secs(20),
        });
        Self {
            app,
            store,
            clock,
            health,
            registry,
        }
    }

    /// Sends a request and takes the whole answer.
    pub(crate) async fn answer(&self, call: Call) -> Answer {
        let (parts, ()) = call.request.into_parts();
        let local = LocalAddr(poem::Addr::SocketAddr(([127, 0, 0, 1], 8080).into()));
        let remote = RemoteAddr(poem::Addr::SocketAddr(call.peer));
        let parts = RequestParts::from((parts, local, remote, poem::http::uri::Scheme::HTTP));
        let request = Request::from_parts(parts, call.body);
        let mut response = Box::pin(self.app.get_response(request)).await;
        let body = response.take_body().into_bytes().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: String::from_utf8(body.into()).unwrap(),
        }
    }

    /// Lets all hosts be silent for a second longer than they may.
    pub(crate) fn silence(&self) {
        let lease = self.registry.lease();
        let too_long = hosts::HOST_TTL + Duration::from_secs(1);
        self.clock.advance_proving(lease, too_long);
    }

    /// The hosts that a service lists.
    pub(crate) async fn hosts(&self, service: &str) -> Value {
        let answer = self
            .answer(Call::get(&format!("/v1/registration/{service}")))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["hosts"].take()
    }

    /// Registers a host with nothing special about it.
    pub(crate) async fn register(&self, service: &str, ip: &str) {
        let path = format!("/v1/registration/{service}");
        let answer = self
            .answer(Call::post(&path).form(&host_but(&[("ip", ip)])))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Insists on an error with that status, and returns what it says of a field.
    pub(crate) fn wrong(&self, status: u16, field: &str) -> String {
        let text = self.json()["fields"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(!text.is_empty(), "nothing of {field}: {}", self.body);
        assert!(
            self.error(status).contains(&format!("{field} {text}")),
            "{}",
            self.body
        );
        text
    }

    /// Insists on an error with that status, and returns what it says.
    pub(crate) fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/json"));
        let json = self.json();
        assert_eq!(
            json["request_id"].as_str(),
            self.header("x-request-id"),
            "{}",
            self.body
        );
        json["error"]
            .as_str()
            .filter(|error| !error.is_empty())
            .unwrap()
            .to_owned()
    }

    /// Insists on `{}`, to the byte.
    pub(crate) fn done(&self) {
        assert_eq!((self.status, self.body.as_str()), (200, "{}\n"));
        assert_eq!(self.header("content-type"), Some("application/json"));
    }
}

impl Call {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let uri: Uri = path.parse().unwrap();
        Self {
            request: HttpRequest::builder()
                .method(method)
                .uri(uri)
                .body(())
                .unwrap(),
            body: Body::empty(),
            peer: ([127, 0, 0, 1], 40000).into(),
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new("DELETE", path)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.request
            .headers_mut()
            .append(HeaderName::from_static(name), value);
        self
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub(crate) fn json(self, body: &str) -> Self {
        self.body("application/json", body.to_owned())
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        self.body("application/x-www-form-urlencoded", encoded(fields))
    }

    pub(crate) fn multipart(self, fields: &[(&str, &str)]) -> Self {
        let part = |(name, value): &(&str, &str)| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let parts: String = fields.iter().map(part).collect();
        self.body(
            "multipart/form-data; boundary=x",
            format!("{parts}--x--\r\n"),
        )
    }

    /// A body of which these pieces arrive, and nothing more ever if it is not to end.
    pub(crate) fn pieces(self, content_type: &str, pieces: Vec<Vec<u8>>, ends: bool) -> Self {
        let rest = if ends {
            stream::empty().boxed()
        } else {
            stream::pending().boxed()
        };
        let pieces = stream::iter(pieces)
            .map(Ok::<_, std::io::Error>)
            .chain(rest);
        self.body(content_type, Body::from_bytes_stream(pieces))
    }

    pub(crate) fn from(mut self, peer: &str) -> Self {
        self.peer = format!("{peer}:40000").parse().unwrap();
        self
    }
}

/// The fields of a host that can be registered, with some of them in place of the usual ones.
pub(crate) fn host_but<'a>(changed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("ip", "10.0.0.1"),
        ("service_repo_name", "web-frontend"),
        ("port", "8080"),
        ("revision", "4f1c2d9"),
        ("tags", hosts::REQUIRED_TAGS),
    ];
    let same = |name| changed.iter().find(|(changed, _)| *changed == name);
    let more = changed
        .iter()
        .filter(|(name, _)| !usual.iter().any(|(usual, _)| usual == name));
    let kept = usual.iter().map(|field| same(field.0).unwrap_or(field));
    kept.chain(more).copied().collect()
}

/// The same without some of the fields.
pub(crate) fn host_without(names: &[&str]) -> Vec<(&'static str, &'static str)> {
    let fields = host_but(&[]).into_iter();
    fields.filter(|(name, _)| !names.contains(name)).collect()
}

/// Fields as a browser sends them.
pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|b| match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                    char::from(b).to_string()
                }
                b' ' => "+".to_owned(),
                _ => format!("%{b:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}
