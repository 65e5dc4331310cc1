//! What a store is asked, and how it answers, in figures.

mod metrics;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, Clock, HostKey, HostRepository, LeaseInstant,
    LoadBalancingWeight, Reading, Removed, Row, ServiceName, ServiceRepoName, StoreError,
};

pub use metrics::StoreMetrics;
use metrics::{Call, Operation};

/// Counts and times every call of a store.
pub struct Metered {
    inner: Arc<dyn HostRepository>,
    metrics: StoreMetrics,
    clock: Arc<dyn Clock>,
}

impl Metered {
    /// Puts the counters in front of a store.
    pub fn new(
        inner: Arc<dyn HostRepository>,
        metrics: StoreMetrics,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            inner,
            metrics,
            clock,
        }
    }

    async fn call<T, E: Failure>(
        &self,
        operation: Operation,
        answer: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let began = self.clock.monotonic();
        let answer = answer.await;
        let failed = answer.as_ref().is_err_and(Failure::is_of_store);
        let took: Duration = self.clock.monotonic().saturating_sub(began);
        self.metrics.called(operation, &Call { took, failed });
        answer
    }
}

/// An error that may or may not be the store's own.
trait Failure {
    fn is_of_store(&self) -> bool;
}

impl Failure for StoreError {
    fn is_of_store(&self) -> bool {
        true
    }
}

impl Failure for CheckInError {
    fn is_of_store(&self) -> bool {
        matches!(self, Self::Store(_))
    }
}

#[async_trait]
impl HostRepository for Metered {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        let answer = self.inner.check_in(check_in);
        self.call(Operation::CheckIn, answer).await
    }

    async fn hosts_of(
        &self,
        service: &ServiceName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        let answer = self.inner.hosts_of(service, not_before);
        self.call(Operation::HostsOf, answer).await
    }

    fn hosts_at_hand(&self, service: &ServiceName, not_before: LeaseInstant) -> Option<Reading> {
        self.inner.hosts_at_hand(service, not_before)
    }

    async fn hosts_of_repo(
        &self,
        repo: &ServiceRepoName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        let answer = self.inner.hosts_of_repo(repo, not_before);
        self.call(Operation::HostsOfRepo, answer).await
    }

    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        self.call(Operation::Get, self.inner.get(key)).await
    }

    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError> {
        let answer = self.inner.set_weight(key, weight);
        self.call(Operation::SetWeight, answer).await
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        let answer = self.inner.set_weight_of_service(service, weight);
        self.call(Operation::SetWeightOfService, answer).await
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        self.call(Operation::Delete, self.inner.delete(key)).await
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        let answer = self.inner.delete_unrenewed(seen);
        self.call(Operation::DeleteUnrenewed, answer).await
    }

    async fn renew(&self, seen: &Row, to: &Row) -> Result<bool, StoreError> {
        self.call(Operation::Renew, self.inner.renew(seen, to))
            .await
    }

    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        self.call(Operation::Services, self.inner.services()).await
    }

    async fn prove(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.call(Operation::Prove, self.inner.prove(now)).await
    }
}
