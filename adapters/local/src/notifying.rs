//! A store that says which services this node has changed, for whoever must tell others at once.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, HostKey, HostRepository, LeaseInstant, LoadBalancingWeight,
    Reading, Removed, Row, ServiceName, ServiceRepoName, StoreError,
};
use tokio::sync::broadcast;

/// Announces the services whose lists a write through this node has changed, once it is stored. A heartbeat of a
/// listed host is no change. Who falls behind by more than the channel holds must take it that anything has changed.
pub struct Notifying {
    inner: Arc<dyn HostRepository>,
    announce: broadcast::Sender<ServiceName>,
}

impl Notifying {
    /// Announces what is written to a store. Nobody needs to listen.
    pub fn new(inner: Arc<dyn HostRepository>, announce: broadcast::Sender<ServiceName>) -> Self {
        Self { inner, announce }
    }

    fn changed(&self, service: &ServiceName) {
        // An error says that nobody listens.
        let _ = self.announce.send(service.clone());
    }
}

#[async_trait]
impl HostRepository for Notifying {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        let asked = check_in.clone();
        let change = self.inner.check_in(check_in).await?;
        let heartbeat = change.previous.as_ref().is_some_and(|previous| {
            asked.renews(previous) && previous.host.differs_only_in_check_in(&change.row.host)
        });
        if !heartbeat {
            self.changed(asked.key.service());
        }
        Ok(change)
    }

    async fn hosts_of(
        &self,
        service: &ServiceName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
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
        self.inner.hosts_of_repo(repo, not_before).await
    }

    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        self.inner.get(key).await
    }

    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError> {
        let change = self.inner.set_weight(key, weight).await?;
        if change.as_ref().is_some_and(has_effect) {
            self.changed(key.service());
        }
        Ok(change)
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        let outcome = self.inner.set_weight_of_service(service, weight).await;
        // After an error some hosts may have changed.
        if outcome.as_ref().map_or(true, |changes| !changes.is_empty()) {
            self.changed(service);
        }
        outcome
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        let removed = self.inner.delete(key).await?;
        if removed.is_some() {
            self.changed(key.service());
        }
        Ok(removed)
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        let removed = self.inner.delete_unrenewed(seen).await?;
        if removed {
            self.changed(seen.host.key.service());
        }
        Ok(removed)
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

fn has_effect(change: &Change) -> bool {
    let previous = change.previous.as_ref();
    previous.is_none_or(|previous| previous.host != change.row.host)
}
