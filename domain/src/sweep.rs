//! What a node does by itself: it removes what has expired, and proves that check-ins can be recorded.

use crate::host::Row;
use crate::lease::{LeaseClock, LeaseInstant};
use crate::liveness::Liveness;
use crate::registry::Registry;
use crate::repository::StoreError;
use crate::values::ServiceName;

impl Registry {
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
        let reading = self.repository.hosts_of(service, now).await?;
        if reading.stale.is_some() {
            self.watch.postpone(service, now + LeaseClock::LONGEST_GAP);
            return Ok(());
        }
        let listing = self.judge_service(service, &reading, now).listing;
        let (batch, rest) = listing
            .expired
            .split_at(listing.expired.len().min(Self::SWEEP_BATCH));
        self.remove(batch, swept).await?;
        let next = if rest.is_empty() {
            now + self.liveness.host_ttl
        } else {
            now
        };
        self.watch.judged(service, &listing, next);
        Ok(())
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

    /// Ends the guard of a service by removing the expired rows that it kept listed, and returns those removed. What
    /// was released is gone from the store, so every node agrees (liveness rule 14).
    pub async fn release_guard(&self, service: &ServiceName) -> Result<Vec<Row>, StoreError> {
        let now = self.lease.instant();
        let reading = self.repository.hosts_of(service, now).await?;
        let unguarded = Liveness {
            guard_minimum_live: 0.0,
            ..self.liveness.clone()
        };
        let listing = unguarded.judge(reading.list.rows(), reading.as_of.min(now));
        let mut released = Vec::new();
        self.remove(&listing.expired, &mut released).await?;
        self.hosts_of(service).await?;
        Ok(released)
    }

    /// Removes rows that were not renewed since they were read, and adds those it removed to `removed`.
    async fn remove(&self, expired: &[Row], removed: &mut Vec<Row>) -> Result<(), StoreError> {
        for row in expired {
            if self.repository.delete_unrenewed(row).await? {
                removed.push(row.clone());
            }
        }
        Ok(())
    }
}
