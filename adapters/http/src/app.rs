//! Everything that is served on one port: the contract's operations, the pages beside them, and what is mounted.

use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use discovery_domain::Clock;
use futures_util::FutureExt;
use futures_util::future::poll_immediate;
use poem::endpoint::BoxEndpoint;
use poem::http::header::CONTENT_LENGTH;
use poem::http::{HeaderMap, Method, Response as HttpResponse};
use poem::{Endpoint, Request, Response, Result};
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::access_log::AccessLog;
use crate::answerer::{Answerer, Backend};
use crate::contract::Contract;
use crate::docs::pages;
use crate::lists::Lists;
use crate::metrics::{HttpMetrics, Meter};
use crate::observe::Observer;
use crate::operation::{Operation, Path};
use crate::refusal::{method_not_allowed, no_room, not_found, panicked, too_long, unreadable};
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::room::{Held, Room};
use crate::routes::{Found, Routes, documented};

/// What an [`App`] is made of.
pub struct Parts {
    /// The documented operations.
    pub operations: BoxEndpoint<'static>,
    /// The document.
    pub contract: Contract,
    /// The lists, which are answered in front of the operations that document them.
    pub lists: Arc<Lists>,
    /// Endpoints of other protocols.
    pub mounted: Vec<Mount>,
    /// Tells how long requests take.
    pub clock: Arc<dyn Clock>,
    /// Takes the line of each request.
    pub access_log: Arc<dyn AccessLog>,
    /// Everything else that is measured in this process.
    pub metrics: Registry,
    /// How long a request may take from its header to its answer; mounted endpoints bound their own time.
    pub longest_request: Duration,
}

/// An endpoint for all paths that begin alike.
pub struct Mount {
    /// What logs and metrics call it.
    pub name: &'static str,
    /// How its paths begin.
    pub prefix: &'static str,
    /// What answers them.
    pub endpoint: BoxEndpoint<'static>,
}

/// The whole of what is served.
pub struct App {
    routes: Routes<(Answerer, Meter)>,
    mounted: Vec<(Mount, Meter)>,
    /// Measures the requests that ask for nothing of these.
    strays: Meter,
    backend: Backend,
    observer: Observer,
    room: Room,
    longest_request: Duration,
}

