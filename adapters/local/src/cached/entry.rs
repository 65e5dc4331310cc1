//! One cached list: what was read, what this node has written since, and the load that is under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use discovery_domain::{HostKey, HostList, LeaseInstant, Reading, Row, Rows, Stale, StoreError};
use tokio::sync::watch;

/// A list under one key of the cache.
#[derive(Default)]
pub(super) struct Entry(Mutex<State>);

#[derive(Default)]
struct State {
    rows: Rows,
    /// The rows as readers share them; built again after a change.
    list: Option<Arc<HostList>>,
    read: Option<ReadAt>,
    flight: Option<Flight>,
    /// This node's writes since the load under way began.
    written: Vec<(HostKey, Option<Row>)>,
    /// Whether two of them may have been answered in another order than they were done in, or one without saying whether
    /// it was done: then the load may or may not show it.
    disordered: bool,
    /// When another node was last heard to have changed the list: what was read before is only a last resort.
    outdated_at: Option<LeaseInstant>,
}

/// When the rows were read, by every clock that asks.
#[derive(Clone, Copy)]
pub(super) struct ReadAt {
    pub(super) lease: LeaseInstant,
    pub(super) monotonic: Duration,
    pub(super) wall: DateTime<Utc>,
    /// Set when a write may have changed the list unseen: the rows are then only a last resort.
    pub(super) doubted: bool,
}

/// A load under way; the receiver hears once how it ended.
#[derive(Clone)]
pub(super) struct Flight {
    pub(super) began: LeaseInstant,
    /// The same by the monotonic clock.
    pub(super) began_at: Duration,
    /// How many loads had landed by then.
    pub(super) landed_before: u64,
    pub(super) ended: watch::Receiver<Option<Result<(), StoreError>>>,
}

impl Entry {
    /// The list, if it was read recently enough.
    pub(super) fn fresh(&self, is_fresh: impl FnOnce(&ReadAt) -> bool) -> Option<Reading> {
        let mut state = self.state();
        let read = state.read.filter(|read| !read.doubted && is_fresh(read))?;
        Some(Reading {
            list: state.list(),
            as_of: read.lease,
            stale: None,
        })
    }

    /// The list as a load has just brought it.
    pub(super) fn last_read(&self) -> Option<Reading> {
        self.last_known().map(|reading| Reading {
            stale: None,
            ..reading
        })
    }

    /// The list as it was last read, however long ago.
    pub(super) fn last_known(&self) -> Option<Reading> {
        let mut state = self.state();
        let read = state.read?;
        Some(Reading {
            list: state.list(),
            as_of: read.lease,
            stale: Some(Stale { read_at: read.wall }),
        })
    }

    /// The load under way, or the one that `start` makes.
    pub(super) fn flight(&self, start: impl FnOnce() -> Flight) -> Flight {
        let mut state = self.state();
        if state.flight.as_ref().is_some_and(Flight::is_lost) {
            state.end_flight();
        }
        state.flight.get_or_insert_with(start).clone()
    }

    /// Takes what a load brought, under what this node wrote meanwhile. Rows that are as before stay the same `Arc`s,
    /// so that nothing made of them is made again.
    pub(super) fn landed(&self, rows: &Rows, read: ReadAt) {
        let mut state = self.state();
        let known = std::mem::take(&mut state.rows);
        let rows = rows.iter().map(|row| unchanged(&known, row));
        state.rows = rows.collect::<Vec<_>>().into();
        for (key, row) in std::mem::take(&mut state.written) {
            state.lay(&key, row);
        }
        if !same(&known, &state.rows) {
            state.list = None;
        }
        let doubted = std::mem::take(&mut state.disordered);
        state.read = Some(ReadAt { doubted, ..read });
        state.flight = None;
    }

    /// What the list held when it was last read, and when that was.
    pub(super) fn exported(&self) -> Option<(ReadAt, Vec<Row>)> {
        let state = self.state();
        Some((state.read?, state.rows.to_vec()))
    }

    /// Takes a list from an earlier life of this node, unless the store has been read already.
    pub(super) fn restored(&self, rows: Vec<Row>, read: ReadAt) {
        let mut state = self.state();
        if state.read.is_none() {
            state.rows = rows.into();
            state.read = Some(read);
        }
    }

    /// Notes that a load ended without a list.
    pub(super) fn failed(&self) {
        self.state().end_flight();
    }

