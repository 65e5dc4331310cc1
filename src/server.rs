//! Serves the app over HTTP/1.1 and HTTP/2 on one port until the process is told to stop.

mod accept;
mod activity;
mod answering;
mod connection;
mod places;
mod stop;
mod watchdog;

use std::sync::Arc;
use std::time::Duration;

use discovery_http::App;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tracing::{info, warn};

pub(crate) use accept::bind;
pub(crate) use places::Places;
use stop::Stop;
pub(crate) use stop::{Signals, exit_at_the_next};

/// What all connections share.
pub(crate) struct Server {
    app: App,
    stop: Stop,
    places: Arc<Places>,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

/// The longest head of a request, in bytes. An HTTP/1.1 head has at most 100 header lines, too, which is hyper's rule.
const MAX_HEAD: u32 = 64 * 1024;
/// The same over HTTP/2, where one connection may have many heads.
const MAX_HEADER_LIST: u32 = 16 * 1024;
/// The most requests that one HTTP/2 connection may have under way.
const MAX_STREAMS: u32 = 256;
/// The most HTTP/2 requests that a client may take back before they are looked at.
const MAX_PENDING_RESETS: usize = 32;
/// How much of a request's body, and of all of a connection's, HTTP/2 takes before somebody reads it.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// How often an HTTP/2 client is asked whether it is there, and how long it has for the answer.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_PATIENCE: Duration = Duration::from_secs(10);
/// How long a stop waits for requests under way.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

impl Server {
    pub(crate) fn new(app: App, places: Arc<Places>) -> Self {
        Self {
            app,
            stop: Stop::default(),
            places,
            http1: http1_rules(),
            http2: http2_rules(),
        }
    }

    /// Serves until `stop` is over: then it takes no more connections, finishes what is under way and returns.
    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) {
        let accepting = tokio::spawn(accept::accept(listener, Arc::clone(&self)));
        stop.await;
        self.stop.order();
        match accepting.await {
            Ok(()) => info!("no more connections are accepted"),
            Err(_panicked) => warn!("connections have not been accepted for a while"),
        }
        if timeout(STOP_PATIENCE, self.places.all_free())
            .await
            .is_err()
        {
            let connections = self.places.taken();
            warn!(connections, "cut off, for they took too long to finish");
        }
        info!("every request is answered");
    }
}

fn http1_rules() -> http1::Builder {
    let mut rules = http1::Builder::new();
    rules
        // The watchdog sees to that, without a timer for each request.
        .header_read_timeout(None)
        .half_close(true)
        .max_header_size(MAX_HEAD as usize)
        .max_buf_size(MAX_HEAD as usize);
    rules
}

fn http2_rules() -> http2::Builder<TokioExecutor> {
    let mut rules = http2::Builder::new(TokioExecutor::new());
    rules
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_PATIENCE)
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_header_list_size(MAX_HEADER_LIST)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    rules
}
