//! Lists and rows as the store returns them, under what this node has written meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{
    Event, EventKind, HostKey, HostList, LeaseInstant, Reading, Row, ServiceName, ServiceRepoName,
    StoreError,
};
use tokio::time::sleep;

use crate::DynamoDbHostRepository;
use crate::item::{self, Item, SERVICE, StoredHost, Unreadable, attribute};
use crate::known::Known;
use crate::order::Began;
use crate::recent::{LAG, Scope};

/// A scan reads some 20 read units, and pauses, so that it leaves the table's throughput to others.
pub(crate) const SCAN_PAGE: i32 = 500;
pub(crate) const SCAN_PAUSE: Duration = Duration::from_millis(200);

/// What this node believes to be under a key.
pub(crate) enum Seen {
    Nothing,
    Host(Arc<Known>),
    Unreadable(Item),
}

impl Seen {
    /// The row, where it could be read.
    pub(crate) fn row(&self) -> Option<&Row> {
        match self {
            Self::Host(known) => Some(&known.row),
            Self::Nothing | Self::Unreadable(_) => None,
        }
    }
}

impl DynamoDbHostRepository {
    /// Lists a service: consistently where a read that lags would be too old.
    pub(crate) async fn list_service(
        &self,
        service: &ServiceName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        let mut began = self.began();
        began.consistent = not_before + LAG > began.lease;
        let items = self.table.of_service(service, began.consistent).await?;
        Ok(reading(
            self.rows(&items, &began, Scope::Service(service)),
            &began,
        ))
    }

    /// Lists a repo; the index has no hosts without one.
    pub(crate) async fn list_repo(&self, repo: &ServiceRepoName) -> Result<Reading, StoreError> {
        let mut began = self.began();
        began.consistent = false;
        if repo.is_empty() {
            return Ok(reading(Vec::new(), &began));
        }
        let items = self.table.of_repo(repo).await?;
        Ok(reading(
            self.rows(&items, &began, Scope::Repo(repo)),
            &began,
        ))
    }

    pub(crate) async fn get_row(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        let began = self.began();
        let item = self.table.get(item::key_of(key)).await?;
        Ok(self.rows(item.as_slice(), &began, Scope::Host(key)).pop())
    }

    /// Reads what is under a key at this moment.
    pub(crate) async fn look(&self, key: &HostKey) -> Result<Seen, StoreError> {
        let began = self.began();
        let item = self.table.get(item::key_of(key)).await?;
        Ok(self.seen(key, item, &began))
    }

    /// Takes in what a consistent read, or a write, has found under a key.
    pub(crate) fn seen(&self, key: &HostKey, item: Option<Item>, began: &Began) -> Seen {
        let Some(item) = item else {
            self.known.forget(key);
            return Seen::Nothing;
        };
        match self.read(&item) {
            Ok(stored) => Seen::Host(self.known.sight(stored, began)),
            Err(_) => Seen::Unreadable(item),
        }
    }

    /// Names every service that has a row that could be read.
    pub(crate) async fn scan_services(&self) -> Result<Vec<ServiceName>, StoreError> {
        let mut services = BTreeSet::new();
        let mut next = None;
        loop {
            let (items, following) = self.table.scan(SERVICE, next, SCAN_PAGE).await?;
            let names = items
                .iter()
                .filter_map(|item| attribute(item, SERVICE).ok());
            services.extend(names.filter_map(|name| ServiceName::parse(name).ok()));
            next = following;
            if next.is_none() {
                break;
            }
            sleep(SCAN_PAUSE).await;
        }
        services.extend(self.recent.services());
        Ok(services.into_iter().collect())
    }

    /// The start of a read that shows all that was written before.
    pub(crate) fn began(&self) -> Began {
        Began {
            turn: self.order.turn(),
            lease: self.lease.instant(),
            consistent: true,
        }
    }

    pub(crate) fn read(&self, item: &Item) -> Result<StoredHost, Unreadable> {
        item::read(item, |key| self.known.host(key))
    }

    /// The rows that were read, with this node's own writes in the place of what is surely older.
    fn rows(&self, items: &[Item], began: &Began, scope: Scope<'_>) -> Vec<Row> {
        let mut own = self.recent.missed_by(began, scope);
        let read = items.iter().filter_map(|item| self.readable(item));
        let read: Vec<StoredHost> = read.collect();
        self.lease
            .disprove(read.iter().map(|stored| stored.host.last_check_in));
        let mut rows = Vec::with_capacity(read.len());
        for stored in read {
            match own.get(&stored.host.key) {
                Some(write) if !write.is_older_than(&stored.host) => {}
                _ => {
                    own.remove(&stored.host.key);
                    rows.push(self.known.sight(stored, began).row.clone());
                }
            }
        }
        let own = own.into_values().filter_map(|write| write.row.clone());
        rows.extend(own.filter(|row| scope.holds(&row.host)));
        rows
    }

    /// Reads an item of a list; one that can't be read is counted and logged (liveness rule 8).
    fn readable(&self, item: &Item) -> Option<StoredHost> {
        match self.read(item) {
            Ok(stored) => {
                let tags_left_out = stored.host.tags.left_out();
                self.table
                    .metrics
                    .tags_left_out
                    .inc_by(tags_left_out as u64);
                Some(stored)
            }
            Err(reason) => {
                self.table.metrics.rows_left_out.inc();
                if self.left_out.log(item, &reason) {
                    self.remember(item, &reason);
                }
                None
            }
        }
    }

    /// Remembers that a row can't be read, if it says whose it is.
    fn remember(&self, item: &Item, reason: &Unreadable) {
        if let Some(key) = item::likely_key(item) {
            self.history.record(Event {
                at: self.lease.now().wall,
                key,
                what: EventKind::Unreadable(reason.to_string()),
                request_id: None,
            });
        }
    }
}

fn reading(rows: Vec<Row>, began: &Began) -> Reading {
    Reading {
        list: Arc::new(HostList::new(rows)),
        as_of: began.lease,
        stale: None,
    }
}
