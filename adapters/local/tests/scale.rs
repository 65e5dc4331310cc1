//! What a million hosts cost. Run with
//! `cargo test --release -p discovery-local --test scale -- --ignored --nocapture --test-threads 1`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{CheckIn, Clock, HostRepository, LeaseClock, LeaseInstant};
use discovery_local::{InFileHostRepository, InMemoryHostRepository, SystemClock};
use discovery_testkit::hosts::{check_in, realistic_registration, repo, service};
use tokio::task::JoinSet;

const SERVICES: u32 = 10_000;
const HOSTS_OF_EACH: u32 = 100;
const HOSTS: u32 = SERVICES * HOSTS_OF_EACH;

/// Says what was measured, for whoever reads the figures.
#[expect(clippy::print_stdout, reason = "these tests are run to be read")]
fn say(what: &str) {
    println!("{what}");
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux tells the memory");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    4096_u64 * pages.unwrap_or(0)
}

/// How long this thread has run, whatever else the machine does.
fn cpu() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat");
    let schedstat = schedstat.expect("Linux tells the time of a thread");
    let running = schedstat.split(' ').next();
    Duration::from_nanos(running.and_then(|time| time.parse().ok()).unwrap_or(0))
}

fn since(began: Duration) -> Duration {
    cpu().saturating_sub(began)
}

fn lease() -> Arc<LeaseClock> {
    Arc::new(LeaseClock::new(Arc::new(SystemClock::new())))
}

fn check_ins(service: &str, hosts: u32, lease: &LeaseClock) -> Vec<CheckIn> {
    let check_in = |number| check_in(realistic_registration(service, number), lease.now());
    (0..hosts).map(check_in).collect()
}

/// The CPU time of one check-in.
async fn beat(store: &dyn HostRepository, check_ins: Vec<CheckIn>) -> Duration {
    let (began, count) = (
        cpu(),
        u32::try_from(check_ins.len()).expect("a small number"),
    );
    for check_in in check_ins {
        let answer = store.check_in(check_in).await;
        answer.expect("the store takes check-ins");
    }
    since(began) / count
}

async fn read(store: &dyn HostRepository, name: &str) {
    let (past, began) = (LeaseInstant::DISTANT_PAST, cpu());
    let list = store.hosts_of(&service(name), past).await;
    let length = list.expect("the store lists hosts").list.rows().len();
    let (of_service, began) = (since(began), cpu());
    let list = store
        .hosts_of_repo(&repo(&format!("{name}-repo")), past)
        .await;
    list.expect("the store lists hosts");
    let of_repo = since(began);
    say(&format!(
        "a list of {length} hosts: {of_service:?}, by repo {of_repo:?}"
    ));
}

#[tokio::test]
#[ignore = "takes a release build and a gigabyte"]
async fn a_million_hosts_take_at_most_600_bytes_each() {
    let (before, lease, store) = (resident(), lease(), InMemoryHostRepository::new());
    for number in 0..SERVICES {
        let check_ins = check_ins(&format!("service-{number}"), HOSTS_OF_EACH, &lease);
        beat(&store, check_ins).await;
    }
    let each = (resident() - before) / u64::from(HOSTS);
    say(&format!("{each} bytes a host"));
    assert!(each <= 600, "{each} bytes a host");
    for number in 0..SERVICES {
        let name = service(&format!("service-{number}"));
        let list = store.hosts_of(&name, LeaseInstant::DISTANT_PAST).await;
        list.expect("the store lists hosts");
        beat(&store, check_ins(name.as_str(), HOSTS_OF_EACH, &lease)).await;
    }
    let each = (resident() - before) / u64::from(HOSTS);
    say(&format!(
        "{each} bytes a host after each list was read and each host beat"
    ));
    read(&store, "service-1").await;
    read(&store, "service-1").await;
}

#[tokio::test]
#[ignore = "takes a release build"]
async fn a_check_in_costs_much_the_same_in_any_service() {
    let (lease, store) = (lease(), InMemoryHostRepository::new());
    beat(&store, check_ins("small", 10, &lease)).await;
    beat(&store, check_ins("big", 100_000, &lease)).await;
    let rounds = (0..10_000).flat_map(|_| check_ins("small", 10, &lease));
    let small = beat(&store, rounds.collect()).await;
    let big = beat(&store, check_ins("big", 100_000, &lease)).await;
    say(&format!(
        "a check-in: {small:?} in a service of 10, {big:?} in one of 100,000"
    ));
    read(&store, "big").await;
    read(&store, "big").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a release build"]
async fn sixty_four_connections_write_ten_times_as_fast_as_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(open(&folder.path().join("hosts.redb")).0);
    let (clock, lease) = (SystemClock::new(), lease());
    let mut rates = Vec::new();
    for connections in [1_u32, 64] {
        let (began, mut calls) = (clock.monotonic(), JoinSet::new());
        for connection in 0..connections {
            let check_ins = check_ins(&format!("service-{connection}"), 1000, &lease);
            let store = Arc::clone(&store);
            calls.spawn(async move { beat(&*store, check_ins).await });
        }
        calls.join_all().await;
        let took = clock.monotonic().saturating_sub(began);
        rates.push(f64::from(connections) * 1000.0 / took.as_secs_f64());
    }
    say(&format!(
        "{:.0} a second by one connection, {:.0} by 64",
        rates[0], rates[1]
    ));
    assert!(rates[1] >= 10.0 * rates[0], "{rates:?}");
}

fn open(path: &Path) -> (InFileHostRepository, Duration) {
    let began = cpu();
    let repository = InFileHostRepository::open(path, lease(), Arc::new(SystemClock::new()));
    (repository.expect("the file opens"), since(began))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a release build and a gigabyte"]
async fn the_file_of_a_million_hosts_opens_within_three_seconds() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("hosts.redb");
    let (store, lease) = (Arc::new(open(&path).0), lease());
    for number in 0..SERVICES {
        let mut calls = JoinSet::new();
        for check_in in check_ins(&format!("service-{number}"), HOSTS_OF_EACH, &lease) {
            let store = Arc::clone(&store);
            calls.spawn(async move { store.check_in(check_in).await });
        }
        for answer in calls.join_all().await {
            answer.expect("the store takes check-ins");
        }
    }
    let copy = folder.path().join("killed");
    std::fs::copy(&path, &copy).expect("the file is copied");
    drop(store);
    let (length, before) = (
        std::fs::metadata(&path).expect("the file is there").len(),
        resident(),
    );
    let (store, closed) = open(&path);
    let each = resident().saturating_sub(before) / u64::from(HOSTS);
    say(&format!(
        "{closed:?} to open {length} bytes, {each} bytes a host more than before"
    ));
    drop(store);
    let (store, killed) = open(&copy);
    say(&format!("{killed:?} to open it after a kill"));
    let services = store
        .services()
        .await
        .expect("the store names its services");
    assert_eq!(services.len(), SERVICES as usize);
    assert!(
        closed.max(killed) < Duration::from_secs(3),
        "{closed:?}, {killed:?}"
    );
}
