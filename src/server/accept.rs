//! Takes connections in, one after the other.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use discovery_http::no_place;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use poem::http;
#[cfg(target_os = "linux")]
use socket2::{SockFilter, SockRef};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::{Server, connection};

/// How many connections the kernel keeps for us while we are busy.
const BACKLOG: u32 = 4096;
/// The pause after a failure that the next attempt would meet, too, like too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a connection may take to be refused.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(1);

/// Binds an address; port 0 takes a free one.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes connections in until the server is told to stop, and then those that the kernel has already taken.
pub(super) async fn accept(listener: TcpListener, server: Arc<Server>) {
    let (mut stop, mut failures) = (pin!(server.stop.ordered()), 0_u64);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                failures = 0;
                admit(&server, stream, peer);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                failures += 1;
                if failures.is_power_of_two() {
                    tracing::error!(%error, failures, "connections can't be accepted");
                }
                sleep(PAUSE).await;
            }
        }
    }
    drain(listener, &server);
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Closes the listener, but admits first what waits in the kernel, so that nobody is reset.
fn drain(listener: TcpListener, server: &Arc<Server>) {
    let Ok(listener) = listener.into_std() else {
        return;
    };
    // Once before newcomers are ignored, too: so there are few to admit while they are, and no code to load for it.
    admit_waiting(&listener, server);
    ignore_newcomers(&listener);
    admit_waiting(&listener, server);
}

fn admit_waiting(listener: &std::net::TcpListener, server: &Arc<Server>) {
    for _ in 0..BACKLOG {
        let Ok((stream, peer)) = listener.accept() else {
            return;
        };
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            admit(server, stream, peer);
        }
    }
}

/// Has the kernel ignore whoever begins to connect, or else one might come between the last look and the close, and be
/// reset. They try again by themselves within a second, when another node listens, or are refused.
#[cfg(target_os = "linux")]
fn ignore_newcomers(listener: &std::net::TcpListener) {
    /// A packet filter of one instruction, which keeps nothing of any packet.
    const RETURN_NOTHING: SockFilter = SockFilter::new(6, 0, 0, 0);
    if let Err(error) = SockRef::from(listener).attach_filter(&[RETURN_NOTHING]) {
        tracing::debug!(%error, "connections can still come while the listener closes");
    }
}

#[cfg(not(target_os = "linux"))]
fn ignore_newcomers(_: &std::net::TcpListener) {}

/// Serves a connection if there is a place for it, else refuses it.
fn admit(server: &Arc<Server>, stream: TcpStream, peer: SocketAddr) {
    // Small answers are not held back; a client that is gone already is noticed elsewhere.
    drop(stream.set_nodelay(true));
    if let Some(place) = server.places.take() {
        let server = Arc::clone(server);
        tokio::spawn(async move {
            connection::serve(server, stream, peer).await;
            drop(place);
        });
    } else if let Some(place) = server.places.take_for_refusal() {
        tokio::spawn(async move {
            drop(timeout(REFUSAL_PATIENCE, refuse(stream)).await);
            drop(place);
        });
    }
}

/// Answers one request with 503, so that its client tries again, perhaps at another node.
async fn refuse(stream: TcpStream) {
    let mut rules = http1::Builder::new();
    let rules = rules.keep_alive(false).header_read_timeout(None);
    let full = || http::Response::from(no_place("connections"));
    let full = service_fn(move |_| ready(Ok::<_, Infallible>(full())));
    // It is refused also when it does not hear of it.
    drop(rules.serve_connection(TokioIo::new(stream), full).await);
}
