//! What a node does by itself: it removes what has expired, and proves that check-ins can be recorded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::history::EventKind;
use crate::host::Row;
use crate::lease::{LeaseClock, LeaseInstant};
use crate::list::Listing;
use crate::registry::Registry;
use crate::repository::StoreError;
use crate::values::ServiceName;

/// What came of releasing a guard.
#[derive(Debug)]
pub struct Release {
    /// The rows that were removed.
    pub removed: Vec<Row>,
    /// How many expired hosts the guard still keeps listed; release it again where there are any.
    pub guarded: usize,
}

/// What a sweep has found to be expired and not removed yet, so that a service with many such rows is not read again
/// for each batch of them.
#[derive(Default)]
pub(crate) struct Backlogs(Mutex<HashMap<ServiceName, Backlog>>);

struct Backlog {
    listing: Arc<Listing>,
    /// Those of its expired rows that have been kept for long enough.
    ripe: Vec<Row>,
    /// How many of them have been dealt with.
    done: usize,
}

impl Backlogs {
    /// The backlog of a service, as long as nothing else has expired: then the guard may have to keep what is left.
    fn take(&self, service: &ServiceName, now: LeaseInstant) -> Option<Backlog> {
        let backlog = self.backlogs().remove(service);
        backlog.filter(|backlog| backlog.listing.holds_at(now))
    }

    fn keep(&self, service: &ServiceName, backlog: Backlog) {
        self.backlogs().insert(service.clone(), backlog);
    }

    fn backlogs(&self) -> MutexGuard<'_, HashMap<ServiceName, Backlog>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// How many rows one call of a release removes, so that it ends in time.
    const RELEASE_BATCH: usize = 1000;
    /// After how many TTLs a row is removed that no guard keeps.
    const TTLS_TO_REMOVAL: u32 = 2;
    /// How many rows of one service are removed before other services get their turn.
    const SWEEP_BATCH: usize = 100;

    /// Removes expired rows of services whose next expiry is due, and returns those removed, also beside an error.
    /// Looks at `limit` services at most and removes little more than `limit` rows. A row that was renewed since it
    /// was read stays (liveness rule 11).
    pub async fn sweep(&self, limit: usize) -> (Vec<Row>, Result<(), StoreError>) {
        let mut swept = Vec::new();
        for _ in 0..limit {
            let now = self.lease.instant();
            let Some(service) = self.watch.next_due(now).filter(|_| swept.len() < limit) else {
                break;
            };
            if let Err(error) = self.sweep_service(&service, now, &mut swept).await {
                self.watch.postpone(&service, now + LeaseClock::LONGEST_GAP);
                return (swept, Err(error));
            }
        }
        (swept, Ok(()))
    }

    async fn sweep_service(
        &self,
        service: &ServiceName,
        now: LeaseInstant,
        swept: &mut Vec<Row>,
    ) -> Result<(), StoreError> {
        let Some(mut backlog) = self.expired_of(service, now).await? else {
            self.watch.postpone(service, now + LeaseClock::LONGEST_GAP);
            return Ok(());
        };
        let listing = Arc::clone(&backlog.listing);
        let left = &backlog.ripe[backlog.done..];
        let batch = &left[..left.len().min(Self::SWEEP_BATCH)];
        let expired = |row: &Row| EventKind::Expired(now.since(row.renewed));
        self.remove(batch, swept, expired, None).await?;
        backlog.done += batch.len();
        let unripe = listing.expired.iter().map(|row| self.ripens(row));
        let unripe = unripe.filter(|ripens| *ripens >= now).min();
        let mut next = unripe.unwrap_or(now + self.liveness.host_ttl);
        if backlog.done < backlog.ripe.len() {
            self.backlogs.keep(service, backlog);
            next = now;
        } else if unripe.is_none() {
            self.guarded.forget_expired(service, &listing);
        }
        self.watch.judged(service, &listing, next);
        Ok(())
    }

