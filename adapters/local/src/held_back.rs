//! Heartbeats that say nothing new, stored now and then instead of each time (liveness rule 15).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, Clock, HostKey, HostList, HostRepository, LeaseInstant,
    LoadBalancingWeight, Reading, Removed, Row, ServiceName, ServiceRepoName, StoreError,
};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};

/// A store that is spared most heartbeats: one that changes nothing but its time is acknowledged at once and stored
/// when `interval` has passed since the last stored one, by a timer or at the stop. Saves nearly all the write costs
/// of a large fleet; the promise then holds for hosts that beat at least every TTL less the interval.
pub struct HeldBack {
    inner: Arc<dyn HostRepository>,
    interval: Duration,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is known of every host, by its service.
    services: HashMap<ServiceName, HashMap<HostKey, Known>>,
    /// How often something was done to rows otherwise than by check-ins: a check-in that was under way meanwhile does
    /// not know what is stored.
    changes: u64,
}

/// A host whose heartbeats may be held back.
struct Known {
    /// What the store has.
    stored: Row,
    /// When it was stored, by the monotonic clock.
    stored_at: Duration,
    /// The newest heartbeat since, where there was one.
    held: Option<Row>,
}

impl Known {
    fn latest(&self) -> &Row {
        self.held.as_ref().unwrap_or(&self.stored)
    }
}

impl HeldBack {
    /// How many heartbeats are stored at a time, so that a stop need not wait for one after the other.
    const AT_A_TIME: usize = 64;
    /// How many lists are looked at again at a time: readers are served first.
    const LOOKS_AT_A_TIME: usize = 4;

