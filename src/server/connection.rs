//! One connection: HTTP/1.1, or HTTP/2 when the client begins with its preface.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use discovery_http::no_place;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulConnection;
use poem::http::header::CONNECTION;
use poem::http::uri::Scheme;
use poem::http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use super::Server;
use super::activity::{Activity, Waiting, Watched};
use super::answering::{Answering, UnderWay};
use super::watchdog::{Verdict, Watchdog};

/// A client's connection to the server.
struct Connection {
    server: Arc<Server>,
    local: LocalAddr,
    remote: RemoteAddr,
    activity: Arc<Activity>,
}

#[derive(Clone, Copy)]
enum Protocol {
    Http1,
    Http2,
}

/// How many looks of the watchdog a connection may be quiet: 70 to 80 s, and 10 minutes where pings tell that the
/// client is there.
const HTTP1_PATIENCE: u32 = 7;
const HTTP2_PATIENCE: u32 = 60;
/// The same before the first request, which HTTP/2 may put off after its preface.
const NEW_PATIENCE: u32 = 1;

/// Serves a connection until it ends, has to go, or the server stops.
pub(super) async fn serve(server: Arc<Server>, stream: TcpStream, peer: SocketAddr) {
    let first = tokio::select! {
        first = timeout(Watchdog::HEAD_PATIENCE, first_bytes(&stream)) => first,
        first = last_call(&server, &stream) => first,
    };
    let (Ok(Ok(protocol)), Ok(local)) = (first, stream.local_addr()) else {
        return;
    };
    let connection = Arc::new(Connection {
        server,
        local: LocalAddr(address(local)),
        remote: RemoteAddr(address(peer)),
        activity: Arc::default(),
    });
    match protocol {
        Protocol::Http1 => connection.http1(stream).await,
        Protocol::Http2 => connection.http2(stream).await,
    }
}

/// Waits for the first bytes of a client, without taking them.
async fn first_bytes(stream: &TcpStream) -> io::Result<Protocol> {
    const PREFACE: &[u8] = b"PRI ";
    let (mut first, mut pause) = ([0; PREFACE.len()], Duration::from_millis(10));
    loop {
        match stream.peek(&mut first).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            all if first[..all] == *PREFACE => return Ok(Protocol::Http2),
            some if PREFACE.starts_with(&first[..some]) => {
                sleep(pause).await;
                // Looking on and on at clients that send no more would cost more than they do.
                pause *= 2;
            }
            _ => return Ok(Protocol::Http1),
        }
    }
}

/// The first bytes of a client that had none when the server was told to stop: it has connected before that, so it is
/// answered if it asks soon.
async fn last_call(
    server: &Server,
    stream: &TcpStream,
) -> Result<io::Result<Protocol>, tokio::time::error::Elapsed> {
    server.stop.ordered().await;
    timeout(Watchdog::STOPPING_PAUSE, first_bytes(stream)).await
}

/// An IPv4 address is shown as one also where it came through an IPv6 socket.
fn address(address: SocketAddr) -> Addr {
    SocketAddr::new(address.ip().to_canonical(), address.port()).into()
}

impl Connection {
    async fn http1(self: Arc<Self>, stream: TcpStream) {
        let activity = Arc::clone(&self.activity);
        let stream = TokioIo::new(Watched { stream, activity });
        let service = service_fn(|request| Arc::clone(&self).answer(request));
        let served = self.server.http1.serve_connection(stream, service);
        self.drive(served, HTTP1_PATIENCE).await;
    }

    async fn http2(self: Arc<Self>, stream: TcpStream) {
        let connection = Arc::clone(&self);
        let service = service_fn(move |request| Arc::clone(&connection).answer(request));
        let served = self
            .server
            .http2
            .serve_connection(TokioIo::new(stream), service);
        self.drive(served, HTTP2_PATIENCE).await;
    }

