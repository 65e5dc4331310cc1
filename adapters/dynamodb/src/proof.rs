//! The small shared row by which nodes prove that the store can record (liveness rules 3 and 4).

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use chrono::{DateTime, Utc};
use discovery_domain::{LeaseClock, Outage, StoreError};
use tokio::sync::Mutex;

use crate::DynamoDbHostRepository;
use crate::clocks::{AHEAD, Reminder, lead};
use crate::date;
use crate::expression::Expression;
use crate::item::{IP_ADDRESS, Item, LAST_CHECK_IN, SERVICE, attribute, shaped_like_a_host, text};
use crate::table::{Refusal, Table};

/// No service can have this name, so that no list shows the row.
const BOOKKEEPING: &str = "\u{1}discovery";
const PROOF: &str = "last proof";
/// The outages that nodes have lived through, for those that start later: the time at which the last proof was made
/// does not tell them of any before it.
const OUTAGES: &str = "outages";

/// What this node has recorded in its life.
pub(crate) struct Records {
    last: std::sync::Mutex<Option<DateTime<Utc>>>,
    pub(crate) reminder: Reminder,
    /// How often the end of an outage was recorded or could not be, and what came of it last: however many writes wait
    /// for that, there is one attempt at a time.
    attempts: AtomicU64,
    last_attempt: Mutex<Result<(), StoreError>>,
}

impl Records {
    pub(crate) fn new() -> Self {
        Self {
            last: std::sync::Mutex::default(),
            reminder: Reminder::default(),
            attempts: AtomicU64::new(0),
            last_attempt: Mutex::new(Ok(())),
        }
    }

    /// The moment that was recorded last.
    pub(crate) fn last(&self) -> std::sync::MutexGuard<'_, Option<DateTime<Utc>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DynamoDbHostRepository {
    /// Records a moment, and the outages before it.
    pub(crate) async fn record(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let outages = self.lease.outages();
        let before = self.table.record(now, &outages, None).await?;
        let own = self.records.last().replace(now);
        if let Some(found) = before.filter(|_| before != own) {
            self.compare_clocks(found).await;
        }
        Ok(before)
    }

    /// Records an outage before anything else is written after it: a node that starts in between would take the first
    /// check-in for a sign that hosts could check in all the time.
    pub(crate) async fn record_outage(&self) -> Result<(), StoreError> {
        if !self.owes_a_record() {
            return Ok(());
        }
        let seen = self.records.attempts.load(Ordering::Relaxed);
        let mut last = self.records.last_attempt.lock().await;
        if self.records.attempts.load(Ordering::Relaxed) == seen {
            let recorded = self.record(self.lease.now().wall).await;
            *last = recorded.map(|_before| self.lease.prove());
            self.records.attempts.fetch_add(1, Ordering::Relaxed);
        }
        last.clone()
    }

    /// Whether this node knows of an outage that the table may not tell of.
    fn owes_a_record(&self) -> bool {
        let is_long = |silence| silence > LeaseClock::LONGEST_GAP;
        let has_recorded = self.records.last().is_some();
        is_long(self.lease.since_proof())
            || !has_recorded && is_long(self.lease.silent_before_start())
    }

    /// Reads, once and before anything else, what the store remembers: without it a node that starts after an outage
    /// would take every host for expired that could not check in meanwhile.
    pub(crate) async fn recall(&self) -> Result<(), StoreError> {
        let recalled = self.recalled.get_or_try_init(async || {
            let row = self.table.get(key()).await?.unwrap_or_default();
            if let Some(last) = time(&row) {
                if let Some(lead) = lead(&row, last) {
                    self.lease.remember_lead(lead);
                }
                self.lease.remember_proof(last);
            }
            for outage in outages(&row) {
                self.lease.remember_outage(outage);
            }
            Ok(())
        });
        recalled.await.copied()
    }
}

impl Table {
    /// Records a moment and the outages before it in the place of what was recorded last, and returns that moment. What
    /// another node has recorded of outages is replaced: this one has read it at its start, and lived through the rest.
    /// What was found of clocks stays, unless there is news.
    pub(crate) async fn record(
        &self,
        now: DateTime<Utc>,
        outages: &[Outage],
        ahead: Option<&Outage>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut update = shaped_like_a_host(now, PROOF)
            .into_iter()
            .fold(Expression::default(), |update, (name, value)| {
                update.set(name, Some(value))
            });
        if !outages.is_empty() {
            let written = outages.iter().map(|outage| text(written(outage)));
            update = update.set(OUTAGES, Some(AttributeValue::L(written.collect())));
        }
        if let Some(ahead) = ahead {
            update = update.set(AHEAD, Some(text(written(ahead))));
        }
        let before = self.update(key(), &update, ReturnValue::UpdatedOld).await;
        let before = before.map_err(|refusal| self.unconditional(refusal))?;
        Ok(before.as_ref().and_then(time))
    }

    /// The failure of a write that had no condition.
    pub(crate) fn unconditional(&self, refusal: Refusal) -> StoreError {
        match refusal {
            Refusal::Store(error) => error,
            Refusal::Condition { .. } => StoreError::Broken {
                what: format!(
                    "dynamodb table {:?} refused a write without a condition",
                    self.name
                ),
                source: None,
            },
        }
    }
}

fn key() -> Item {
    Item::from([
        (SERVICE.into(), text(BOOKKEEPING)),
        (IP_ADDRESS.into(), text(PROOF)),
    ])
}

/// When a row was last written.
pub(crate) fn time(row: &Item) -> Option<DateTime<Utc>> {
    attribute(row, LAST_CHECK_IN).ok().and_then(date::parse)
}

fn written(outage: &Outage) -> String {
    let (began, ended) = (date::written(outage.began), date::written(outage.ended));
    format!("{began}/{ended}")
}

/// The outages that a row tells of, as far as they can be read.
fn outages(row: &Item) -> impl Iterator<Item = Outage> {
    let texts = row.get(OUTAGES).and_then(|value| value.as_l().ok());
    texts.into_iter().flatten().filter_map(span)
}

/// A time and a later one.
pub(crate) fn span(value: &AttributeValue) -> Option<Outage> {
    let (began, ended) = value.as_s().ok()?.split_once('/')?;
    Some(Outage {
        began: date::parse(began)?,
        ended: date::parse(ended)?,
    })
}
