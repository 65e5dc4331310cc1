//! A store that is not asked more than it can do.

mod lane;
mod metrics;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, Clock, HostKey, HostRepository, LeaseInstant,
    LoadBalancingWeight, Reading, Removed, Row, ServiceName, ServiceRepoName, StoreError,
};

use lane::Lane;
pub use metrics::BoundsMetrics;
use metrics::Kind;

/// How much a store may be asked at a time.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most check-ins under way.
    pub requests: usize,
    /// The most check-ins that wait beyond those.
    pub waiting: usize,
}

/// A store with a bound on what is asked of it at a time and on what waits for that; more is refused at once, before
/// anything is done. Each kind of request has its own lane, so that none keeps out another: neither a flood of readers
/// nor one of weights costs a heartbeat, and an operator gets through while all heartbeats come at once. Check-ins,
/// which nobody should lose, have the widest lane and the longest queue; changes and lists have a quarter of either.
/// What the node does by itself passes: it is one call at a time.
pub struct Bounded {
    inner: Arc<dyn HostRepository>,
    check_ins: Lane,
    changes: Lane,
    lists: Lane,
}

impl Bounded {
    /// Puts bounds in front of a store.
    pub fn new(
        inner: Arc<dyn HostRepository>,
        bounds: Bounds,
        metrics: &BoundsMetrics,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let lane = |kind, bounds| Lane::new(bounds, metrics.of(kind), Arc::clone(clock));
        Self {
            inner,
            check_ins: lane(Kind::CheckIns, bounds),
            changes: lane(Kind::Changes, bounds.quarter()),
            lists: lane(Kind::Lists, bounds.quarter()),
        }
    }
}

impl Bounds {
    /// The most requests of all kinds under way.
    pub fn all_requests(self) -> usize {
        self.requests + 2 * self.quarter().requests
    }

    fn quarter(self) -> Self {
        Self {
            requests: (self.requests / 4).max(1),
            waiting: self.waiting / 4,
        }
    }
}

#[async_trait]
impl HostRepository for Bounded {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        let _place = self.check_ins.place().await?;
        self.inner.check_in(check_in).await
    }

    async fn hosts_of(
        &self,
        service: &ServiceName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        let _place = self.lists.place().await?;
        self.inner.hosts_of(service, not_before).await
    }

    fn hosts_at_hand(&self, service: &ServiceName, not_before: LeaseInstant) -> Option<Reading> {
        self.inner.hosts_at_hand(service, not_before)
    }

    async fn hosts_of_repo(
        &self,
        repo: &ServiceRepoName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        let _place = self.lists.place().await?;
        self.inner.hosts_of_repo(repo, not_before).await
    }

    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        let _place = self.lists.place().await?;
        self.inner.get(key).await
    }

    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError> {
        let _place = self.changes.place().await?;
        self.inner.set_weight(key, weight).await
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        let _place = self.changes.place().await?;
        self.inner.set_weight_of_service(service, weight).await
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        let _place = self.changes.place().await?;
        self.inner.delete(key).await
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        self.inner.delete_unrenewed(seen).await
    }

    async fn renew(&self, seen: &Row, to: &Row) -> Result<bool, StoreError> {
        self.inner.renew(seen, to).await
    }

    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        self.inner.services().await
    }

    async fn prove(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.inner.prove(now).await
    }
}
