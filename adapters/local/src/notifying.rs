//! A store that says which services this node has changed, for whoever must tell others at once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, HostKey, HostRepository, LeaseInstant, LoadBalancingWeight,
    Reading, Removed, Row, ServiceName, ServiceRepoName, StoreError,
};
use tokio::sync::broadcast;

/// Announces the services whose lists a write through this node has changed, once it is stored. A heartbeat of a
/// listed host is no change, unless a write before it failed that may have been stored all the same. Who falls behind by
/// more than the channel holds must take it that anything has changed.
pub struct Notifying {
    inner: Arc<dyn HostRepository>,
    announce: broadcast::Sender<ServiceName>,
    /// The services of writes that have failed, or nobody waits for any more, since the store last answered one.
    in_doubt: Mutex<HashSet<ServiceName>>,
}

/// A write that may change a service: until it is known what came of it, the service is in doubt.
struct Writing<'a> {
    to: &'a Notifying,
    service: &'a ServiceName,
    is_answered: bool,
}

impl Notifying {
    /// Announces what is written to a store. Nobody needs to listen.
    pub fn new(inner: Arc<dyn HostRepository>, announce: broadcast::Sender<ServiceName>) -> Self {
        Self {
            inner,
            announce,
            in_doubt: Mutex::default(),
        }
    }

    fn changed(&self, service: &ServiceName) {
        // An error says that nobody listens.
        let _ = self.announce.send(service.clone());
    }

    /// Puts a service in doubt until the write that begins now is answered.
    fn begin<'a>(&'a self, service: &'a ServiceName) -> Writing<'a> {
        Writing {
            to: self,
            service,
            is_answered: false,
        }
    }

    fn in_doubt(&self) -> MutexGuard<'_, HashSet<ServiceName>> {
        self.in_doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing<'_> {
    /// The most services that are remembered as in doubt: beyond them lists are read again in their time.
    const MOST_IN_DOUBT: usize = 10_000;

    /// The store has answered: the service is announced if that changed it, or a write before may have.
    fn end(mut self, changed: bool) {
        self.is_answered = true;
        let mut in_doubt = self.to.in_doubt();
        // Most often nothing is, and then a heartbeat need not look.
        let may_have_changed = !in_doubt.is_empty() && in_doubt.remove(self.service);
        drop(in_doubt);
        if changed || may_have_changed {
            self.to.changed(self.service);
        }
    }

    /// It was answered, or refused, before the store was asked.
    fn did_nothing(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        let mut in_doubt = self.to.in_doubt();
        if in_doubt.len() < Self::MOST_IN_DOUBT {
            in_doubt.insert(self.service.clone());
        }
    }
}

#[async_trait]
impl HostRepository for Notifying {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        let asked = check_in.clone();
        let writing = self.begin(asked.key.service());
        let outcome = self.inner.check_in(check_in).await;
        match &outcome {
            Ok(change) if change.recorded => writing.end(!is_heartbeat(&asked, change)),
            Err(error) if error.may_be_done() => drop(writing),
            _ => writing.did_nothing(),
        }
        outcome
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
        let writing = self.begin(key.service());
        let change = self.inner.set_weight(key, weight).await?;
        writing.end(change.as_ref().is_some_and(has_effect));
        Ok(change)
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        let writing = self.begin(service);
        let outcome = self.inner.set_weight_of_service(service, weight).await;
        match &outcome {
            Ok(changes) => writing.end(!changes.is_empty()),
            // Some hosts may have changed.
            Err(_) => self.changed(service),
        }
        outcome
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        let writing = self.begin(key.service());
        let removed = self.inner.delete(key).await?;
        writing.end(removed.is_some());
        Ok(removed)
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        let writing = self.begin(seen.host.key.service());
        let removed = self.inner.delete_unrenewed(seen).await?;
        writing.end(removed);
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

/// Whether it changed no more than the time of a listed host.
fn is_heartbeat(asked: &CheckIn, change: &Change) -> bool {
    change.previous.as_ref().is_some_and(|previous| {
        asked.renews(previous) && previous.host.differs_only_in_check_in(&change.row.host)
    })
}

fn has_effect(change: &Change) -> bool {
    let previous = change.previous.as_ref();
    previous.is_none_or(|previous| previous.host != change.row.host)
}
