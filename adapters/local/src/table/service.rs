//! The rows of one service.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use discovery_domain::{Change, HostKey, HostList, Row, Rows};

use super::repos::Repos;
use crate::write::{Found, Write};

/// The rows of a service, and the list of them that readers share.
#[derive(Default)]
pub(super) struct Service(Mutex<State>);

#[derive(Default)]
struct State {
    rows: Rows,
    /// The list as it was last read.
    list: Option<Arc<HostList>>,
    /// Whether the list shows the rows as they are.
    current: bool,
}

impl Service {
    /// A service with these rows, in any order.
    pub(super) fn of(rows: Vec<Row>, repos: &Repos) -> Self {
        for row in &rows {
            repos.moved(&row.host.key, None, Some(&row.host.service_repo_name));
        }
        Self(Mutex::new(State {
            rows: rows.into(),
            ..State::default()
        }))
    }

    /// Makes of a row what `call` says; returns its answer and whether the service was left without rows.
    pub(super) fn write<T>(
        &self,
        key: &HostKey,
        call: impl FnOnce(Found<'_>) -> (Write, T),
        repos: &Repos,
    ) -> (T, bool) {
        let mut state = self.state();
        let row = state.rows.get(key);
        let kin = match row {
            Some(_) => None,
            None => state.any_row(),
        };
        let (write, answer) = call(Found { row, kin });
        match write {
            Write::Keep => return (answer, false),
            Write::Store(row) => state.store(row, repos),
            Write::Remove => state.remove(key, repos),
        }
        (answer, state.rows.is_empty())
    }

    /// Replaces the rows that `change` changes; their hosts keep their repos.
    pub(super) fn replace_all(&self, change: impl Fn(&Row) -> Option<Change>) -> Vec<Change> {
        let mut state = self.state();
        let changes: Vec<Change> = state.rows.iter().filter_map(change).collect();
        for change in &changes {
            state.rows.put(change.row.clone());
        }
        state.current &= changes.is_empty();
        changes
    }

    /// All rows.
    pub(super) fn rows(&self) -> Vec<Row> {
        self.state().rows.to_vec()
    }

    /// One row.
    pub(super) fn row(&self, key: &HostKey) -> Option<Row> {
        self.state().rows.get(key).cloned()
    }

    /// Any row.
    pub(super) fn any_row(&self) -> Option<Row> {
        self.state().any_row().cloned()
    }

    /// All rows, as readers share them.
    pub(super) fn list(&self) -> Arc<HostList> {
        let mut state = self.state();
        if let Some(list) = state.list.as_ref().filter(|_| state.current) {
            return Arc::clone(list);
        }
        let list = Arc::new(HostList::from(state.rows.clone()));
        let outdated = state.list.replace(Arc::clone(&list));
        state.current = true;
        drop(state);
        drop(outdated);
        list
    }

    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        self.state().rows.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn any_row(&self) -> Option<&Row> {
        self.rows.iter().next()
    }

    fn store(&mut self, row: Row, repos: &Repos) {
        self.current = false;
        let host = Arc::clone(&row.host);
        let previous = self.rows.put(row);
        let left = previous.as_ref().map(|row| &row.host.service_repo_name);
        repos.moved(&host.key, left, Some(&host.service_repo_name));
    }

    fn remove(&mut self, key: &HostKey, repos: &Repos) {
        self.current = false;
        if let Some(row) = self.rows.take(key) {
            repos.moved(key, Some(&row.host.service_repo_name), None);
        }
    }
}
