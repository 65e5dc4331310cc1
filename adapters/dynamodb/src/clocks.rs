//! Clocks of nodes that differ, as far as what they record shows it (liveness rule 4).

use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use discovery_domain::{LeaseClock, Outage};
use tracing::warn;

use crate::DynamoDbHostRepository;
use crate::item::Item;
use crate::proof::span;

/// When a node last found that another clock is ahead of its own, and the later time that was recorded by that one.
pub(crate) const AHEAD: &str = "clock_ahead";
/// What was found so long before the last proof is over.
const LONG_OVER: TimeDelta = TimeDelta::days(1);

impl DynamoDbHostRepository {
    /// Where something was recorded by a clock that is ahead, says so to the operator, and to nodes that start later:
    /// they would take the last proof, or a check-in, for later than it was, and hosts for silent since.
    pub(crate) async fn compare_clocks(&self, now: DateTime<Utc>, found: DateTime<Utc>) {
        let lead = (found - now).to_std().unwrap_or_default();
        let is_ahead = lead > LeaseClock::LONGEST_GAP;
        let was_ahead = self.records.saw_lead.swap(is_ahead, Ordering::Relaxed);
        if !is_ahead {
            return;
        }
        if !was_ahead {
            warn!(
                ahead_s = lead.as_secs(),
                "the table holds a record of the future, for a clock is ahead of this node's: set the clocks of all nodes \
                 right"
            );
        }
        let seen = Outage {
            began: now,
            ended: found,
        };
        // Where this fails it is found again before long.
        let _ = self
            .table
            .record(now, &self.lease.outages(), Some(&seen))
            .await;
    }
}

/// How far a clock was ahead of another, if that was found within a day before the row was last written.
pub(crate) fn lead(row: &Item, last: DateTime<Utc>) -> Option<TimeDelta> {
    let seen = span(row.get(AHEAD)?)?;
    (last - seen.began < LONG_OVER).then(|| seen.ended - seen.began)
}
