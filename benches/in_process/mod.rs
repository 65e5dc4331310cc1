//! The registry without a socket: what the benchmarks measure inside one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use discovery_bench::fleet::{Fleet, Host, REVISION};
use discovery_domain::{
    Clock, HostAddress, HostKey, HostRepository, LeaseClock, Liveness, Port, Registration,
    Registry, Revision, ServiceName, ServiceRepoName, Tags,
};
use discovery_local::InMemoryHostRepository;

/// The TTL of all hosts.
const HOST_TTL: Duration = Duration::from_mins(10);

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub(crate) struct StoppedClock(AtomicU64);

impl StoppedClock {
    /// Lets time pass.
    pub(crate) fn advance(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).expect("benchmarks are short");
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for StoppedClock {
    fn wall(&self) -> DateTime<Utc> {
        const START: Duration = Duration::from_secs(1_795_352_212);
        DateTime::UNIX_EPOCH + START + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// A registry over a store, and the clock of both.
pub(crate) struct InProcess {
    pub(crate) registry: Arc<Registry>,
    lease: Arc<LeaseClock>,
    pub(crate) clock: Arc<StoppedClock>,
}

impl InProcess {
    /// A registry that keeps a fleet in memory.
    pub(crate) fn in_memory(fleet: &Fleet) -> Self {
        let clock = Arc::new(StoppedClock::default());
        let lease = Arc::new(LeaseClock::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let store: Arc<dyn HostRepository> = Arc::new(InMemoryHostRepository::new());
        let liveness = Liveness {
            host_ttl: HOST_TTL,
            guard_minimum_live: 0.5,
        };
        let registry = Arc::new(Registry::new(store, Arc::clone(&lease), liveness));
        let this = Self {
            registry,
            lease,
            clock,
        };
        for number in 0..fleet.hosts() {
            this.check_in(registration(&fleet.host(number)));
        }
        this
    }

    /// Has every host check in twice, so that its service is looked at for what it said first.
    pub(crate) fn renew_all(&self, fleet: &Fleet) {
        for _ in 0..2 {
            self.pass(HOST_TTL / 2);
            for number in 0..fleet.hosts() {
                self.check_in(registration(&fleet.host(number)));
            }
        }
    }

    /// Lets time pass by which hosts age.
    fn pass(&self, time: Duration) {
        let end = self.clock.monotonic() + time;
        while self.clock.monotonic() < end {
            self.clock.advance(LeaseClock::LONGEST_GAP);
            self.lease.prove();
        }
    }

    /// Has a host check in, a microsecond after the one before.
    pub(crate) fn check_in(&self, registration: Registration) {
        self.clock.advance(Duration::from_micros(1));
        let registered = now(self.registry.register(registration));
        registered.expect("a store in memory takes every valid host");
    }
}

/// What a host says of itself.
pub(crate) fn registration(host: &Host<'_>) -> Registration {
    let repo = format!("{}-repo", host.service);
    Registration {
        key: HostKey::new(
            service(host.service),
            HostAddress::from(std::net::IpAddr::from(host.ip())),
        ),
        service_repo_name: ServiceRepoName::parse(&repo).expect("a short name"),
        port: Port::parse("8080").expect("a port"),
        revision: Revision::parse(REVISION).expect("a short revision"),
        tags: Tags::parse(&host.tags()).expect("all required tags"),
    }
}

/// The name of a service.
pub(crate) fn service(name: &str) -> ServiceName {
    ServiceName::parse(name).expect("a short name")
}

/// The outcome of what never has to wait.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(outcome) => outcome,
        std::task::Poll::Pending => panic!("a store in memory never waits"),
    }
}
