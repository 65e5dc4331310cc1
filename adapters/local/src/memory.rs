//! Hosts that are kept for as long as the process lives.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, HostKey, HostList, HostRepository, LeaseInstant,
    LoadBalancingWeight, Reading, Removed, Row, ServiceName, ServiceRepoName, StoreError,
};

use crate::table::Table;
use crate::write;

/// Keeps hosts in memory, and nothing of them beyond the process.
pub struct InMemoryHostRepository(Table);

impl InMemoryHostRepository {
    /// A store without hosts.
    pub fn new() -> Self {
        Self(Table::new())
    }
}

impl Default for InMemoryHostRepository {
    fn default() -> Self {
        Self::new()
    }
}

/// A list that no other process can have changed.
pub(crate) fn current(list: Arc<HostList>) -> Reading {
    Reading {
        list,
        as_of: LeaseInstant::DISTANT_FUTURE,
        stale: None,
    }
}

#[async_trait]
impl HostRepository for InMemoryHostRepository {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        let key = check_in.key.clone();
        let change = self.0.write(&key, |found| write::check_in(check_in, found));
        change.map_err(CheckInError::Tags)
    }

    async fn hosts_of(
        &self,
        service: &ServiceName,
        _: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        Ok(current(self.0.hosts_of(service)))
    }

    fn hosts_at_hand(&self, service: &ServiceName, _: LeaseInstant) -> Option<Reading> {
        Some(current(self.0.hosts_of(service)))
    }

    async fn hosts_of_repo(
        &self,
        repo: &ServiceRepoName,
        _: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        Ok(current(self.0.hosts_of_repo(repo)))
    }

    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        Ok(self.0.row(key))
    }

    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError> {
        Ok(self.0.write(key, |found| write::set_weight(weight, found)))
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        Ok(self
            .0
            .replace_all(service, |row| write::weighted(row, weight)))
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        Ok(self.0.write(key, write::delete))
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        let key = &seen.host.key;
        Ok(self
            .0
            .write(key, |found| write::delete_unrenewed(seen, found)))
    }

    async fn renew(&self, seen: &Row, to: &Row) -> Result<bool, StoreError> {
        let key = &seen.host.key;
        Ok(self.0.write(key, |found| write::renew(seen, to, found)))
    }

    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        Ok(self.0.services())
    }

    async fn prove(&self, _: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(None)
    }
}
