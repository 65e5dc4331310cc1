//! What this node knows of the rows it has read or written.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use discovery_domain::{Host, HostKey, LeaseClock, LeaseInstant, Row};
use mini_moka::sync::Cache;

use crate::date;
use crate::item::StoredHost;
use crate::order::{Began, Turn};

/// A row as this node last saw it.
pub(crate) struct Known {
    pub(crate) row: Row,
    check_in_text: Option<Box<str>>,
    /// The lease time at which it was surely so.
    seen_at: LeaseInstant,
    turn: Turn,
}

impl Known {
    /// The stored text of its check-in.
    pub(crate) fn check_in_text(&self) -> Cow<'_, str> {
        match &self.check_in_text {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(date::written(self.row.host.last_check_in)),
        }
    }

    /// Roughly, with its place in the cache.
    fn bytes(&self) -> u32 {
        let host = &self.row.host;
        let text = 2 * host.tags.as_str().len() + host.revision.as_str().len();
        u32::try_from(512 + text).unwrap_or(u32::MAX)
    }
}

/// The rows that this node knows, bounded: one that is forgotten costs its next write a second request.
pub(crate) struct KnownRows {
    rows: Cache<HostKey, Arc<Known>>,
    /// Held while a row is compared and replaced, so that no older read replaces what a newer write left.
    changing: [Mutex<()>; 64],
    hasher: RandomState,
    lease: Arc<LeaseClock>,
}

impl KnownRows {
    /// The most memory that known rows take, in bytes: some 300,000 hosts.
    const MOST_BYTES: u64 = 256 * 1024 * 1024;

    pub(crate) fn new(lease: Arc<LeaseClock>) -> Self {
        Self {
            rows: Cache::builder()
                .weigher(|_, known: &Arc<Known>| known.bytes())
                .max_capacity(Self::MOST_BYTES)
                .build(),
            changing: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            lease,
        }
    }

    pub(crate) fn get(&self, key: &HostKey) -> Option<Arc<Known>> {
        self.rows.get(key)
    }

    /// The host as it was last seen.
    pub(crate) fn host(&self, key: &HostKey) -> Option<Arc<Host>> {
        self.get(key).map(|known| Arc::clone(&known.row.host))
    }

    /// Takes in what a read brought, and tells the row's age (liveness rule 2): a check-in that was seen before ages
    /// on; a new one counts from its time, but not from before this node last saw the row with another.
    pub(crate) fn sight(&self, stored: StoredHost, began: &Began) -> Arc<Known> {
        let StoredHost {
            host,
            check_in_text,
        } = stored;
        let _changing = self.changing(&host.key);
        let known = self.rows.get(&host.key);
        let before = known.as_ref().filter(|known| known.turn < began.turn);
        let row = match &known {
            Some(known) if known.row.host.last_check_in == host.last_check_in => {
                known.row.with(host)
            }
            _ => {
                let first_sight = self.lease.first_sight(host.last_check_in);
                Row {
                    host,
                    renewed: before.map_or(first_sight, |known| first_sight.max(known.seen_at)),
                    first_seen: began.lease,
                }
            }
        };
        let seen = Arc::new(Known {
            row,
            check_in_text,
            seen_at: began.lease,
            turn: began.turn,
        });
        if known.is_none() || before.is_some() {
            self.keep(&seen);
        }
        seen
    }

    /// Takes in a check-in that this node stored: no read that began before `turn` knows better.
    pub(crate) fn wrote(&self, row: Row, turn: Turn) {
        let seen_at = row.renewed;
        let _changing = self.changing(&row.host.key);
        self.keep(&Arc::new(Known {
            row,
            check_in_text: None,
            seen_at,
            turn,
        }));
    }

    /// Takes in a row whose tags this node wrote, as the store returned it.
    pub(crate) fn kept(&self, known: &Known, turn: Turn) {
        let _changing = self.changing(&known.row.host.key);
        self.keep(&Arc::new(Known {
            row: known.row.clone(),
            check_in_text: known.check_in_text.clone(),
            turn,
            ..*known
        }));
    }

    /// Forgets a row that is gone.
    pub(crate) fn forget(&self, key: &HostKey) {
        self.rows.invalidate(key);
    }

    fn keep(&self, known: &Arc<Known>) {
        self.rows
            .insert(known.row.host.key.clone(), Arc::clone(known));
    }

    fn changing(&self, key: &HostKey) -> MutexGuard<'_, ()> {
        let stripe = usize::try_from(self.hasher.hash_one(key) % 64).expect("a small number fits");
        self.changing[stripe]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
