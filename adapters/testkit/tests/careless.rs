//! The contract's races catch a store that reads, thinks and then writes, as the original did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, Host, HostKey, HostList, HostRepository, LeaseClock,
    LeaseInstant, LoadBalancingWeight, Reading, Removed, Row, ServiceName, ServiceRepoName,
    StoreError,
};
use discovery_testkit::contract::races;
use discovery_testkit::{ManualClock, Store};

/// A store whose every write is a read and a write with a pause between them, now longer, now shorter.
#[derive(Default)]
struct Careless {
    rows: Mutex<BTreeMap<HostKey, Row>>,
    reads: AtomicU64,
}

impl Careless {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<HostKey, Row>> {
        self.rows
            .lock()
            .expect("no test panics while it holds this")
    }

    async fn read(&self, key: &HostKey) -> Option<Row> {
        let row = self.rows().get(key).cloned();
        let read = self.reads.fetch_add(1, Ordering::Relaxed);
        let pause = 1 + (read.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) % 3;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        row
    }

    fn list(&self, is_listed: impl Fn(&Host) -> bool) -> Reading {
        let rows = self.rows();
        let rows = rows.values().filter(|row| is_listed(&row.host)).cloned();
        Reading {
            list: Arc::new(HostList::new(rows.collect())),
            as_of: LeaseInstant::DISTANT_FUTURE,
            stale: None,
        }
    }
}

#[async_trait]
impl HostRepository for Careless {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        let previous = self.read(&check_in.key).await;
        let row = check_in
            .onto(previous.as_ref())
            .map_err(CheckInError::Tags)?;
        self.rows().insert(check_in.key, row.clone());
        Ok(Change {
            row,
            previous,
            recorded: true,
        })
    }

    async fn hosts_of(
        &self,
        service: &ServiceName,
        _: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        Ok(self.list(|host| host.key.service() == service))
    }

    fn hosts_at_hand(&self, _: &ServiceName, _: LeaseInstant) -> Option<Reading> {
        None
    }

    async fn hosts_of_repo(
        &self,
        repo: &ServiceRepoName,
        _: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        Ok(self.list(|host| host.service_repo_name == *repo))
    }

    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        Ok(self.rows().get(key).cloned())
    }

    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError> {
        let Some(previous) = self.read(key).await else {
            return Ok(None);
        };
        let tags = previous.host.tags.with_weight(weight);
        let host = Host {
            tags,
            ..Host::clone(&previous.host)
        };
        let row = previous.with(Arc::new(host));
        self.rows().insert(key.clone(), row.clone());
        let previous = Some(previous);
        Ok(Some(Change {
            row,
            previous,
            recorded: true,
        }))
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        let hosts: Vec<HostKey> = self.rows().keys().cloned().collect();
        let mut changes = Vec::new();
        for key in hosts.iter().filter(|key| key.service() == service) {
            changes.extend(self.set_weight(key, weight).await?);
        }
        Ok(changes)
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        let row = self.read(key).await;
        self.rows().remove(key);
        Ok(row.map(|row| Removed { row: Some(row) }))
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        let row = self.read(&seen.host.key).await;
        let unrenewed = row.is_some_and(|row| row.host.last_check_in == seen.host.last_check_in);
        if unrenewed {
            self.rows().remove(&seen.host.key);
        }
        Ok(unrenewed)
    }

    async fn renew(&self, _: &Row, _: &Row) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        Ok(Vec::new())
    }

    async fn prove(&self, _: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(None)
    }
}

fn careless() -> Store {
    let clock = ManualClock::new();
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    Store::new(Arc::new(Careless::default()), lease, clock)
}

macro_rules! caught {
    ($($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        #[should_panic]
        #[expect(clippy::should_panic_without_expect, reason = "each fails with words of its own")]
        async fn $name() {
            races::$name(careless()).await;
        }
    )*};
}

caught! {
    a_sweep_never_removes_a_host_that_checks_in_meanwhile
    an_acknowledged_check_in_is_never_undone_by_sweeps_of_what_was_seen_earlier
    a_check_in_never_loses_a_weight_that_is_set_meanwhile
    a_check_in_never_loses_a_weight_of_the_service_that_is_set_meanwhile
    a_weight_never_restores_what_a_check_in_overwrites_meanwhile
    a_weight_never_recreates_a_host_that_is_deleted_meanwhile
    a_weight_of_a_service_never_recreates_a_host_that_is_deleted_meanwhile
    check_ins_of_one_host_with_different_tags_keep_all_of_them
    of_two_deletes_at_once_one_finds_the_host
}
