//! What a million hosts cost. Run with `cargo test --release -p discovery-local --test scale -- --ignored --nocapture
//! --test-threads 1`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Clock, HostRepository, LeaseClock, LeaseInstant};
use discovery_local::{InFileHostRepository, InMemoryHostRepository, SystemClock};
use discovery_testkit::hosts::{check_in, realistic_registration, repo, service};

const SERVICES: u32 = 10_000;
const HOSTS_OF_EACH: u32 = 100;

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

fn clocks() -> (Arc<SystemClock>, Arc<LeaseClock>) {
    let clock = Arc::new(SystemClock::new());
    (clock.clone(), Arc::new(LeaseClock::new(clock)))
}

/// The time one round of check-ins takes, per host.
async fn beat(
    store: &dyn HostRepository,
    lease: &LeaseClock,
    clock: &dyn Clock,
    service: &str,
    hosts: u32,
) -> Duration {
    let began = clock.monotonic();
    for number in 0..hosts {
        let registration = realistic_registration(service, number);
        let answer = store.check_in(check_in(registration, lease.now())).await;
        answer.expect("the store takes check-ins");
    }
    clock.monotonic().saturating_sub(began) / hosts
}

#[tokio::test]
#[ignore = "takes a release build and a gigabyte"]
async fn a_million_hosts_take_at_most_600_bytes_each_and_a_check_in_costs_the_same_in_any_service()
{
    let (clock, lease) = clocks();
    let (before, store) = (resident(), InMemoryHostRepository::new());
    let began = clock.monotonic();
    for number in 0..SERVICES {
        beat(
            &store,
            &lease,
            &*clock,
            &format!("service-{number}"),
            HOSTS_OF_EACH,
        )
        .await;
    }
    let took = clock.monotonic().saturating_sub(began);
    let each = (resident() - before) / u64::from(SERVICES * HOSTS_OF_EACH);
    say(&format!("{took:?} to register, {each} bytes a host"));
    assert!(each <= 600, "{each} bytes a host");
    let small = beat(&store, &lease, &*clock, "service-1", 10).await;
    beat(&store, &lease, &*clock, "big", 100_000).await;
    let small = small.min(beat(&store, &lease, &*clock, "service-1", 100).await);
    let big = beat(&store, &lease, &*clock, "big", 100_000).await;
    say(&format!(
        "a check-in: {small:?} in a service of 100, {big:?} in one of 100,000"
    ));
    for name in ["service-1", "big", "big"] {
        let began = clock.monotonic();
        let list = store
            .hosts_of(&service(name), LeaseInstant::DISTANT_PAST)
            .await;
        let length = list.expect("the store lists hosts").list.rows().len();
        let took = clock.monotonic().saturating_sub(began);
        say(&format!("a list of {length} hosts of {name}: {took:?}"));
        let began = clock.monotonic();
        let repo = repo(&format!("{name}-repo"));
        let list = store.hosts_of_repo(&repo, LeaseInstant::DISTANT_PAST).await;
        list.expect("the store lists hosts");
        let took = clock.monotonic().saturating_sub(began);
        say(&format!("the list of its repo: {took:?}"));
    }
    let began = clock.monotonic();
    for number in 0..SERVICES {
        let name = service(&format!("service-{number}"));
        let list = store.hosts_of(&name, LeaseInstant::DISTANT_PAST).await;
        list.expect("the store lists hosts");
    }
    let each = (resident() - before) / u64::from(SERVICES * HOSTS_OF_EACH + 100_000);
    let took = clock.monotonic().saturating_sub(began);
    say(&format!("all lists read: {took:?}, {each} bytes a host"));
}

fn open(path: &Path) -> (InFileHostRepository, Duration) {
    let (clock, lease) = clocks();
    let began = clock.monotonic();
    let repository = InFileHostRepository::open(path, lease, clock.clone());
    let repository = repository.expect("the file opens");
    (repository, clock.monotonic().saturating_sub(began))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a release build and a gigabyte"]
async fn a_file_of_a_million_hosts_opens_within_three_seconds() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("hosts.redb");
    let (repository, _) = open(&path);
    let repository = Arc::new(repository);
    let (_, lease) = clocks();
    for number in 0..SERVICES {
        let mut calls = tokio::task::JoinSet::new();
        for host in 0..HOSTS_OF_EACH {
            let registration = realistic_registration(&format!("service-{number}"), host);
            let (repository, at) = (Arc::clone(&repository), lease.now());
            calls.spawn(async move { repository.check_in(check_in(registration, at)).await });
        }
        while let Some(answer) = calls.join_next().await {
            answer
                .expect("a check-in ends")
                .expect("the store takes check-ins");
        }
    }
    let before = resident();
    say(&format!("{before} bytes resident with the file full"));
    let copy = folder.path().join("killed");
    std::fs::copy(&path, &copy).expect("the file is copied");
    repository.close().await;
    drop(repository);
    let length = std::fs::metadata(&path).expect("the file is there").len();
    let before = resident();
    let (repository, took) = open(&path);
    let each = resident().saturating_sub(before) / u64::from(SERVICES * HOSTS_OF_EACH);
    say(&format!(
        "{took:?} to open {length} bytes, {each} bytes a host more than before"
    ));
    drop(repository);
    let (repository, after_kill) = open(&copy);
    say(&format!("{after_kill:?} to open it after a kill"));
    let services = repository
        .services()
        .await
        .expect("the store names its services");
    assert_eq!(services.len(), SERVICES as usize);
    for took in [took, after_kill] {
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a release build"]
async fn sixty_four_connections_write_ten_times_as_fast_as_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (repository, _) = open(&folder.path().join("hosts.redb"));
    let repository = Arc::new(repository);
    let mut rates = Vec::new();
    for connections in [1_u32, 64] {
        let (clock, lease) = clocks();
        let began = clock.monotonic();
        let mut calls = tokio::task::JoinSet::new();
        for connection in 0..connections {
            let (repository, lease) = (Arc::clone(&repository), Arc::clone(&lease));
            calls.spawn(async move {
                for number in 0..1000 {
                    let registration = realistic_registration("web", connection * 1000 + number);
                    let answer = repository
                        .check_in(check_in(registration, lease.now()))
                        .await;
                    answer.expect("the store takes check-ins");
                }
            });
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