    /// Shows a write of this node at once. Two writes of one host may be answered in another order than they were
    /// done in: where the row shown is not the one that was replaced, the list is read again before it is trusted.
    pub(super) fn wrote(&self, key: &HostKey, before: Option<&Row>, after: Option<&Row>) {
        let mut state = self.state();
        let in_order = state.rows.get(key).map(|row| &row.host) == before.map(|row| &row.host);
        if state.flight.is_some() {
            state.written.push((key.clone(), after.cloned()));
            state.disordered |= !in_order;
        }
        if let Some(read) = &mut state.read {
            read.doubted |= !in_order;
            state.lay(key, after.cloned());
            state.list = None;
        }
    }

    /// Has the list read again before it is trusted: a write ended without saying whether it was done.
    pub(super) fn doubt(&self) {
        self.state().doubt();
    }

    /// Whether the list has to be read again before it is trusted.
    pub(super) fn is_doubted(&self) -> bool {
        self.state().read.is_some_and(|read| read.doubted)
    }

    /// Has the list read again before it is trusted: another node has changed it by then.
    pub(super) fn outdated(&self, at: LeaseInstant) {
        let mut state = self.state();
        state.outdated_at = Some(at);
        // A reading of the same instant may be older: the lease clock stands still in an outage.
        state.doubt();
    }

    /// The lease time before which no reading of the list will do.
    pub(super) fn outdated_at(&self) -> LeaseInstant {
        let outdated_at = self.state().outdated_at;
        outdated_at.unwrap_or(LeaseInstant::DISTANT_PAST)
    }

    /// The row of a host, as far as the list shows it.
    pub(super) fn row(&self, key: &HostKey) -> Option<Row> {
        self.state().rows.get(key).cloned()
    }

    /// How many rows the list has.
    pub(super) fn len(&self) -> usize {
        self.state().rows.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Whether it will never land, because what flew it has panicked.
    fn is_lost(&self) -> bool {
        self.ended.has_changed().is_err()
    }
}

impl State {
    fn doubt(&mut self) {
        self.disordered |= self.flight.is_some();
        if let Some(read) = &mut self.read {
            read.doubted = true;
        }
    }

    fn end_flight(&mut self) {
        self.flight = None;
        self.written.clear();
        self.disordered = false;
    }

    fn list(&mut self) -> Arc<HostList> {
        let rows = &self.rows;
        self.list
            .get_or_insert_with(|| Arc::new(HostList::from(rows.clone())))
            .clone()
    }

    fn lay(&mut self, key: &HostKey, row: Option<Row>) {
        match row {
            Some(row) => self.rows.put(row),
            None => self.rows.take(key),
        };
    }
}

fn unchanged(known: &Rows, row: &Row) -> Row {
    match known.get(&row.host.key).filter(|old| old.host == row.host) {
        Some(old) => row.with(Arc::clone(&old.host)),
        None => row.clone(),
    }
}

fn same(known: &Rows, rows: &Rows) -> bool {
    let equal =
        |(old, new): (&Row, &Row)| Arc::ptr_eq(&old.host, &new.host) && old.renewed == new.renewed;
    known.len() == rows.len() && known.iter().zip(rows.iter()).all(equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read() -> ReadAt {
        ReadAt {
            lease: LeaseInstant::DISTANT_PAST,
            monotonic: Duration::ZERO,
            wall: DateTime::UNIX_EPOCH,
            doubted: false,
        }
    }

    type End = watch::Sender<Option<Result<(), StoreError>>>;

    /// Starts a load, unless one is under way; it is lost when what this returns is dropped.
    fn take_off(entry: &Entry) -> Option<End> {
        let mut started = None;
        entry.flight(|| {
            let (end, ended) = watch::channel(None);
            started = Some(end);
            Flight {
                began: LeaseInstant::DISTANT_PAST,
                began_at: Duration::ZERO,
                landed_before: 0,
                ended,
            }
        });
        started
    }

    #[test]
    fn a_load_that_is_lost_does_not_keep_others_from_starting() {
        let entry = Entry::default();
        let first = take_off(&entry);
        assert!(first.is_some());
        assert!(take_off(&entry).is_none(), "the first is under way");
        drop(first);
        assert!(take_off(&entry).is_some());
    }

    #[test]
    fn a_write_that_failed_unseen_during_a_load_has_the_list_read_once_more() {
        for was_read_before in [false, true] {
            let entry = Entry::default();
            if was_read_before {
                entry.landed(&Rows::default(), read());
            }
            let _first = take_off(&entry);
            entry.doubt();
            entry.landed(&Rows::default(), read());
            assert!(entry.fresh(|_| true).is_none());
            let _second = take_off(&entry);
            entry.landed(&Rows::default(), read());
            assert!(entry.fresh(|_| true).is_some());
        }
    }
}
