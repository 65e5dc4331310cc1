//! Hosts in a file: what was acknowledged is on disk.

mod batch;
mod disk;
#[cfg(fuzzing)]
pub mod fuzzing;
mod load;
mod open_error;
mod rows;
mod timeline;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, Clock, HostKey, HostRepository, LeaseClock, LeaseInstant,
    LoadBalancingWeight, Reading, Removed, Row, ServiceName, ServiceRepoName, StoreError,
};
use tracing::{info, warn};

use crate::memory::current;
use crate::table::Table;
use disk::{Disk, Opener};
pub use open_error::OpenError;
use timeline::Timeline;
use writer::{Work, Writer};

/// Keeps hosts in a file, and all of them in memory too: reads never wait for the disk, and show what is on it. Writes
/// that meet share one commit.
pub struct InFileHostRepository {
    table: Arc<Table>,
    writer: Writer,
    last_commit: DateTime<Utc>,
    left_out: usize,
    unreadable: Vec<(HostKey, &'static str)>,
}

impl InFileHostRepository {
    /// Opens the file at `path`, or makes one, and reads it. `lease` is told when the file was last written, before the
    /// age of any row is.
    pub fn open(
        path: &Path,
        lease: Arc<LeaseClock>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        Self::open_by(path, lease, clock, Box::new(disk::open_checked))
    }

    fn open_by(
        path: &Path,
        lease: Arc<LeaseClock>,
        clock: Arc<dyn Clock>,
        opener: Opener,
    ) -> Result<Self, OpenError> {
        let damaged = |error| disk::damaged(path, error);
        let disk = Disk::open(path, opener, lease.now().wall)?;
        let last_commit = disk.last_commit().map_err(damaged)?;
        lease.remember_proof(last_commit.wall);
        let timeline = Timeline::new(lease.instant(), last_commit.lease);
        let loaded = load::load(&disk, &timeline).map_err(damaged)?;
        let left_out = loaded.unreadable.len() + loaded.nameless;
        let table = Arc::new(loaded.table);
        say_loaded(path, &table, left_out);
        let work = Work {
            disk,
            table: Arc::clone(&table),
            unreadable: loaded
                .unreadable
                .iter()
                .map(|(key, _)| key.clone())
                .collect(),
            timeline,
            lease,
            clock,
        };
        let writer = Writer::start(work).map_err(|source| OpenError::Io {
            path: path.to_owned(),
            what: "start a thread for",
            source,
        })?;
        let last_commit = last_commit.wall;
        Ok(Self {
            table,
            writer,
            last_commit,
            left_out,
            unreadable: loaded.unreadable,
        })
    }

    /// How many rows of the file could not be read when it was opened.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The hosts whose rows could not be read when the file was opened, each with the reason.
    pub fn unreadable(&self) -> impl Iterator<Item = (&HostKey, &'static str)> {
        self.unreadable.iter().map(|(key, why)| (key, *why))
    }

    /// Writes what was asked for before, closes the file and refuses later writes; reads go on.
    pub async fn close(&self) {
        self.writer.close().await;
    }
}

fn say_loaded(path: &Path, table: &Table, left_out: usize) {
    let path = path.display();
    let services = table.services().len();
    if left_out > 0 {
        warn!(%path, left_out, "rows that can't be read are left out until their hosts check in");
    }
    info!(%path, services, "the file is open");
}

#[async_trait]
impl HostRepository for InFileHostRepository {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        let change = self.writer.write(|batch| batch.check_in(check_in)).await?;
        change.map_err(CheckInError::Tags)
    }

    async fn hosts_of(
        &self,
        service: &ServiceName,
        _: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        Ok(current(self.table.hosts_of(service)))
    }

    fn hosts_at_hand(&self, service: &ServiceName, _: LeaseInstant) -> Option<Reading> {
        Some(current(self.table.hosts_of(service)))
    }

    async fn hosts_of_repo(
        &self,
        repo: &ServiceRepoName,
        _: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        Ok(current(self.table.hosts_of_repo(repo)))
    }

    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        Ok(self.table.row(key))
    }

    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError> {
        let key = key.clone();
        self.writer
            .write(move |batch| batch.set_weight(&key, weight))
            .await
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        let service = service.clone();
        self.writer
            .write(move |batch| batch.set_weight_of_service(&service, weight))
            .await
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        let key = key.clone();
        self.writer.write(move |batch| batch.delete(&key)).await
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        let seen = seen.clone();
        self.writer
            .write(move |batch| batch.delete_unrenewed(&seen))
            .await
    }

    async fn renew(&self, seen: &Row, to: &Row) -> Result<bool, StoreError> {
        let (seen, to) = (seen.clone(), to.clone());
        self.writer
            .write(move |batch| batch.renew(&seen, &to))
            .await
    }

    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        Ok(self.table.services())
    }

    async fn prove(&self, _: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.writer
            .write(|batch| {
                batch.prove();
            })
            .await?;
        Ok(Some(self.last_commit))
    }
}

#[cfg(test)]
mod tests;
