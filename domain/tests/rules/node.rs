//! A node over the store in memory, with time in the test's hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, Clock, HostKey, HostRepository, LeaseClock, LeaseInstant,
    Liveness, LoadBalancingWeight, Reading, Registration, Registry, Removed, Row, Rows,
    ServiceName, ServiceRepoName, StoreError, Tags,
};
use discovery_local::InMemoryHostRepository;
use discovery_testkit::ManualClock;
use discovery_testkit::hosts::{self, service};

/// The shortest time there is.
pub(crate) const TICK: Duration = Duration::from_micros(1);

/// One node, and what a test holds of it.
pub(crate) struct Node {
    pub(crate) registry: Registry,
    pub(crate) store: Arc<TestStore>,
    pub(crate) lease: Arc<LeaseClock>,
    pub(crate) clock: Arc<ManualClock>,
}

/// The rules as they are by default, with the TTL of the sample hosts.
pub(crate) fn liveness() -> Liveness {
    Liveness {
        host_ttl: hosts::HOST_TTL,
        guard_minimum_live: 0.5,
    }
}

impl Node {
    pub(crate) fn new() -> Self {
        Self::with(liveness())
    }

    pub(crate) fn with(liveness: Liveness) -> Self {
        let inner = Arc::new(InMemoryHostRepository::new());
        Self::on(inner, ManualClock::new(), liveness)
    }

    fn on(inner: Arc<dyn HostRepository>, clock: Arc<ManualClock>, liveness: Liveness) -> Self {
        let lease = Arc::new(LeaseClock::new(clock.clone() as Arc<dyn Clock>));
        let store = Arc::new(TestStore::over(inner, Arc::clone(&lease)));
        let registry = Registry::new(store.clone(), Arc::clone(&lease), liveness);
        Self {
            registry,
            store,
            lease,
            clock,
        }
    }

    /// Lets time pass by which hosts age.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance_proving(&self.lease, time);
    }

    /// Has a sample host check in.
    pub(crate) async fn register(&self, service: &str, ip: &str) -> Row {
        self.register_with(service, ip, hosts::tags(hosts::REQUIRED_TAGS))
            .await
    }

    /// Has a sample host check in with these tags.
    pub(crate) async fn register_with(&self, service: &str, ip: &str, tags: Tags) -> Row {
        let registration = hosts::registration(service, ip);
        let change = self
            .registry
            .register(Registration {
                tags,
                ..registration
            })
            .await;
        change.expect("a check-in is taken").row
    }

    /// Has hosts `from` to `to`, less one, of a service check in, each a moment after the one before.
    pub(crate) async fn register_many(&self, service: &str, hosts: std::ops::Range<u32>) {
        for number in hosts {
            self.pass(TICK);
            self.register(service, &ip(number)).await;
        }
    }

    /// The addresses on the list of a service.
    pub(crate) async fn listed(&self, name: &str) -> Vec<String> {
        let answer = self.registry.hosts_of(&service(name)).await;
        addresses(&answer.expect("the list is read").listing.listed)
    }

    /// The addresses on the list of a service repo.
    pub(crate) async fn listed_of_repo(&self, name: &str) -> Vec<String> {
        let answer = self.registry.hosts_of_repo(&hosts::repo(name)).await;
        addresses(&answer.expect("the list is read").listing.listed)
    }

    /// The addresses of all rows of a service, listed or not.
    pub(crate) async fn stored(&self, name: &str) -> Vec<String> {
        let reading = self
            .store
            .inner
            .hosts_of(&service(name), LeaseInstant::DISTANT_PAST)
            .await;
        let rows = reading.expect("the rows are read").list;
        rows.rows()
            .iter()
            .map(|row| row.host.key.address().to_string())
            .collect()
    }

    /// Sweeps a moment later until nothing is due, and tells what was removed.
    pub(crate) async fn sweep(&self) -> Vec<String> {
        self.pass(TICK);
        let (swept, outcome) = self.registry.sweep(10_000).await;
        outcome.expect("the sweep goes through");
        swept.iter().map(address).collect()
    }
}

/// The address of the sample host with that number.
pub(crate) fn ip(number: u32) -> String {
    std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string()
}

/// The addresses of the sample hosts with these numbers.
pub(crate) fn ips(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(ip).collect()
}

fn addresses(rows: &Rows) -> Vec<String> {
    rows.iter().map(address).collect()
}

fn address(row: &Row) -> String {
    row.host.key.address().to_string()
}

/// A store that a test can have fail, lag like a cache, and count.
pub(crate) struct TestStore {
    pub(crate) inner: Arc<dyn HostRepository>,
    lease: Arc<LeaseClock>,
    /// Whether every call fails.
    pub(crate) fails: AtomicBool,
    /// Whether the lists of services can't be read.
    pub(crate) lists_fail: AtomicBool,
    /// Whether lists are served as they were last read, unless a newer one is asked for.
    pub(crate) keeps: AtomicBool,
    kept: Mutex<Option<Reading>>,
    /// How many lists were read from the store itself.
    pub(crate) reads: AtomicUsize,
}

impl TestStore {
    fn over(inner: Arc<dyn HostRepository>, lease: Arc<LeaseClock>) -> Self {
        Self {
            inner,
            lease,
            fails: AtomicBool::new(false),
            lists_fail: AtomicBool::new(false),
            keeps: AtomicBool::new(false),
            kept: Mutex::default(),
            reads: AtomicUsize::new(0),
        }
    }

    fn answers(&self) -> Result<(), StoreError> {
        Self::unless(&self.fails)
    }

    fn unless(fails: &AtomicBool) -> Result<(), StoreError> {
        if fails.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable {
                what: "a test has it fail".into(),
                source: None,
            });
        }
        Ok(())
    }

    fn kept(&self, not_before: LeaseInstant) -> Option<Reading> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |reading: &Reading| reading.as_of >= not_before;
        kept.clone()
            .filter(|reading| self.keeps.load(Ordering::Relaxed) && wanted(reading))
    }

    fn keep(&self, reading: Reading) -> Reading {
        if !self.keeps.load(Ordering::Relaxed) {
            return reading;
        }
        let as_of = self.lease.instant();
        let reading = Reading { as_of, ..reading };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading.clone());
        reading
    }
}

#[async_trait]
impl HostRepository for TestStore {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        self.answers()?;
        self.inner.check_in(check_in).await
    }

    async fn hosts_of(
        &self,
        service: &ServiceName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        if let Some(kept) = self.kept(not_before) {
            return Ok(kept);
        }
        self.answers()?;
        Self::unless(&self.lists_fail)?;
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(self.keep(self.inner.hosts_of(service, not_before).await?))
    }

    fn hosts_at_hand(&self, _: &ServiceName, _: LeaseInstant) -> Option<Reading> {
        None
    }

    async fn hosts_of_repo(
        &self,
        repo: &ServiceRepoName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        self.answers()?;
        self.inner.hosts_of_repo(repo, not_before).await
    }

    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        self.answers()?;
        self.inner.get(key).await
    }

    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError> {
        self.answers()?;
        self.inner.set_weight(key, weight).await
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        self.answers()?;
        self.inner.set_weight_of_service(service, weight).await
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        self.answers()?;
        self.inner.delete(key).await
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        self.answers()?;
        self.inner.delete_unrenewed(seen).await
    }

    async fn renew(&self, seen: &Row, to: &Row) -> Result<bool, StoreError> {
        self.answers()?;
        self.inner.renew(seen, to).await
    }

    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        self.answers()?;
        self.inner.services().await
    }

    async fn prove(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.answers()?;
        self.inner.prove(now).await
    }
}
