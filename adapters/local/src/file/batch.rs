//! The writes of one commit, each seeing those before it.

use std::collections::{BTreeSet, HashSet};

use discovery_domain::{
    Change, CheckIn, HostKey, InvalidValue, LoadBalancingWeight, Removed, Row, ServiceName,
};

use super::disk::Writes;
use crate::table::Table;
use crate::write::{self, Found, Write};

/// Writes that are not yet on disk, over the rows that are.
pub(super) struct Batch<'a> {
    table: &'a Table,
    unreadable: &'a HashSet<HostKey>,
    writes: Writes,
    /// Whether to commit even if nothing is to be written.
    proof: bool,
}

impl<'a> Batch<'a> {
    /// No writes yet.
    pub(super) fn new(table: &'a Table, unreadable: &'a HashSet<HostKey>) -> Self {
        let writes = Writes::new();
        Self {
            table,
            unreadable,
            writes,
            proof: false,
        }
    }

    /// Everything that is to be written; nothing, also no commit, where nothing changes.
    pub(super) fn into_writes(self) -> Option<Writes> {
        (self.proof || !self.writes.is_empty()).then_some(self.writes)
    }

    /// Commits in any case, to prove that the file can be written.
    pub(super) fn prove(&mut self) {
        self.proof = true;
    }

    /// Stores what a check-in makes of the row.
    pub(super) fn check_in(&mut self, check_in: CheckIn) -> Result<Change, InvalidValue> {
        let key = check_in.key.clone();
        self.write(&key, |found| write::check_in(check_in, found))
    }

    /// Sets a weight.
    pub(super) fn set_weight(
        &mut self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Option<Change> {
        self.write(key, |found| write::set_weight(weight, found))
    }

    /// Sets the weight of all hosts of a service, and returns those that did not have it.
    pub(super) fn set_weight_of_service(
        &mut self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Vec<Change> {
        let stored = self.table.rows_of(service);
        let mut hosts: BTreeSet<HostKey> =
            stored.into_iter().map(|row| row.host.key.clone()).collect();
        let written = self.writes.keys().filter(|key| key.service() == service);
        hosts.extend(written.cloned());
        let changes = hosts
            .iter()
            .map(|key| self.write(key, |found| write::change_weight(weight, found)));
        changes.flatten().collect()
    }

    /// Removes a row, also one that can't be read.
    pub(super) fn delete(&mut self, key: &HostKey) -> Option<Removed> {
        let unreadable = self.unreadable.contains(key) && !self.writes.contains_key(key);
        if unreadable {
            self.writes.insert(key.clone(), None);
            return Some(Removed { row: None });
        }
        self.write(key, write::delete)
    }

    /// Removes a row while its check-in is the one that was seen.
    pub(super) fn delete_unrenewed(&mut self, seen: &Row) -> bool {
        self.write(&seen.host.key, |found| write::delete_unrenewed(seen, found))
    }

    /// Gives the row a later check-in while its own is the one that was seen.
    pub(super) fn renew(&mut self, seen: &Row, to: &Row) -> bool {
        self.write(&seen.host.key, |found| write::renew(seen, to, found))
    }

    fn write<T>(&mut self, key: &HostKey, call: impl FnOnce(Found<'_>) -> (Write, T)) -> T {
        let row = match self.writes.get(key) {
            Some(written) => written.clone(),
            None => self.table.row(key),
        };
        let kin = match row {
            Some(_) => None,
            None => self.table.any_row(key.service()),
        };
        let (write, answer) = call(Found {
            row: row.as_ref(),
            kin: kin.as_ref(),
        });
        match write {
            Write::Keep => None,
            Write::Store(row) => self.writes.insert(key.clone(), Some(row)),
            Write::Remove => self.writes.insert(key.clone(), None),
        };
        answer
    }
}
