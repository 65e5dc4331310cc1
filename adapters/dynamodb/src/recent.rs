//! This node's own writes of the last few seconds, which the store's reads may not show yet (liveness rule 6).

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use discovery_domain::{Host, HostKey, LeaseInstant, Moment, Row, ServiceName, ServiceRepoName};

use crate::order::{Began, Turn};

/// The longest time for which a read that need not be consistent may show what was there before a write.
pub(crate) const LAG: Duration = Duration::from_secs(3);

/// An acknowledged write of this node.
#[derive(Debug)]
pub(crate) struct OwnWrite {
    /// What it left; nothing after a deletion.
    pub(crate) row: Option<Row>,
    turn: Turn,
    acknowledged: LeaseInstant,
    /// A stored check-in later than this one came after the write, unless it is one of the replaced.
    newest: DateTime<Utc>,
    /// The check-ins that this write, and those before it, replaced.
    replaced: Vec<DateTime<Utc>>,
    /// Every repo whose list it may have changed.
    repos: Vec<ServiceRepoName>,
}

impl OwnWrite {
    /// Whether a read that began then may miss this write.
    fn may_be_missed_by(&self, began: &Began) -> bool {
        self.turn > began.turn || (!began.consistent && began.lease <= self.acknowledged + LAG)
    }

    /// Whether a stored host was surely written after this.
    pub(crate) fn is_older_than(&self, stored: &Host) -> bool {
        let check_in = stored.last_check_in;
        check_in > self.newest && !self.replaced.contains(&check_in)
    }
}

/// Which rows a read asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'a> {
    Service(&'a ServiceName),
    Repo(&'a ServiceRepoName),
    Host(&'a HostKey),
}

impl Scope<'_> {
    /// Whether the host is among them.
    pub(crate) fn holds(&self, host: &Host) -> bool {
        match self {
            Self::Service(service) => host.key.service() == *service,
            Self::Repo(repo) => host.service_repo_name == **repo,
            Self::Host(key) => host.key == **key,
        }
    }
}

/// The writes of this node that a read may miss, bounded.
#[derive(Default)]
pub(crate) struct RecentWrites(Mutex<State>);

#[derive(Default)]
struct State {
    writes: HashMap<HostKey, Arc<OwnWrite>>,
    by_service: Index<ServiceName>,
    by_repo: Index<ServiceRepoName>,
    /// In the order they were acknowledged in, those included that were followed by another of the same host.
    queue: VecDeque<(LeaseInstant, Turn, HostKey)>,
}

/// The hosts whose writes concern each of some names.
struct Index<N>(HashMap<N, HashSet<HostKey>>);

impl RecentWrites {
    /// How long a write is kept: a slow read may have begun before it.
    const KEPT: Duration = Duration::from_secs(10);
    /// The most writes kept.
    const MOST: usize = 100_000;
    /// The most check-ins, and the most repos, that one write remembers of those before it.
    const MOST_REPLACED: usize = 16;

    /// Notes a write when it is acknowledged: what it left and what it replaced, as far as either could be read.
    pub(crate) fn note(
        &self,
        key: &HostKey,
        row: Option<Row>,
        replaced: Option<&Host>,
        turn: Turn,
        now: Moment,
    ) {
        let mut state = self.state();
        state.purge(now.lease);
        let before = state.remove(key);
        let earlier = before.iter().flat_map(|write| &write.replaced).copied();
        let left = before.iter().filter_map(|write| write.row.as_ref());
        let hosts = left.map(|row| &*row.host).chain(replaced);
        let check_ins = hosts.clone().map(|host| host.last_check_in);
        let repos = before.iter().flat_map(|write| &write.repos).cloned();
        let shown = row.as_ref().map(|row| &*row.host);
        let own = shown.into_iter().chain(hosts.clone());
        let newest = shown.or(replaced).map(|host| host.last_check_in);
        let write = OwnWrite {
            turn,
            acknowledged: now.lease,
            newest: newest.unwrap_or(now.wall),
            replaced: last(earlier.chain(check_ins)),
            repos: last(repos.chain(own.map(|host| host.service_repo_name.clone()))),
            row,
        };
        state.insert(key.clone(), write);
    }

    /// Whether a write of that host is kept.
    pub(crate) fn contains(&self, key: &HostKey) -> bool {
        self.state().writes.contains_key(key)
    }

    /// The writes that a read of these rows may miss.
    pub(crate) fn missed_by(
        &self,
        began: &Began,
        scope: Scope<'_>,
    ) -> HashMap<HostKey, Arc<OwnWrite>> {
        let state = self.state();
        let missed = |key: &HostKey| {
            let (key, write) = state.writes.get_key_value(key)?;
            let is_missed = write.may_be_missed_by(began);
            is_missed.then(|| (key.clone(), Arc::clone(write)))
        };
        match scope {
            Scope::Host(key) => missed(key).into_iter().collect(),
            Scope::Service(service) => state.by_service.of(service).filter_map(missed).collect(),
            Scope::Repo(repo) => state.by_repo.of(repo).filter_map(missed).collect(),
        }
    }

    /// The services of the rows that were written.
    pub(crate) fn services(&self) -> BTreeSet<ServiceName> {
        let state = self.state();
        let writes = state.writes.iter().filter(|(_, write)| write.row.is_some());
        writes.map(|(key, _)| key.service().clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, key: HostKey, write: OwnWrite) {
        self.queue
            .push_back((write.acknowledged, write.turn, key.clone()));
        self.by_service.add(key.service(), &key);
        for repo in &write.repos {
            self.by_repo.add(repo, &key);
        }
        self.writes.insert(key, Arc::new(write));
    }

    fn remove(&mut self, key: &HostKey) -> Option<Arc<OwnWrite>> {
        let write = self.writes.remove(key)?;
        self.by_service.remove(key.service(), key);
        for repo in &write.repos {
            self.by_repo.remove(repo, key);
        }
        Some(write)
    }

    /// Forgets what no read can miss any more, and the oldest where there are too many.
    fn purge(&mut self, now: LeaseInstant) {
        while let Some((acknowledged, turn, key)) = self.queue.front() {
            let kept = now <= *acknowledged + RecentWrites::KEPT;
            if kept && self.queue.len() < RecentWrites::MOST {
                return;
            }
            let (turn, key) = (*turn, key.clone());
            if self
                .writes
                .get(&key)
                .is_some_and(|write| write.turn == turn)
            {
                self.remove(&key);
            }
            self.queue.pop_front();
        }
    }
}

impl<N: Hash + Eq + Clone> Index<N> {
    fn of(&self, name: &N) -> impl Iterator<Item = &HostKey> {
        self.0.get(name).into_iter().flatten()
    }

    fn add(&mut self, name: &N, key: &HostKey) {
        let keys = self.0.entry(name.clone()).or_default();
        keys.insert(key.clone());
    }

    fn remove(&mut self, name: &N, key: &HostKey) {
        if let Some(keys) = self.0.get_mut(name) {
            keys.remove(key);
            if keys.is_empty() {
                self.0.remove(name);
            }
        }
    }
}

impl<N> Default for Index<N> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// The last few of these, each once.
fn last<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for one in all {
        kept.retain(|other| *other != one);
        kept.push(one);
    }
    let surplus = kept.len().saturating_sub(RecentWrites::MOST_REPLACED);
    kept.drain(..surplus);
    kept
}