    /// Polls a connection until it ends, and ends it when its watchdog says so: by its protocol first, then by force.
    async fn drive(&self, served: impl GracefulConnection, patience: u32) {
        let (mut served, mut stop) = (pin!(served), pin!(self.server.stop.ordered()));
        let (mut watchdog, mut hears_stop, mut told_to_end) = (Watchdog::new(), false, false);
        poll_fn(|cx| {
            while served.as_mut().poll(cx).is_pending() {
                // Polled once, for its waker is that of the task, which stays the same.
                let stops = !hears_stop && stop.as_mut().poll(cx).is_ready();
                hears_stop = true;
                if stops || self.server.stop.is_ordered() {
                    watchdog.hurry();
                }
                match ready!(watchdog.poll(&self.activity, cx)) {
                    Verdict::Quiet(looks) if looks < self.patience(patience) => {}
                    Verdict::Quiet(_) if told_to_end => break,
                    Verdict::Slow => break,
                    Verdict::Quiet(_) | Verdict::LastCall => {
                        told_to_end = true;
                        served.as_mut().graceful_shutdown();
                        if self.activity.is_new() {
                            watchdog.look_soon();
                        }
                    }
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// How many looks of the watchdog the connection may be quiet: fewer while it is new, or places are scarce.
    fn patience(&self, usual: u32) -> u32 {
        if self.activity.is_new() {
            NEW_PATIENCE
        } else {
            self.server.places.patience(usual)
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Answering>, Infallible> {
        let waiting = self.activity.begin_request();
        if let Some(list) = self.list_at_hand(&request) {
            let under_way = UnderWay {
                _waiting: waiting,
                _place: None,
            };
            return Ok(list.map(|body| Answering::whole(body, under_way)));
        }
        // On the heap, so that what answers lists is small.
        Ok(Box::pin(self.answer_in_time(request, waiting)).await)
    }

    /// A list that needs no waiting for, over HTTP/1.1: over HTTP/2 requests take places.
    fn list_at_hand(&self, request: &Request<Incoming>) -> Option<Response<Bytes>> {
        if request.version() >= Version::HTTP_2 || self.server.stop.is_ordered() {
            return None;
        }
        let (path, app) = (request.uri().path(), &self.server.app);
        app.list_at_hand(request.method(), path, request.headers())
    }

    async fn answer_in_time(
        &self,
        request: Request<Incoming>,
        waiting: Waiting,
    ) -> Response<Answering> {
        let closes = request.version() < Version::HTTP_2;
        let place = (!closes).then(|| self.server.places.take_for_request());
        if let Some(None) = place {
            let answer = Response::from(no_place("requests"));
            return answer.map(|body| Answering::any(body, None));
        }
        let place = place.flatten();
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let origin = (self.local.clone(), self.remote.clone(), Scheme::HTTP);
        let request = (request, origin.0, origin.1, origin.2).into();
        let (answer, place) = if closes || is_read {
            (self.server.app.get_response(request).await, place)
        } else {
            self.answer_to_the_end(request, place).await
        };
        let under_way = UnderWay {
            _waiting: waiting,
            _place: place,
        };
        let mut answer = Response::from(answer).map(|body| {
            // Over HTTP/2 a client may put off reading for ever. An answer that is there as a whole takes no place
            // meanwhile, and does not keep its connection.
            let is_whole = body.size_hint().exact().is_some();
            Answering::any(body, (closes || !is_whole).then_some(under_way))
        });
        if closes && self.server.stop.is_ordered() {
            answer
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    /// Answers a request also when its client takes it back, which HTTP/2 does to each that it loses patience with: what
    /// is written half way would be stored, and shown and told to nobody.
    async fn answer_to_the_end(
        &self,
        request: poem::Request,
        place: Option<OwnedSemaphorePermit>,
    ) -> (poem::Response, Option<OwnedSemaphorePermit>) {
        let server = Arc::clone(&self.server);
        let answering = async move { (server.app.get_response(request).await, place) };
        tokio::spawn(answering)
            .await
            .unwrap_or_else(|error| match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_cancelled) => (StatusCode::SERVICE_UNAVAILABLE.into(), None),
            })
    }
}
