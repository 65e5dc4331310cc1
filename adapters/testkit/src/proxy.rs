//! A proxy in front of an emulated DynamoDB that counts its requests and breaks those it is told to.

mod fault;
mod history;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use fault::{Fault, Gate, Rule};
use history::History;

/// A running proxy; it ends when dropped, and with it every connection through it.
pub struct Proxy {
    url: String,
    state: Arc<State>,
    server: JoinHandle<()>,
}

struct State {
    upstream: String,
    client: Client<HttpConnector, Full<Bytes>>,
    seen: Mutex<Seen>,
    rules: watch::Sender<Arc<Vec<Rule>>>,
    history: History,
}

#[derive(Default)]
struct Seen {
    counts: BTreeMap<String, usize>,
    /// The value of the last `Authorization` header.
    authorization: Option<String>,
}

/// One request, as read off the wire.
struct Call {
    operation: String,
    request: Request<Full<Bytes>>,
    body: Bytes,
}

type Answer = Response<Full<Bytes>>;

impl Proxy {
    /// Starts a proxy to `upstream`, an `http://host:port`, on a free port of the loopback interface.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the loopback interface has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let state = Arc::new(State {
            upstream: upstream.trim_end_matches('/').to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            seen: Mutex::default(),
            rules: watch::Sender::default(),
            history: History::default(),
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&state)));
        let url = format!("http://{address}");
        Self { url, state, server }
    }

    /// Where it listens, as `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many requests of each operation arrived since the start or the last [`Self::reset_counts`], those that were
    /// then broken and those that the SDK sent again included.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.state.seen().counts.clone()
    }

    /// How many requests of one operation arrived.
    pub fn count(&self, operation: &str) -> usize {
        self.state
            .seen()
            .counts
            .get(operation)
            .copied()
            .unwrap_or(0)
    }

    /// Counts from zero again.
    pub fn reset_counts(&self) {
        self.state.seen().counts.clear();
    }

    /// Who signed the last request: the value of its `Authorization` header.
    pub fn last_authorization(&self) -> Option<String> {
        self.state.seen().authorization.clone()
    }

    /// Breaks requests in this way from now on, and in no other.
    pub fn set_fault(&self, rule: impl Into<Rule>) {
        self.set_faults([rule.into()]);
    }

    /// Breaks requests by the first of these rules that fits each, from now on.
    pub fn set_faults(&self, rules: impl IntoIterator<Item = Rule>) {
        let rules = rules.into_iter().collect();
        self.state.rules.send_replace(Arc::new(rules));
    }

    /// Lets every request through from now on; those that hang are cut.
    pub fn heal(&self) {
        self.set_faults([]);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        connections.spawn(serve(stream, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    // Where a connection is cut, the client sees a reset and not an orderly end.
    let _ = stream.set_zero_linger();
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request| {
        let state = Arc::clone(&state);
        state.answer(request)
    });
    // How a connection ended is the client's business.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl State {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> io::Result<Answer> {
        let call = self.read(request).await?;
        self.count(&call);
        let mut rules = self.rules.subscribe();
        let current = Arc::clone(&rules.borrow_and_update());
        let fault = current
            .iter()
            .find_map(|rule| rule.strikes(&call.operation));
        match fault {
            None => self.forward(call).await,
            Some(Fault::Refuse) => Err(cut()),
            Some(Fault::Hang) => {
                let _ = rules.changed().await;
                Err(cut())
            }
            Some(Fault::Error { status, code }) => Ok(error(*status, code)),
            Some(Fault::Impostor { body }) => Ok(Response::new(Full::new(Bytes::from_static(
                body.as_bytes(),
            )))),
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(*time).await;
                self.forward(call).await
            }
            Some(Fault::LoseReply) => {
                self.forward(call).await?;
                Err(cut())
            }
            Some(Fault::HoldReply(gate)) => {
                let answer = self.forward(call).await;
                gate.pass().await;
                answer
            }
            Some(Fault::Hold(gate)) => {
                let (gate, state) = (gate.clone(), Arc::clone(&self));
                let late = tokio::spawn(async move {
                    gate.pass().await;
                    let answer = state.forward(call).await;
                    gate.leave();
                    answer
                });
                late.await.map_err(|_| cut())?
            }
            Some(Fault::Stale(lag)) => match self.history.recent(&call, *lag) {
                Some(answer) => Ok(answer),
                None => self.forward(call).await,
            },
        }
    }

    async fn read(&self, request: Request<Incoming>) -> io::Result<Call> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| cut())?.to_bytes();
        let target = head.headers.get("x-amz-target").map(|value| value.to_str());
        let operation = target.and_then(Result::ok).unwrap_or_default();
        let operation = operation.rsplit('.').next().unwrap_or_default().to_owned();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = format!("{}{path}", self.upstream)
            .parse()
            .map_err(|_| cut())?;
        head.headers.remove("host");
        let request = Request::from_parts(head, Full::new(body.clone()));
        Ok(Call {
            operation,
            request,
            body,
        })
    }

    fn count(&self, call: &Call) {
        let mut seen = self.seen();
        *seen.counts.entry(call.operation.clone()).or_default() += 1;
        let authorization = call.request.headers().get("authorization");
        let authorization = authorization.and_then(|value| value.to_str().ok());
        seen.authorization = authorization.map(str::to_owned);
    }

    async fn forward(&self, call: Call) -> io::Result<Answer> {
        let Call {
            operation,
            request,
            body,
        } = call;
        let answer = self.client.request(request).await.map_err(|_| cut())?;
        let (head, answered) = answer.into_parts();
        let answered = answered.collect().await.map_err(|_| cut())?.to_bytes();
        let answer = Response::from_parts(head, Full::new(answered));
        self.history.record(&operation, &body, &answer);
        Ok(answer)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error as DynamoDB words it.
fn error(status: u16, code: &str) -> Answer {
    let body = format!(
        r#"{{"__type": "com.amazonaws.dynamodb.v20120810#{code}", "message": "injected by a test"}}"#
    );
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a test injects a valid status");
    answer.headers_mut().insert(
        "content-type",
        "application/x-amz-json-1.0"
            .parse()
            .expect("a valid header"),
    );
    answer
}

/// Has hyper end the connection without an answer.
fn cut() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}