    /// What is to be removed of a service; nothing where the store can't tell.
    async fn expired_of(
        &self,
        service: &ServiceName,
        now: LeaseInstant,
    ) -> Result<Option<Backlog>, StoreError> {
        if let Some(backlog) = self.backlogs.take(service, now) {
            return Ok(Some(backlog));
        }
        let reading = self.repository.hosts_of(service, now).await?;
        if reading.stale.is_some() {
            return Ok(None);
        }
        let listing = self.judge_service(service, &reading, now).listing;
        let ripe = |row: &&Row| self.ripens(row) < now;
        Ok(Some(Backlog {
            ripe: listing.expired.iter().filter(ripe).cloned().collect(),
            listing,
            done: 0,
        }))
    }

    /// The last moment at which a row is kept although it is expired. Hosts that are cut off together expire one after
    /// the other, within a TTL: if the first were gone before the last, the guard would take those that are left for
    /// the whole service (liveness rule 13). A check-in that another node took is kept for as long as a host has for the
    /// next one, however old the wall clocks say that it is, for they may be far apart.
    pub(crate) fn ripens(&self, row: &Row) -> LeaseInstant {
        let guards = self.liveness.guard_minimum_live > 0.0;
        let ttls = if guards { Self::TTLS_TO_REMOVAL } else { 1 };
        let host_ttl = self.liveness.host_ttl;
        (row.renewed + host_ttl * ttls).max(row.first_seen + host_ttl)
    }

    /// Proves that the store can record, and so that time may pass (liveness rules 3 and 4). Called every few seconds
    /// while nothing else is written; the first success also tells how long nobody could have checked in.
    pub async fn prove(&self) -> Result<(), StoreError> {
        let remembered = self.repository.prove(self.lease.now().wall).await?;
        if let Some(last) = remembered {
            self.lease.remember_proof(last);
        }
        self.lease.prove();
        Ok(())
    }

    /// Names every service that the store has, and watches those that are new to this node, so that their expired
    /// rows are swept also when nobody reads them.
    pub async fn watch_all(&self) -> Result<Vec<ServiceName>, StoreError> {
        let services = self.repository.services().await?;
        let now = self.lease.instant();
        for service in &services {
            self.watch.meet(service, now);
        }
        Ok(services)
    }

    /// Ends the guard of a service by removing the expired rows that it keeps, a bounded number at a call; the guard is
    /// over when it holds up no host any more, and the sweep removes the rest. What was released is gone from the
    /// store, so every node agrees (liveness rule 14). Safe to repeat, also after an error.
    pub async fn release_guard(
        &self,
        service: &ServiceName,
        request_id: Option<Arc<str>>,
    ) -> Result<Release, StoreError> {
        let now = self.lease.instant();
        let reading = self.repository.hosts_of(service, now).await?;
        if reading.stale.is_some() {
            let what = format!(
                "the hosts of {service} can't be read now, so none was released: /readyz says why"
            );
            return Err(StoreError::Unavailable { what, source: None });
        }
        let mut removed = Vec::new();
        if self.judge_service(service, &reading, now).listing.guarded > 0 {
            let (rows, as_of) = (reading.list.rows(), reading.as_of.min(now));
            let mut expired = self.unguarded().judge(rows, as_of).expired;
            expired.truncate(Self::RELEASE_BATCH);
            let released = |_: &Row| EventKind::Released;
            self.remove(&expired, &mut removed, released, request_id)
                .await?;
        }
        let guarded = self.hosts_of(service).await?.listing.guarded;
        Ok(Release { removed, guarded })
    }

    /// Removes rows that were not renewed since they were read, and adds those it removed to `removed`.
    async fn remove(
        &self,
        expired: &[Row],
        removed: &mut Vec<Row>,
        kind: impl Fn(&Row) -> EventKind,
        request_id: Option<Arc<str>>,
    ) -> Result<(), StoreError> {
        for row in expired {
            if self.repository.delete_unrenewed(row).await? {
                removed.push(row.clone());
                self.remember(&row.host.key, kind(row), request_id.clone());
            }
        }
        Ok(())
    }
}
