//! How many instructions the hot paths take, counted by callgrind: the same on every machine, so that a change that
//! makes one longer is found in CI.
#![expect(
    missing_docs,
    unused_qualifications,
    reason = "gungraun's macros make undocumented functions of qualified names"
)]

#[path = "../in_process/mod.rs"]
mod in_process;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use discovery_bench::fleet::{Fleet, Host, list_path};
use discovery_http::{
    App, AutoIp, Contract, Health, HttpSettings, ListRenderer, Lists, Parts, Rendered, Subject,
    TracingAccessLog, api,
};
use gungraun::{library_benchmark, library_benchmark_group, main};
use in_process::{InProcess, now, registration, service};
use poem::http::Response as HttpResponse;
use poem::{Endpoint as _, Request, Response};
use prometheus_client::registry::Registry as Metrics;
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Everything below the connections.
struct Serving {
    app: App,
    runtime: Runtime,
}

impl Serving {
    fn new(fleet: &Fleet) -> Self {
        let process = InProcess::in_memory(fleet);
        let registry = &process.registry;
        let lists = Arc::new(Lists::new(Arc::clone(registry), renderer()));
        let settings = HttpSettings {
            environment: "production".into(),
            auto_ip: AutoIp::default(),
            body_timeout: Duration::from_secs(10),
            admin_api: false,
        };
        let health = Arc::new(Health::default());
        let operations = api(
            Arc::clone(registry),
            Arc::clone(&lists),
            health,
            settings,
            (),
        );
        let app = App::new(Parts {
            operations,
            contract: Contract::own(),
            lists,
            mounted: Vec::new(),
            clock: process.clock.clone(),
            access_log: Arc::new(TracingAccessLog),
            metrics: Metrics::default(),
            longest_request: Duration::from_secs(20),
        });
        let runtime = Builder::new_current_thread().enable_time().build();
        Self {
            app,
            runtime: runtime.expect("a runtime without I/O"),
        }
    }

    fn answer(&self, request: Request) -> Response {
        self.runtime.block_on(self.app.get_response(request))
    }
}

fn renderer() -> ListRenderer {
    ListRenderer::new("production", 64 << 20)
}

fn fleet(hosts: u32) -> Fleet {
    Fleet::of([("a".to_owned(), hosts)])
}

fn get() -> Request {
    Request::builder()
        .uri_str(list_path("a"))
        .header("host", "localhost")
        .finish()
}

fn heartbeat(host: &Host<'_>) -> Request {
    Request::builder()
        .method(poem::http::Method::POST)
        .uri_str(list_path(host.service))
        .header("host", "localhost")
        .content_type("application/x-www-form-urlencoded")
        .body(host.form())
}

/// A request like one that was answered before.
fn second(hosts: u32, request: impl Fn(&Fleet) -> Request) -> (Serving, Request) {
    let fleet = fleet(hosts);
    let serving = Serving::new(&fleet);
    let answer = serving.answer(request(&fleet));
    assert!(answer.status().is_success(), "{answer:?}");
    (serving, request(&fleet))
}

fn read_again(hosts: u32) -> (Serving, Request) {
    second(hosts, |_| get())
}

fn beat_again(hosts: u32) -> (Serving, Request) {
    second(hosts, |fleet| heartbeat(&fleet.host(0)))
}

/// A list that was read, and of which one host has beaten since.
fn beaten(hosts: u32) -> (InProcess, ListRenderer) {
    let (fleet, renderer) = (fleet(hosts), renderer());
    let process = InProcess::in_memory(&fleet);
    for host in [hosts / 3, hosts / 2] {
        read(&process, &renderer);
        process.check_in(registration(&fleet.host(host)));
    }
    (process, renderer)
}

fn read(process: &InProcess, renderer: &ListRenderer) -> Arc<Rendered> {
    let name = service("a");
    let answer = now(process.registry.hosts_of(&name)).expect("a store in memory never fails");
    renderer.render(&Subject::Service(name), &answer.listing)
}

fn registered(hosts: u32) -> InProcess {
    InProcess::in_memory(&Fleet::zipf(hosts))
}

fn renewed(hosts: u32) -> InProcess {
    let fleet = Fleet::zipf(hosts);
    let process = InProcess::in_memory(&fleet);
    process.renew_all(&fleet);
    process
}

#[library_benchmark]
#[bench::of_100_hosts(args = (100), setup = read_again)]
fn get_hit((serving, request): (Serving, Request)) -> (Serving, HttpResponse<Bytes>) {
    let (method, path) = (request.method(), request.uri().path());
    let list = black_box(serving.app.list_at_hand(method, path, request.headers()));
    (serving, list.expect("it was read before"))
}

#[library_benchmark]
#[bench::in_a_service_of_100(args = (100), setup = beat_again)]
fn heartbeat_as_a_form((serving, request): (Serving, Request)) -> (Serving, Response) {
    let answer = black_box(serving.answer(request));
    (serving, answer)
}

#[library_benchmark]
#[bench::one_of_1000_changed(args = (1_000), setup = beaten)]
fn list_rebuild((process, renderer): (InProcess, ListRenderer)) -> (InProcess, ListRenderer) {
    black_box(read(&process, &renderer));
    (process, renderer)
}

#[library_benchmark]
#[bench::none_expired_of_10000(args = (10_000), setup = registered)]
#[bench::all_of_1000_renewed(args = (1_000), setup = renewed)]
fn sweep(process: InProcess) -> InProcess {
    let (swept, outcome) = black_box(now(process.registry.sweep(100)));
    assert!(swept.is_empty() && outcome.is_ok());
    process
}

library_benchmark_group!(
    name = hot_paths;
    benchmarks = get_hit, heartbeat_as_a_form, list_rebuild, sweep
);

main!(library_benchmark_groups = hot_paths);
