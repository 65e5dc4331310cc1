//! The rows by which nodes tell each other which services they change (liveness rule 16). They are shaped like hosts of
//! a service that no service can be, so that the original, too, passes over them.

use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use discovery_domain::{LeaseClock, LeaseInstant, ServiceName, StoreError};
use tracing::warn;

use crate::announcements::{Announced, News, Ours, Theirs};
use crate::date;
use crate::expression::Expression;
use crate::item::{IP_ADDRESS, Item, LAST_CHECK_IN, SERVICE, attribute, shaped_like_a_host, text};
use crate::silence::Silence;
use crate::table::{Refusal, Table};

/// No service can have this name.
const CHANGES: &str = "\u{1}changes";
const AFTER: &str = "after";
const SERVICES: &str = "services";

/// Tells the other nodes which services this one changes.
pub struct Announcer {
    table: Arc<Table>,
    lease: Arc<LeaseClock>,
    node: Arc<str>,
    ours: Ours,
    /// Whether something was noted that is not written yet.
    owes: bool,
}

/// Learns which services the other nodes change.
pub struct Listener {
    table: Arc<Table>,
    lease: Arc<LeaseClock>,
    node: Arc<str>,
    theirs: Theirs,
    silence: Silence,
    /// When removals are tried again, where one has failed.
    removes_from: LeaseInstant,
}

pub(crate) fn pair(table: &Arc<Table>, lease: &Arc<LeaseClock>) -> (Announcer, Listener) {
    let node: Arc<str> = format!("{:016x}", RandomState::new().hash_one(())).into();
    let announcer = Announcer {
        table: Arc::clone(table),
        lease: Arc::clone(lease),
        node: Arc::clone(&node),
        ours: Ours::default(),
        owes: false,
    };
    let listener = Listener {
        table: Arc::clone(table),
        lease: Arc::clone(lease),
        node,
        theirs: Theirs::default(),
        silence: Silence::default(),
        removes_from: LeaseInstant::DISTANT_PAST,
    };
    (announcer, listener)
}

impl Announcer {
    /// Notes that this node has changed a service.
    pub fn changed(&mut self, service: ServiceName) {
        self.ours.changed(service);
        self.owes = true;
    }

    /// Notes that this node has changed services, and does not know which.
    pub fn missed(&mut self) {
        self.ours.missed();
        self.owes = true;
    }

    /// Whether something was noted that is not written yet.
    pub fn owes(&self) -> bool {
        self.owes
    }

    /// Writes what was noted to this node's row; after an error it is written next time. To be called once a second at
    /// most.
    pub async fn announce(&mut self) -> Result<(), StoreError> {
        let item = item_of(&self.node, self.lease.now().wall, &self.ours.announced());
        match self.table.put(item, &Expression::default()).await {
            Ok(_before) => {
                self.ours.written();
                self.owes = false;
            }
            Err(refusal) => return Err(self.table.unconditional(refusal)),
        }
        Ok(())
    }
}

impl Listener {
    /// For how long a node's row stays after it was last written, by what it says.
    const ROWS_STAY_FOR: TimeDelta = TimeDelta::days(1);
    /// For how long this node must have read it unchanged by then: its own wall clock may be far ahead of the others'.
    const ROWS_ARE_WATCHED_FOR: Duration = Duration::from_hours(1);
    /// The pause after a removal that has failed.
    const REMOVAL_PAUSE: Duration = Duration::from_mins(1);

    /// Reads what the other nodes have changed since the last call, with one request; the first call names what they
    /// have changed lately. A row that was written long ago is removed, one a call.
    pub async fn news(&mut self) -> Result<News, StoreError> {
        let items = self.table.query(None, SERVICE, CHANGES, true).await?;
        let others = items.iter().filter_map(row_of);
        let others = others.filter(|(node, _)| **node != *self.node);
        let news = self.theirs.read(others.collect());
        self.remove_an_old_row(&items).await;
        Ok(news)
    }

    /// Removes one of the rows that nobody writes any more; what was read of the others counts also where that fails.
    async fn remove_an_old_row(&mut self, items: &[Item]) {
        let now = self.lease.now();
        let rows = items.iter().filter_map(|item| {
            let written = attribute(item, LAST_CHECK_IN).ok()?;
            Some((attribute(item, IP_ADDRESS).ok()?, written))
        });
        self.silence.read(rows, now.lease);
        let too_old = now.wall - Self::ROWS_STAY_FOR;
        let is_silent = |item: &&Item| {
            let node = attribute(item, IP_ADDRESS).unwrap_or_default();
            self.silence.of(node, now.lease) >= Self::ROWS_ARE_WATCHED_FOR
        };
        let mut old = items.iter().filter(|item| is_older(item, too_old));
        let Some(item) = old
            .find(is_silent)
            .filter(|_| now.lease >= self.removes_from)
        else {
            return;
        };
        if let Err(error) = self.remove(item).await {
            self.removes_from = self.lease.instant() + Self::REMOVAL_PAUSE;
            let error = &error as &dyn Error;
            warn!(
                error,
                "the row of a node that is long gone can't be removed"
            );
        }
    }

    /// Removes a row, unless it was written meanwhile.
    async fn remove(&self, item: &Item) -> Result<(), StoreError> {
        let key = [SERVICE, IP_ADDRESS].map(|name| (name.to_owned(), item[name].clone()));
        let seen = item[LAST_CHECK_IN].clone();
        let unchanged = Expression::unchanged(LAST_CHECK_IN, seen);
        match self.table.delete(Item::from(key), &unchanged).await {
            Ok(_) | Err(Refusal::Condition { .. }) => Ok(()),
            Err(Refusal::Store(error)) => Err(error),
        }
    }
}

fn item_of(node: &str, now: DateTime<Utc>, announced: &Announced) -> Item {
    let names = announced.services.iter();
    let names = names.map(|service| text(service.as_str())).collect();
    let own = [
        (SERVICE, text(CHANGES)),
        (IP_ADDRESS, text(node)),
        (AFTER, AttributeValue::N(announced.after.to_string())),
        (SERVICES, AttributeValue::L(names)),
    ];
    let attributes = own.into_iter().chain(shaped_like_a_host(now, CHANGES));
    attributes
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// What a row says, and which node's it is. One that can't be read says nothing: every list in use is read again now and
/// then anyway.
fn row_of(item: &Item) -> Option<(String, Announced)> {
    let node = attribute(item, IP_ADDRESS).ok()?.to_owned();
    let after = item.get(AFTER)?.as_n().ok()?.parse().ok()?;
    let names = item.get(SERVICES)?.as_l().ok()?.iter();
    let services = names.map(|name| ServiceName::parse(name.as_s().ok()?).ok());
    let services = services.collect::<Option<_>>()?;
    Some((node, Announced { after, services }))
}

fn is_older(item: &Item, than: DateTime<Utc>) -> bool {
    let written = attribute(item, LAST_CHECK_IN).ok().and_then(date::parse);
    written.is_some_and(|written| written < than)
}