    /// Holds back heartbeats for up to `interval`.
    pub fn new(inner: Arc<dyn HostRepository>, interval: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner,
            interval,
            clock,
            state: Mutex::default(),
        }
    }

    /// Stores what has been held back for the whole interval. Called every second or so.
    pub async fn store_due(&self) -> Result<(), StoreError> {
        self.store_held(self.interval).await
    }

    /// Stores everything that is held back, as before a stop.
    pub async fn store_all(&self) -> Result<(), StoreError> {
        self.store_held(Duration::ZERO).await
    }

    /// Takes in that other nodes have changed services: what is held back of hosts that are gone or changed by then is
    /// given up, so that the next heartbeat of such a host is stored.
    pub async fn changed_elsewhere(&self, services: &BTreeSet<ServiceName>) {
        let known = |service: &&ServiceName| self.state().services.contains_key(*service);
        let known: Vec<_> = services.iter().filter(known).cloned().collect();
        self.look_again(known).await;
    }

    /// The same where nobody knows which services have changed.
    pub async fn anything_changed_elsewhere(&self) {
        let known = self.state().services.keys().cloned().collect();
        self.look_again(known).await;
    }

    async fn look_again(&self, services: Vec<ServiceName>) {
        let looks =
            stream::iter(services).for_each_concurrent(Self::LOOKS_AT_A_TIME, async |service| {
                // Where it can't be read, its hosts are found gone when their heartbeats are stored again.
                let _ = self.hosts_of(&service, LeaseInstant::DISTANT_FUTURE).await;
            });
        looks.await;
    }

    async fn store_held(&self, since: Duration) -> Result<(), StoreError> {
        let due = stream::iter(self.due(since).into_iter().map(Ok));
        due.try_for_each_concurrent(Self::AT_A_TIME, async |(stored, held)| {
            let renewed = self.inner.renew(&stored, &held).await?;
            self.settle(&stored, renewed.then_some(held));
            Ok(())
        })
        .await
    }

    /// Stores what is held back of a host and holds back no more, before something is done that depends on what is
    /// stored: a heartbeat that comes meanwhile is stored itself.
    async fn release(&self, key: &HostKey) -> Result<(), StoreError> {
        let known = self.state().forget(key);
        self.store_now(known.into_iter().collect()).await
    }

    async fn release_all(&self, service: &ServiceName) -> Result<(), StoreError> {
        let hosts = self.state().forget_all(service);
        self.store_now(hosts.into_values().collect()).await
    }

    /// Stores what is held back of some hosts; after an error, what is not stored is held back as before.
    async fn store_now(&self, mut hosts: Vec<Known>) -> Result<(), StoreError> {
        hosts.retain(|known| known.held.is_some());
        while !hosts.is_empty() {
            let batch = hosts.drain(..hosts.len().min(Self::AT_A_TIME));
            let stored = join_all(batch.map(|known| self.store_one(known))).await;
            let failed: Vec<_> = stored.into_iter().filter_map(Result::err).collect();
            if let Some((_, error)) = failed.first() {
                let error = error.clone();
                hosts.extend(failed.into_iter().map(|(known, _)| known));
                self.state().put_back(hosts);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn store_one(&self, known: Known) -> Result<(), (Known, StoreError)> {
        let Some(held) = &known.held else {
            return Ok(());
        };
        match self.inner.renew(&known.stored, held).await {
            Ok(_renewed_or_gone) => Ok(()),
            Err(error) => Err((known, error)),
        }
    }

    /// What the store has and what is held back, of every host whose last stored heartbeat is that old.
    fn due(&self, since: Duration) -> Vec<(Row, Row)> {
        let now = self.clock.monotonic();
        let state = self.state();
        let hosts = state.services.values().flat_map(HashMap::values);
        let due = hosts.filter(|known| now.saturating_sub(known.stored_at) >= since);
        due.filter_map(|known| Some((known.stored.clone(), known.held.clone()?)))
            .collect()
    }

    /// Notes that a held heartbeat was stored, or that its row is gone or changed. One that came meanwhile stays held.
    fn settle(&self, stored: &Row, renewed: Option<Row>) {
        let (now, key) = (self.clock.monotonic(), &stored.host.key);
        let mut state = self.state();
        let known = state.known_mut(key);
        let Some(known) = known.filter(|known| known.stored.host == stored.host) else {
            return;
        };
        if let Some(row) = renewed {
            known.held.take_if(|held| held.renewed <= row.renewed);
            known.stored = row;
            known.stored_at = now;
        } else {
            state.forget(key);
        }
    }

    /// Stores a check-in, over what is held back of its host.
    async fn store(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        let key = check_in.key.clone();
        let (held, changes) = {
            let state = self.state();
            let known = state.known(&key);
            let held = known.and_then(|known| Some((known.stored.clone(), known.held.clone()?)));
            (held, state.changes)
        };
        let mut change = self.inner.check_in(check_in).await?;
        if let (Some(previous), Some((stored, held))) = (&mut change.previous, held)
            && previous.host == stored.host
        {
            *previous = held;
        }
        let (stored, stored_at) = (change.row.clone(), self.clock.monotonic());
        let known = Known {
            stored,
            stored_at,
            held: None,
        };
        let mut state = self.state();
        let stored_later = |newer: &Known| newer.stored.renewed > known.stored.renewed;
        if state.changes == changes && !state.known(&key).is_some_and(stored_later) {
            state.hosts_of(key.service()).insert(key, known);
        }
        Ok(change)
    }

    /// Acknowledges a heartbeat without storing it, if nothing speaks against it.
    fn hold(&self, check_in: &CheckIn) -> Option<Change> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let known = state.known_mut(&check_in.key)?;
        let row = check_in.onto(Some(known.latest())).ok()?;
        let unchanged = row.host.differs_only_in_check_in(&known.stored.host);
        if !unchanged || now.saturating_sub(known.stored_at) >= self.interval {
            return None;
        }
        let previous = Some(known.latest().clone());
        known.held = Some(row.clone());
        Some(Change {
            row,
            previous,
            recorded: false,
        })
    }

    /// Stops holding back for rows of a service that a reading shows to be gone or changed.
    fn compare(&self, service: &ServiceName, read: &HostList) {
        let mut state = self.state();
        let Some(hosts) = state.services.get_mut(service) else {
            return;
        };
        hosts.retain(|key, known| {
            let row = read.row(key);
            row.is_some_and(|row| row.host.differs_only_in_check_in(&known.stored.host))
        });
        if hosts.is_empty() {
            state.services.remove(service);
        }
    }

    /// Lays the heartbeats that are held back over what was read.
    fn laid_over(&self, reading: Reading) -> Reading {
        let state = self.state();
        let newer = |row: &Row| {
            let held = state.known(&row.host.key)?.held.as_ref()?;
            (held.renewed > row.renewed && held.host.differs_only_in_check_in(&row.host))
                .then(|| held.clone())
        };
        if !reading.list.rows().iter().any(|row| newer(row).is_some()) {
            return reading;
        }
        let rows = reading
            .list
            .rows()
            .iter()
            .map(|row| newer(row).unwrap_or_else(|| row.clone()))
            .collect();
        Reading {
            list: Arc::new(HostList::new(rows)),
            ..reading
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn known(&self, key: &HostKey) -> Option<&Known> {
        self.services.get(key.service())?.get(key)
    }

    fn known_mut(&mut self, key: &HostKey) -> Option<&mut Known> {
        self.services.get_mut(key.service())?.get_mut(key)
    }

    fn hosts_of(&mut self, service: &ServiceName) -> &mut HashMap<HostKey, Known> {
        self.services.entry(service.clone()).or_default()
    }

    /// Has the next heartbeat of a host stored, one that is under way too.
    fn forget(&mut self, key: &HostKey) -> Option<Known> {
        self.changes += 1;
        self.services.get_mut(key.service())?.remove(key)
    }

    /// The same for every host of a service.
    fn forget_all(&mut self, service: &ServiceName) -> HashMap<HostKey, Known> {
        self.changes += 1;
        self.services.remove(service).unwrap_or_default()
    }

    /// Holds back again what could not be stored, unless a later heartbeat was stored meanwhile.
    fn put_back(&mut self, hosts: Vec<Known>) {
        for known in hosts {
            let key = known.stored.host.key.clone();
            self.hosts_of(key.service()).entry(key).or_insert(known);
        }
    }
}

#[async_trait]
impl HostRepository for HeldBack {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        match self.hold(&check_in) {
            Some(held) => Ok(held),
            None => self.store(check_in).await,
        }
    }

    async fn hosts_of(
        &self,
        service: &ServiceName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        let reading = self.inner.hosts_of(service, not_before).await?;
        self.compare(service, &reading.list);
        Ok(self.laid_over(reading))
    }

    /// Never: what is held back has to be laid over what the store says.
    fn hosts_at_hand(&self, _: &ServiceName, _: LeaseInstant) -> Option<Reading> {
        None
    }

    async fn hosts_of_repo(
        &self,
        repo: &ServiceRepoName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        Ok(self.laid_over(self.inner.hosts_of_repo(repo, not_before).await?))
    }

    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        let row = self.inner.get(key).await?;
        let held = self.state().known(key).and_then(|known| known.held.clone());
        let held = held.filter(|held| {
            row.as_ref()
                .is_some_and(|row| held.host.differs_only_in_check_in(&row.host))
        });
        Ok(held.or(row))
    }

    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError> {
        self.release(key).await?;
        let outcome = self.inner.set_weight(key, weight).await;
        self.state().forget(key);
        outcome
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        self.release_all(service).await?;
        let outcome = self.inner.set_weight_of_service(service, weight).await;
        self.state().forget_all(service);
        outcome
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        self.state().forget(key);
        let outcome = self.inner.delete(key).await;
        self.state().forget(key);
        outcome
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        self.release(&seen.host.key).await?;
        self.inner.delete_unrenewed(seen).await
    }

    async fn renew(&self, seen: &Row, to: &Row) -> Result<bool, StoreError> {
        self.release(&seen.host.key).await?;
        self.inner.renew(seen, to).await
    }

    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        self.inner.services().await
    }

    async fn prove(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.inner.prove(now).await
    }
}
