//! The port, passed through: reads by way of the lists, writes shown on them at once.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, HostKey, HostRepository, LeaseInstant, LoadBalancingWeight,
    Reading, Removed, Row, ServiceName, ServiceRepoName, StoreError,
};

use super::{Cached, Key};

#[async_trait]
impl HostRepository for Cached {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        let (service, repo) = (
            check_in.key.service().clone(),
            check_in.service_repo_name.clone(),
        );
        let outcome = self.0.inner.check_in(check_in).await;
        match &outcome {
            Ok(change) => self.0.stored(change),
            Err(error) if error.may_be_done() => self.0.doubt(&service, [repo]),
            Err(_) => {}
        }
        outcome
    }

    async fn hosts_of(
        &self,
        service: &ServiceName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        self.read(Key::Service(service.clone()), not_before).await
    }

    fn hosts_at_hand(&self, service: &ServiceName, not_before: LeaseInstant) -> Option<Reading> {
        let entry = self.0.lists.get(&Key::Service(service.clone()))?;
        self.hit(&entry, not_before.max(entry.outdated_at()))
    }

    async fn hosts_of_repo(
        &self,
        repo: &ServiceRepoName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        self.read(Key::Repo(repo.clone()), not_before).await
    }

    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        self.0.inner.get(key).await
    }

    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError> {
        let outcome = self.0.inner.set_weight(key, weight).await;
        match &outcome {
            Ok(change) => change.iter().for_each(|change| self.0.stored(change)),
            Err(StoreError::Busy { .. }) => {}
            Err(_) => self.0.doubt(key.service(), []),
        }
        outcome
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        let outcome = self.0.inner.set_weight_of_service(service, weight).await;
        match &outcome {
            Ok(changes) => changes.iter().for_each(|change| self.0.stored(change)),
            Err(StoreError::Busy { .. }) => {}
            Err(_) => self.0.doubt(service, []),
        }
        outcome
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        let outcome = self.0.inner.delete(key).await;
        match &outcome {
            Ok(Some(removed)) => self.0.removed(key, removed.row.as_ref()),
            // What is not in the store must not stay on a list.
            Ok(None) => self.0.removed(key, None),
            Err(StoreError::Busy { .. }) => {}
            Err(_) => self.0.doubt(key.service(), []),
        }
        outcome
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        let outcome = self.0.inner.delete_unrenewed(seen).await;
        match &outcome {
            Ok(true) => self.0.removed(&seen.host.key, Some(seen)),
            Ok(false) => {}
            Err(_) => self.0.doubt(seen.host.key.service(), []),
        }
        outcome
    }

    async fn renew(&self, seen: &Row, to: &Row) -> Result<bool, StoreError> {
        let outcome = self.0.inner.renew(seen, to).await;
        if !matches!(outcome, Ok(false)) {
            self.0.doubt(
                seen.host.key.service(),
                [seen.host.service_repo_name.clone()],
            );
        }
        outcome
    }

    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        self.0.inner.services().await
    }

    async fn prove(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.0.inner.prove(now).await
    }
}
