//! Clocks of nodes that differ, as far as what they record shows it (liveness rule 4).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use discovery_domain::{LeaseClock, LeaseInstant, Outage};
use tracing::warn;

use crate::DynamoDbHostRepository;
use crate::item::Item;
use crate::proof::span;

/// When a node last found that another clock is ahead of its own, and the later time that was recorded by that one.
pub(crate) const AHEAD: &str = "clock_ahead";
/// What was found so long before the last proof is over.
const LONG_OVER: TimeDelta = TimeDelta::days(1);
/// How long before it was found a time may have been recorded, as every node does once a minute: by so much more than
/// was found a clock may be ahead.
const UNSEEN: TimeDelta = TimeDelta::minutes(1);

/// When the operator was last told that a clock is ahead.
#[derive(Default)]
pub(crate) struct Reminder(Mutex<Option<LeaseInstant>>);

impl Reminder {
    const PAUSE: Duration = Duration::from_hours(1);

    /// Whether it is time to tell so again, which then happens.
    fn is_due(&self, now: LeaseInstant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.since(last) >= Self::PAUSE);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

impl DynamoDbHostRepository {
    /// Where another node has recorded a time that is still to come by this one's clock, says so to the operator, and to
    /// nodes that start later: they would take the last proof, or a check-in, for later than it was, and hosts for
    /// silent since.
    pub(crate) async fn compare_clocks(&self, found: DateTime<Utc>) {
        // Only now: how long the request took says nothing of clocks.
        let now = self.lease.now();
        let lead = (found - now.wall).to_std().unwrap_or_default();
        if lead <= LeaseClock::LONGEST_GAP {
            return;
        }
        if self.records.reminder.is_due(now.lease) {
            warn!(
                ahead_s = lead.as_secs(),
                "the table holds a record of the future, for another node's clock is ahead of this one's: set the clocks \
                 of all nodes right"
            );
        }
        let seen = Outage {
            began: now.wall,
            ended: found,
        };
        let outages = self.lease.outages();
        // Where this fails it is found again before long.
        if let Ok(_before) = self.table.record(now.wall, &outages, Some(&seen)).await {
            self.records.last().replace(now.wall);
        }
    }
}

/// How far a clock was ahead of another, if that was found within a day before the row was last written.
pub(crate) fn lead(row: &Item, last: DateTime<Utc>) -> Option<TimeDelta> {
    let seen = span(row.get(AHEAD)?)?;
    (last - seen.began < LONG_OVER).then(|| seen.ended - seen.began + UNSEEN)
}
