//! The rows of a store that keeps them in this process, indexed by service and by service repo.
//!
//! A write costs the same whatever the size of its service: it changes one entry of a sorted map and marks the list
//! that readers share as outdated; the next reader builds the next one. Locks are taken in one order: the shard of a
//! service, the service, the shard of its repo.

mod repos;
mod service;

use std::array;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use discovery_domain::{Change, HostKey, HostList, Row, ServiceName, ServiceRepoName};

use crate::write::{Found, Write};
use repos::Repos;
use service::Service;

/// How many locks share the services, and how many share the repos.
const SHARDS: usize = 64;

/// All rows.
pub(crate) struct Table {
    services: Shards<RwLock<HashMap<ServiceName, Arc<Service>>>>,
    repos: Repos,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new() -> Self {
        Self {
            services: Shards::new(),
            repos: Repos::new(),
        }
    }

    /// Makes of a host's row what `call` says, in one step, and returns its answer.
    pub(crate) fn write<T>(&self, key: &HostKey, call: impl FnOnce(Found<'_>) -> (Write, T)) -> T {
        let services = self.read(key.service());
        if let Some(service) = services.get(key.service()) {
            let (answer, emptied) = service.write(key, call, &self.repos);
            drop(services);
            if emptied {
                self.forget_if_empty(key.service());
            }
            return answer;
        }
        drop(services);
        let mut services = self.write_shard(key.service());
        let service = services.entry(key.service().clone()).or_default();
        let (answer, _) = service.write(key, call, &self.repos);
        if service.is_empty() {
            services.remove(key.service());
        }
        answer
    }

    /// Replaces the rows of a service that `change` changes, all in one step; their hosts keep their repos.
    pub(crate) fn replace_all(
        &self,
        service: &ServiceName,
        change: impl Fn(&Row) -> Option<Change>,
    ) -> Vec<Change> {
        let services = self.read(service);
        services
            .get(service)
            .map_or_else(Vec::new, |service| service.replace_all(change))
    }

    /// Takes all rows of a service that has none yet.
    pub(crate) fn fill(&self, service: &ServiceName, rows: Vec<Row>) {
        let filled = Service::of(rows, &self.repos);
        self.write_shard(service)
            .insert(service.clone(), Arc::new(filled));
    }

    /// A host's row.
    pub(crate) fn row(&self, key: &HostKey) -> Option<Row> {
        self.read(key.service()).get(key.service())?.row(key)
    }

    /// The rows of a service, for once.
    pub(crate) fn rows_of(&self, service: &ServiceName) -> Vec<Row> {
        let known = self.read(service).get(service).cloned();
        known.map_or_else(Vec::new, |service| service.rows())
    }

    /// The row of any host of a service.
    pub(crate) fn any_row(&self, service: &ServiceName) -> Option<Row> {
        self.read(service).get(service)?.any_row()
    }

    /// The rows of a service; the same list as before while none has changed.
    pub(crate) fn hosts_of(&self, service: &ServiceName) -> Arc<HostList> {
        let known = self.read(service).get(service).cloned();
        known.map_or_else(Arc::default, |service| service.list())
    }

    /// The rows of a service repo; the same list as before while none of its services' rows has changed.
    pub(crate) fn hosts_of_repo(&self, repo: &ServiceRepoName) -> Arc<HostList> {
        self.repos.list(repo, |service| self.hosts_of(service))
    }

    /// Every service that has a row.
    pub(crate) fn services(&self) -> Vec<ServiceName> {
        let shards = self.services.all().iter();
        shards
            .flat_map(|shard| {
                let services = shard.read().unwrap_or_else(PoisonError::into_inner);
                services.keys().cloned().collect::<Vec<_>>()
            })
            .collect()
    }

    /// Forgets a service without rows. While its shard is locked for writing nobody can be adding one.
    fn forget_if_empty(&self, service: &ServiceName) {
        let mut services = self.write_shard(service);
        if services.get(service).is_some_and(|known| known.is_empty()) {
            services.remove(service);
        }
    }

    fn read(
        &self,
        service: &ServiceName,
    ) -> RwLockReadGuard<'_, HashMap<ServiceName, Arc<Service>>> {
        let shard = self.services.of(service);
        shard.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_shard(
        &self,
        service: &ServiceName,
    ) -> RwLockWriteGuard<'_, HashMap<ServiceName, Arc<Service>>> {
        let shard = self.services.of(service);
        shard.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Several of a thing, of which each name has its own, so that few calls wait for one another.
struct Shards<T> {
    shards: [T; SHARDS],
    hasher: RandomState,
}

impl<T: Default> Shards<T> {
    fn new() -> Self {
        Self {
            shards: array::from_fn(|_| T::default()),
            hasher: RandomState::new(),
        }
    }

    fn of(&self, name: &impl Hash) -> &T {
        let hash = self.hasher.hash_one(name) % SHARDS as u64;
        &self.shards[usize::try_from(hash).expect("the number of a shard is small")]
    }

    fn all(&self) -> &[T] {
        &self.shards
    }
}