/// What a request asks for.
enum Asked<'a> {
    Mounted(&'a (Mount, Meter)),
    Routed(Found<'a, (Answerer, Meter)>),
}

impl App {
    /// Puts everything together.
    pub fn new(parts: Parts) -> Self {
        let mut registry = parts.metrics;
        let metrics = HttpMetrics::registered(&mut registry);
        let served = served(&parts.contract).map(|(operation, answerer)| {
            let meter = metrics.meter(&operation.id);
            (operation, (answerer, meter))
        });
        let mounted = parts.mounted.into_iter().map(|mount| {
            let meter = metrics.meter(mount.name);
            (mount, meter)
        });
        Self {
            routes: Routes::new(served.collect()),
            mounted: mounted.collect(),
            strays: metrics.meter("none"),
            backend: Backend {
                operations: parts.operations,
                lists: parts.lists,
                metrics: registry,
                scraping: Mutex::default(),
            },
            observer: Observer::new(parts.clock, parts.access_log, &metrics),
            room: Room::new(),
            longest_request: parts.longest_request,
        }
    }

    /// Answers a request for a list that is at hand, as [`Endpoint::get_response`] would, but without all that is only
    /// needed where something has to be waited for. Most requests are such. `None` says nothing of the others.
    pub fn list_at_hand(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<HttpResponse<Bytes>> {
        if *method != Method::GET {
            return None;
        }
        let began = self.observer.now();
        let Asked::Routed(Found::Operation(operation, (Answerer::ServiceList, meter))) =
            self.asked(method, path)
        else {
            return None;
        };
        let list = || self.backend.list_at_hand(path, headers);
        // A panic is left to the other way, which answers it.
        let listed = catch_unwind(AssertUnwindSafe(list)).ok()?;
        let mut response = listed?;
        let id = RequestId::of(headers.get(X_REQUEST_ID));
        response.headers_mut().insert(X_REQUEST_ID, id.header());
        let asked = (method, operation.template.as_str());
        self.observer
            .note(meter, asked, response.status(), began, &id);
        Some(response)
    }

    async fn respond(&self, mut request: Request) -> Response {
        let id = RequestId::of(request.headers().get(X_REQUEST_ID));
        let method = request.method().clone();
        let asked = self.asked(&method, request.uri().path());
        let (meter, route) = self.names(&asked);
        let watched = self
            .observer
            .watch(meter, method.clone(), route, id.clone());
        let mut response = id.clone().scope(self.answer(asked, &mut request)).await;
        if method == Method::HEAD {
            response = Box::pin(without_body(response)).await;
        }
        response.headers_mut().insert(X_REQUEST_ID, id.header());
        watched.answered(response.status());
        response
    }

    fn asked(&self, method: &Method, path: &str) -> Asked<'_> {
        let is_below = |(mount, _): &&(Mount, Meter)| path.starts_with(mount.prefix);
        if let Some(mounted) = self.mounted.iter().find(is_below) {
            return Asked::Mounted(mounted);
        }
        let path = Path::split(path);
        Asked::Routed(path.map_or(Found::Nothing, |path| self.routes.find(method, &path)))
    }

    /// What counts a request, and the route that its log line shows.
    fn names<'a>(&'a self, asked: &Asked<'a>) -> (&'a Meter, &'a str) {
        match asked {
            Asked::Mounted((mount, meter)) => (meter, mount.prefix),
            Asked::Routed(Found::Operation(operation, (_, meter))) => (meter, &operation.template),
            Asked::Routed(Found::WrongMethod(other, _)) => (&self.strays, &other.template),
            Asked::Routed(Found::Nothing | Found::Unreadable) => (&self.strays, ""),
        }
    }

    /// Answers within the time that a request may take, whatever happens.
    async fn answer(&self, asked: Asked<'_>, request: &mut Request) -> Response {
        let (longest, held) = match asked {
            Asked::Mounted(_) => (Duration::MAX, Held::default()),
            Asked::Routed(_) => (self.longest_request, self.room.admit(request)),
        };
        let mut answer = pin!(AssertUnwindSafe(self.dispatch(asked, request)).catch_unwind());
        let answered = match poll_immediate(&mut answer).await {
            Some(at_once) => Ok(at_once),
            None => timeout(longest, answer).await,
        };
        match answered {
            Ok(Ok(_)) if held.nothing() => no_room(),
            Ok(Ok(response)) => response,
            Ok(Err(_logged_panic)) => panicked(),
            Err(_elapsed) => too_long(),
        }
    }

    async fn dispatch(&self, asked: Asked<'_>, request: &mut Request) -> Response {
        match asked {
            Asked::Mounted((mount, _)) => {
                Box::pin(mount.endpoint.get_response(take(request))).await
            }
            Asked::Routed(Found::Operation(operation, (answerer, _))) => {
                self.backend.answer(answerer, operation, request).await
            }
            Asked::Routed(Found::WrongMethod(_, allowed)) => {
                method_not_allowed(request.method(), &allowed)
            }
            Asked::Routed(Found::Nothing) => not_found(request.uri().path()),
            Asked::Routed(Found::Unreadable) => unreadable(request.uri().path()),
        }
    }
}

impl Endpoint for App {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(self.respond(request).await)
    }

    fn get_response(&self, request: Request) -> impl Future<Output = Response> + Send {
        self.respond(request)
    }
}

/// Every operation of the contract and every page beside it, with what answers it.
fn served(contract: &Contract) -> impl Iterator<Item = (Operation, Answerer)> {
    let pages = pages(contract).map(|(id, path, page)| {
        let operation = Operation::new(id, Method::GET, path);
        (operation, Answerer::Page(page))
    });
    let scrape = Operation::new("scrapeMetrics", Method::GET, "/metrics");
    let operations = documented(&contract.json).into_iter().map(|operation| {
        let answerer = Answerer::of(&operation);
        (operation, answerer)
    });
    operations.chain(pages).chain([(scrape, Answerer::Scrape)])
}

/// What HEAD gets of an answer to GET.
async fn without_body(mut response: Response) -> Response {
    let body = response.take_body().into_bytes().await.unwrap_or_default();
    if !body.is_empty() {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, body.len().into());
    }
    response
}
