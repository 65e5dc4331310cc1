//! Opens many delta streams for one service of a running node, changes the service now and then, and prints, in JSON, what
//! a stream costs the node in memory, and how long and how much of the node's CPU a change takes to reach them all.
//!
//!     streams http://127.0.0.1:8080 PID [STREAMS [HOSTS [CHANGES]]]

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement is read by whoever started it"
)]

use std::time::Duration;

use discovery_domain::Clock;
use discovery_local::SystemClock;
use envoy_types::pb::envoy::config::core::v3::{Extension, Node};
use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use futures_util::stream::{self, StreamExt};
use prost::Message;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic::{Request, Status};

const SERVICE: &str = "measured";
const METHOD: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

struct Measured {
    http: reqwest::Client,
    base: String,
    pid: u32,
    streams: usize,
    hosts: usize,
    changes: usize,
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let base = args.next().expect("the address of a node");
    let pid = args.next().expect("the id of its process").parse().unwrap();
    let mut number = |default| args.next().map_or(default, |text| text.parse().unwrap());
    let measured = Measured {
        http: reqwest::Client::new(),
        base,
        pid,
        streams: number(1000),
        hosts: number(100),
        changes: number(20),
    };
    measured.run().await;
}

impl Measured {
    async fn run(&self) {
        for host in 1..=self.hosts {
            self.register(host, 50).await;
        }
        let before = self.resident();
        let (told, mut news) = unbounded_channel();
        let clock = SystemClock::new();
        let began = clock.monotonic();
        let opened = (0..self.streams).map(|_| subscribe(self.base.clone(), told.clone()));
        let opened: Vec<_> = stream::iter(opened).buffer_unordered(32).collect().await;
        for _ in 0..self.streams {
            news.recv().await.unwrap();
        }
        let opened_ms = milliseconds(clock.monotonic().saturating_sub(began));
        let cpu_before = self.cpu();
        let mut times = Vec::new();
        for change in 0..self.changes {
            let began = clock.monotonic();
            self.register(1, 1 + change % 100).await;
            for _ in 0..self.streams {
                news.recv().await.unwrap();
            }
            times.push(clock.monotonic().saturating_sub(began));
        }
        times.sort_unstable();
        let changes = u32::try_from(self.changes).unwrap();
        let result = json!({
            "streams": self.streams,
            "opened_ms": opened_ms,
            "kib_a_stream": self.resident().saturating_sub(before) / self.streams as u64,
            "median_ms": milliseconds(times[times.len() / 2]),
            "worst_ms": milliseconds(times[times.len() - 1]),
            "server_cpu_ms": milliseconds(self.cpu().saturating_sub(cpu_before) / changes),
        });
        println!("{result}");
        drop(opened);
    }

    async fn register(&self, host: usize, weight: usize) {
        let (ip, instance) = (
            format!("10.0.{}.{}", host / 250, host % 250),
            format!("i-{host:017x}"),
        );
        let body = json!({
            "ip": ip,
            "port": 8080,
            "revision": "8f14e45fceea167a5a36dedd4bea2543b16b00b5",
            "service_repo_name": "measured-repo",
            "tags": {
                "az": format!("us-east-1{}", host % 3),
                "region": "us-east-1",
                "instance_id": instance,
                "canary": false,
                "load_balancing_weight": weight,
            },
        });
        let url = format!("{}/v1/registration/{SERVICE}", self.base);
        let answer = self.http.post(url).json(&body).send().await;
        answer.unwrap().error_for_status().unwrap();
    }

    /// How long the node's threads have run.
    fn cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid)).unwrap();
        let ran = tasks.map(|task| {
            let schedstat = std::fs::read_to_string(task.unwrap().path().join("schedstat"));
            let nanoseconds = schedstat.unwrap();
            let nanoseconds = nanoseconds.split(' ').next().unwrap().parse().unwrap();
            Duration::from_nanos(nanoseconds)
        });
        ran.sum()
    }

    /// The node's memory in KiB.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Opens a stream on a connection of its own, as an Envoy would, and reports every response. It lasts as long as what
/// is returned.
async fn subscribe(
    base: String,
    told: UnboundedSender<()>,
) -> UnboundedSender<DeltaDiscoveryRequest> {
    let channel = Endpoint::from_shared(base)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let (say, said) = unbounded_channel();
    let requests = stream::unfold(said, async |mut said| Some((said.recv().await?, said)));
    say.send(DeltaDiscoveryRequest {
        node: Some(envoy()),
        resource_names_subscribe: vec![SERVICE.into()],
        ..about_endpoints()
    })
    .unwrap();
    let path = PathAndQuery::from_static(METHOD);
    let responses = client.streaming(Request::new(requests), path, NoncesOnly);
    let mut responses = responses.await.unwrap().into_inner();
    let ack = say.clone();
    tokio::spawn(async move {
        while let Ok(Some(response)) = responses.message().await {
            let acked = ack.send(DeltaDiscoveryRequest {
                response_nonce: response.nonce,
                ..about_endpoints()
            });
            if acked.is_err() || told.send(()).is_err() {
                return;
            }
        }
    });
    say
}

fn about_endpoints() -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment".into(),
        ..DeltaDiscoveryRequest::default()
    }
}

/// All that is read of a response: what is measured is the node, not a client that takes a thousand answers apart.
#[derive(Clone, PartialEq, Message)]
struct Nonce {
    #[prost(string, tag = "5")]
    nonce: String,
}

struct NoncesOnly;

impl Codec for NoncesOnly {
    type Encode = DeltaDiscoveryRequest;
    type Decode = Nonce;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for NoncesOnly {
    type Item = DeltaDiscoveryRequest;
    type Error = Status;

    fn encode(&mut self, request: Self::Item, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        request.encode(to).unwrap();
        Ok(())
    }
}

impl Decoder for NoncesOnly {
    type Item = Nonce;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Nonce>, Status> {
        Ok(Some(Nonce::decode(from).unwrap()))
    }
}

/// A node as large as that of a real Envoy, which names its 516 extensions.
fn envoy() -> Node {
    let extension = Extension {
        name: "envoy.filters.connection_pools.tcp.generic".into(),
        category: "envoy.upstreams".into(),
        type_urls: vec!["envoy.extensions.upstreams.tcp.GenericProto".into()],
        ..Extension::default()
    };
    Node {
        id: "measured".into(),
        cluster: "measured".into(),
        extensions: vec![extension; 516],
        ..Node::default()
    }
}
