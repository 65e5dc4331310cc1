//! Reading a file into the table that all reads are answered from.

use std::sync::Arc;

use discovery_domain::{Host, HostKey, Row};
use tracing::warn;

use super::disk::Disk;
use super::rows::{self, FileRow};
use super::timeline::Timeline;
use crate::table::Table;

/// What a file holds.
pub(super) struct Loaded {
    /// Its rows.
    pub(super) table: Table,
    /// The hosts whose rows can't be read, each with the reason, and how many rows do not even name one. They stay in
    /// the file, and count as absent until their hosts check in or are deleted (liveness rule 8).
    pub(super) unreadable: Vec<(HostKey, &'static str)>,
    pub(super) nameless: usize,
}

/// Reads all rows.
pub(super) fn load(disk: &Disk, timeline: &Timeline) -> Result<Loaded, redb::Error> {
    let mut loading = Loading {
        timeline,
        rows: Vec::new(),
        loaded: Loaded {
            table: Table::new(),
            unreadable: Vec::new(),
            nameless: 0,
        },
    };
    disk.read(|key, value| loading.row(key, value))?;
    loading.fill();
    Ok(loading.loaded)
}

struct Loading<'a> {
    timeline: &'a Timeline,
    /// The rows of one service.
    rows: Vec<Row>,
    loaded: Loaded,
}

impl Loading<'_> {
    fn row(&mut self, key: &[u8], value: &[u8]) {
        let Some(key) = rows::read_key(key, self.kin()) else {
            self.loaded.nameless += 1;
            return;
        };
        if self
            .kin()
            .is_some_and(|kin| kin.key.service() != key.service())
        {
            self.fill();
        }
        match rows::read_value(key.clone(), value, self.kin()) {
            Ok(FileRow { host, renewed }) => {
                let renewed = self.timeline.here(renewed);
                self.rows.push(Row::checked_in(Arc::new(host), renewed));
            }
            Err(why) => {
                let (service, ip_address) = (key.service().as_str(), key.address());
                warn!(service, %ip_address, why, "a row can't be read and is left out");
                self.loaded.unreadable.push((key, why));
            }
        }
    }

    fn kin(&self) -> Option<&Host> {
        self.rows.last().map(|row| &*row.host)
    }

    fn fill(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        if let Some(service) = rows.first().map(|row| row.host.key.service().clone()) {
            self.loaded.table.fill(&service, rows);
        }
    }
}
