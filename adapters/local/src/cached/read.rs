//! How a list is read: from what is kept, or with the one load that all its readers share.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{LeaseInstant, Reading, StoreError};
use tokio::sync::watch;
use tokio::time::timeout;

use super::entry::{Entry, Flight, ReadAt};
use super::outage::Symptom;
use super::{Cached, Key, Shared};

/// Which load a reader waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    First,
    /// One more, for those before began too early for this reader.
    Another,
    /// One more, for the list may lack what was written before this reader came. It is served if this load fails.
    Doubted,
}

impl Cached {
    /// The longest a read waits for the store while an older list could be served: of the 300 ms of liveness rule 7, for
    /// a busy node takes some to answer.
    const PATIENCE: Duration = Duration::from_millis(250);

    pub(super) async fn read(
        &self,
        key: Key,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        let entry = self.0.entry(&key);
        let not_before = not_before.max(entry.outdated_at());
        let (came, outage) = (self.0.clock.monotonic(), self.0.outages.of(&key));
        let mut turn = Turn::First;
        loop {
            if let Some(reading) = self.hit(&entry, not_before) {
                return Ok(reading);
            }
            if let Some(reason) = outage.reason() {
                match entry.last_known() {
                    Some(known) => return Ok(known),
                    // The store may be late with others alone.
                    None if outage.is_late() => {}
                    None => return Err(reason),
                }
            }
            let flight = entry.flight(|| self.load(key.clone(), Arc::clone(&entry), not_before));
            let (began, began_at, landed_before) =
                (flight.began, flight.began_at, flight.landed_before);
            // However many readers wait for a load, it is waited for only so long.
            let patience =
                (came.min(began_at) + Self::PATIENCE).saturating_sub(self.0.clock.monotonic());
            match self.landing(&entry, flight, patience).await {
                Some(Ok(())) if began < not_before => turn = turn.max(Turn::Another),
                Some(Ok(())) if began_at < came && turn < Turn::Doubted && entry.is_doubted() => {
                    turn = Turn::Doubted;
                }
                Some(Ok(())) => return entry.last_read().ok_or_else(abandoned),
                _ if turn == Turn::Doubted => return entry.last_read().ok_or_else(abandoned),
                Some(Err(error)) => return entry.last_known().ok_or(error),
                None => {
                    let overdue = overdue();
                    // One that began while this reader waited for another has not had its time yet, and while others
                    // land the store is well: this list takes long.
                    if turn == Turn::First && outage.landed() == landed_before {
                        self.fails(&key, &overdue, Symptom::Late);
                    }
                    return entry.last_known().ok_or(overdue);
                }
            }
        }
    }

    /// A list that is served without asking the store.
    pub(super) fn hit(&self, entry: &Entry, not_before: LeaseInstant) -> Option<Reading> {
        let reading = entry.fresh(|read| self.0.is_fresh(read, not_before))?;
        self.0.metrics.hits.inc();
        Some(reading)
    }

    /// Waits for a load: only so long where an older list could be served instead, or the store is known to have
    /// trouble, else for as long as it takes. `None` where the patience has ended.
    async fn landing(
        &self,
        entry: &Entry,
        mut flight: Flight,
        patience: Duration,
    ) -> Option<Result<(), StoreError>> {
        let landing = flight.ended.wait_for(Option::is_some);
        let ended = if entry.last_known().is_none() && self.outage().is_none() {
            landing.await
        } else {
            timeout(patience, landing).await.ok()?
        };
        Some(match ended {
            Ok(ended) => ended.clone().unwrap_or(Ok(())),
            Err(_) => Err(abandoned()),
        })
    }

    /// Starts a load that ends whether or not anybody still waits for it.
    pub(super) fn load(&self, key: Key, entry: Arc<Entry>, not_before: LeaseInstant) -> Flight {
        let (end, ended) = watch::channel(None);
        let (cached, began) = (self.clone(), self.0.lease.instant());
        let began_at = self.0.clock.monotonic();
        let landed_before = self.0.outages.of(&key).landed();
        self.0.metrics.loads.inc();
        tokio::spawn(async move {
            let outcome = cached.0.load(&key, &entry, not_before).await;
            match &outcome {
                Ok(()) => cached.recovers(&key),
                Err(error) => {
                    entry.failed();
                    if matches!(error, StoreError::Unavailable { .. }) {
                        cached.fails(&key, error, Symptom::Failed);
                    }
                }
            }
            end.send_replace(Some(outcome));
        });
        Flight {
            began,
            began_at,
            landed_before,
            ended,
        }
    }
}

impl Shared {
    fn is_fresh(&self, read: &ReadAt, not_before: LeaseInstant) -> bool {
        read.lease >= not_before && self.clock.monotonic().saturating_sub(read.monotonic) < self.ttl
    }

    async fn load(
        &self,
        key: &Key,
        entry: &Arc<Entry>,
        not_before: LeaseInstant,
    ) -> Result<(), StoreError> {
        let (monotonic, wall) = (self.clock.monotonic(), self.clock.wall());
        let reading = match key {
            Key::Service(service) => self.inner.hosts_of(service, not_before).await?,
            Key::Repo(repo) => self.inner.hosts_of_repo(repo, not_before).await?,
        };
        let lease = reading.as_of.min(self.lease.instant());
        entry.landed(
            reading.list.rows(),
            ReadAt {
                lease,
                monotonic,
                wall,
                doubted: false,
            },
        );
        self.lists.insert(key.clone(), Arc::clone(entry));
        Ok(())
    }
}

fn overdue() -> StoreError {
    unavailable("it did not answer a read within 250 ms")
}

fn abandoned() -> StoreError {
    unavailable("the read was abandoned")
}

fn unavailable(what: &str) -> StoreError {
    StoreError::Unavailable {
        what: what.into(),
        source: None,
    }
}
