//! The discovery services over gRPC: an endpoint that leads one conversation a stream.

mod conversation;
mod encode;
mod messages;
mod status;

use std::sync::Arc;

use http_body_util::StreamBody;
use http_body_util::combinators::BoxBody;
use poem::http::header::{ALLOW, CONTENT_TYPE};
use poem::http::{HeaderValue, Method, StatusCode};
use poem::{Body, Endpoint, Request, Response, Result};
use sync_wrapper::SyncStream;
use tokio::sync::Semaphore;
use tracing::info;

use crate::feed::Feed;
use crate::kind::Kind;
use crate::metrics::XdsMetrics;
use crate::session::{Delta, NameLimits, Session, Sotw};
use conversation::{Conversation, Protocol};
use messages::Messages;
use status::{Code, Status};

/// What streams may take of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// The most streams that are open at a time.
    pub streams: usize,
    /// The most bytes of one message from a client.
    pub message_bytes: usize,
    /// The most names that one stream may subscribe to.
    pub names: usize,
    /// The most services whose endpoints all streams together may subscribe to.
    pub watched_services: usize,
}

/// The services over gRPC, each under a path of its own.
#[derive(Clone)]
pub struct GrpcEndpoint(Arc<Shared>);

/// What all streams share.
pub(crate) struct Shared {
    feed: Arc<Feed>,
    limits: StreamLimits,
    places: Arc<Semaphore>,
    /// Kibibytes for messages under way that are not small.
    room: Arc<Semaphore>,
    metrics: XdsMetrics,
}

/// The paths below which gRPC is spoken: one a service.
pub const GRPC_SERVICES: [&str; 4] = [
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/",
    "/envoy.service.endpoint.v3.EndpointDiscoveryService/",
    "/envoy.service.cluster.v3.ClusterDiscoveryService/",
    "/envoy.service.listener.v3.ListenerDiscoveryService/",
];

/// How a method of a service talks, and about what: everything, where no kind is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Talk {
    Sotw(Option<Kind>),
    Delta(Option<Kind>),
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            streams: 10_000,
            message_bytes: 2 * 1024 * 1024,
            names: 10_000,
            watched_services: 100_000,
        }
    }
}

impl GrpcEndpoint {
    /// How much of all messages under way is kept, in KiB, beside small ones.
    const ROOM: usize = 64 * 1024;

    pub(crate) fn new(feed: Arc<Feed>, limits: StreamLimits, metrics: XdsMetrics) -> Self {
        Self(Arc::new(Shared {
            feed,
            limits,
            places: Arc::new(Semaphore::new(limits.streams)),
            room: Arc::new(Semaphore::new(Self::ROOM)),
            metrics,
        }))
    }

    fn answer(&self, request: Request) -> Response {
        if request.method() != Method::POST {
            let refused = Response::builder().status(StatusCode::METHOD_NOT_ALLOWED);
            return refused.header(ALLOW, "POST").finish();
        }
        if !speaks_grpc(&request) {
            return StatusCode::UNSUPPORTED_MEDIA_TYPE.into();
        }
        let outcome = match talk(request.uri().path()) {
            Some(Talk::Sotw(only)) => self.converse::<Sotw>(only, request.into_body()),
            Some(Talk::Delta(only)) => self.converse::<Delta>(only, request.into_body()),
            None => Err(Status::new(Code::Unimplemented, "there is no such method")),
        };
        outcome.unwrap_or_else(Status::into_response)
    }

    fn converse<S: Protocol>(&self, only: Option<Kind>, body: Body) -> Result<Response, Status> {
        let shared = &self.0;
        let place = Arc::clone(&shared.places).try_acquire_owned();
        let place = place.map_err(|_| {
            shared.metrics.refused_streams.inc();
            let most = shared.limits.streams;
            let reason = format!("this node has {most} streams already, which is all it takes");
            info!(reason, "discovery stream is refused");
            Status::new(Code::ResourceExhausted, reason)
        })?;
        let names = NameLimits::of(shared.limits.names);
        let session = Session::<S>::new(only, names);
        let requests = Messages::new(body, shared.limits.message_bytes, &shared.room);
        let conversation = Conversation::new(Arc::clone(shared), session, requests, place);
        let body = StreamBody::new(SyncStream::new(conversation.frames()));
        let response = Response::builder().header(CONTENT_TYPE, "application/grpc");
        Ok(response.body(Body::from(BoxBody::new(body))))
    }
}

impl Endpoint for GrpcEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(self.answer(request))
    }
}

fn speaks_grpc(request: &Request) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.map_or(&[] as &[u8], HeaderValue::as_bytes);
    content_type.starts_with(b"application/grpc")
}

/// What the method at a path does.
fn talk(path: &str) -> Option<Talk> {
    let service = GRPC_SERVICES
        .iter()
        .position(|service| path.starts_with(service))?;
    let method = &path[GRPC_SERVICES[service].len()..];
    let (only, methods) = [
        (
            None,
            ["StreamAggregatedResources", "DeltaAggregatedResources"],
        ),
        (Some(Kind::Endpoints), ["StreamEndpoints", "DeltaEndpoints"]),
        (Some(Kind::Clusters), ["StreamClusters", "DeltaClusters"]),
        (Some(Kind::Listeners), ["StreamListeners", "DeltaListeners"]),
    ][service];
    match methods.iter().position(|known| *known == method)? {
        0 => Some(Talk::Sotw(only)),
        _ => Some(Talk::Delta(only)),
    }
}
