//! The rows of a service or service repo as they were read, and the judgement on which of them are listed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::host::{Host, HostKey, Row};
use crate::lease::LeaseInstant;
use crate::liveness::Liveness;
use crate::rows::Rows;

/// Rows as a store holds them, expired ones included. Shared by all readers until a row changes.
#[derive(Debug, Default)]
pub struct HostList {
    rows: Rows,
    /// The last judgement, kept because it holds until the next host expires.
    judged: Mutex<Option<Arc<Listing>>>,
}

impl HostList {
    /// Takes rows in any order.
    pub fn new(rows: Vec<Row>) -> Self {
        Rows::from(rows).into()
    }

    /// Every row.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The row of one host.
    pub fn row(&self, key: &HostKey) -> Option<&Row> {
        self.rows.get(key)
    }

    /// Judges the rows, once for as long as the judgement holds: the same `Arc` means the same listing. `news` hears
    /// of every new judgement.
    pub fn listing(
        &self,
        liveness: &Liveness,
        at: LeaseInstant,
        news: impl FnOnce(&Arc<Listing>),
    ) -> Arc<Listing> {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = judged.as_ref().filter(|listing| listing.holds_at(at)) {
            return Arc::clone(listing);
        }
        let listing = Arc::new(liveness.judge(&self.rows, at));
        news(&listing);
        judged.insert(listing).clone()
    }
}

impl From<Rows> for HostList {
    fn from(rows: Rows) -> Self {
        let judged = Mutex::default();
        Self { rows, judged }
    }
}

/// The hosts that readers see, and what the judgement found beside them.
#[derive(Debug)]
pub struct Listing {
    /// The rows of the listed hosts.
    pub listed: Rows,
    /// How many of them are expired and kept by the guard against mass expiry.
    pub guarded: usize,
    /// The rows a sweep may remove, ordered by key.
    pub expired: Vec<Row>,
    /// The expired hosts that the guard keeps listed, ordered by key.
    pub(crate) spared: Vec<Arc<Host>>,
    /// The expired rows that the guard keeps, but not on the list; ordered by key.
    pub(crate) unlisted: Vec<Row>,
    /// When it was judged, and the last moment at which it is still true.
    pub(crate) judged_at: LeaseInstant,
    pub(crate) holds_until: LeaseInstant,
}

impl Listing {
    /// The listed hosts, ordered by key.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> + Clone {
        self.listed.hosts()
    }

    /// Whether nothing has expired, or died, between the judgement and that moment.
    pub fn holds_at(&self, at: LeaseInstant) -> bool {
        (self.judged_at..=self.holds_until).contains(&at)
    }

    /// The last moment at which the listing is still true, unless a row changes before.
    pub fn holds_until(&self) -> LeaseInstant {
        self.holds_until
    }

    /// This listing with some of its expired hosts listed after all.
    pub(crate) fn sparing(&self, spared: Vec<Row>) -> Self {
        let guarded = spared.len();
        let mut listed = self.listed.clone();
        for row in spared {
            listed.put(row);
        }
        let (judged_at, holds_until) = (self.judged_at, self.holds_until);
        Self {
            listed,
            guarded,
            expired: Vec::new(),
            spared: Vec::new(),
            unlisted: Vec::new(),
            judged_at,
            holds_until,
        }
    }

    /// Whether readers see that host, and not only thanks to the guard.
    pub(crate) fn lists_as_live(&self, key: &HostKey) -> bool {
        self.lists(key) && !self.spares(key)
    }

    pub(crate) fn spares(&self, key: &HostKey) -> bool {
        let found = self.spared.binary_search_by(|host| host.key.cmp(key));
        found.is_ok()
    }

    /// The expired rows that are on no list but were on one lately, as far as their age tells: the others are long dead.
    pub(crate) fn lately_unlisted(&self, host_ttl: Duration) -> impl Iterator<Item = &Row> {
        let is_young = move |row: &&Row| self.judged_at.since(row.renewed) <= host_ttl * 2;
        let young = self.expired.iter().filter(is_young);
        self.unlisted.iter().chain(young)
    }

    /// Whether that host is expired and on no list.
    pub(crate) fn unlists(&self, key: &HostKey) -> bool {
        let has = |rows: &[Row]| rows.binary_search_by(|row| row.host.key.cmp(key)).is_ok();
        has(&self.unlisted) || has(&self.expired)
    }

    /// Whether readers see that host.
    pub fn lists(&self, key: &HostKey) -> bool {
        self.listed.get(key).is_some()
    }
}
