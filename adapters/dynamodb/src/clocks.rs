//! Clocks of nodes that differ, as far as what they record shows it (liveness rules 2 and 4).

use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use discovery_domain::{LeaseClock, Outage};
use tracing::warn;

use crate::DynamoDbHostRepository;
use crate::item::Item;
use crate::proof::{span, time};

/// When a node last found that another clock is ahead of its own, and the later time that was recorded by that one.
pub(crate) const AHEAD: &str = "clock_ahead";
/// What was found so long before the last proof is over.
const LONG_OVER: TimeDelta = TimeDelta::days(1);
/// How long before it was found a time may have been recorded, as every node does once a minute: by so much more than
/// was found a clock may be ahead.
const UNSEEN: TimeDelta = TimeDelta::minutes(1);
/// Of a clock that is ahead another node finds so within this time, while both run.
const SOON: TimeDelta = TimeDelta::minutes(10);

impl DynamoDbHostRepository {
    /// Looks at what was recorded before this node did `now`; it had recorded `own` itself before that.
    pub(crate) async fn compare_clocks(
        &self,
        now: DateTime<Utc>,
        own: Option<DateTime<Utc>>,
        before: &Item,
    ) {
        self.heed_what_others_found(now, own, before);
        if let Some(found) = time(before).filter(|found| Some(*found) != own) {
            self.tell_of_a_clock_ahead(now, found).await;
        }
    }

    /// Where another node has found that this one's clock is ahead, counts that.
    fn heed_what_others_found(
        &self,
        now: DateTime<Utc>,
        own: Option<DateTime<Utc>>,
        before: &Item,
    ) {
        let Some(seen) = before.get(AHEAD).and_then(span) else {
            return;
        };
        let is_of_late = (TimeDelta::zero()..=SOON).contains(&(now - seen.ended));
        if Some(seen.ended) == own {
            let lead = lead_of(&seen);
            if self.lease.runs_ahead_by(lead) {
                warn!(
                    ahead_s = lead.num_seconds(),
                    "this node's clock is ahead of another's: set the clocks of all nodes right"
                );
            }
        } else if !is_of_late {
            self.lease.runs_ahead_by(TimeDelta::zero());
        }
    }

    /// Where something was recorded by a clock that is ahead, says so to the operator, and to other nodes: one that
    /// starts later would take the last proof, or a check-in, for later than it was, and hosts for silent since.
    async fn tell_of_a_clock_ahead(&self, now: DateTime<Utc>, found: DateTime<Utc>) {
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
    (last - seen.began < LONG_OVER).then(|| lead_of(&seen))
}

fn lead_of(seen: &Outage) -> TimeDelta {
    seen.ended - seen.began + UNSEEN
}
