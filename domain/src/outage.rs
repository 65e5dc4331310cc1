//! Times in which nobody could check in, which age nobody (liveness rules 3 and 4).

use chrono::{DateTime, TimeDelta, Utc};

/// A span of wall time in which the store recorded nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// When something was last recorded before it.
    pub began: DateTime<Utc>,
    /// When something could be recorded again.
    pub ended: DateTime<Utc>,
}

/// The latest outages that are known; they do not overlap.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outages(Vec<Outage>);

impl Outage {
    /// The part of it that lies after a check-in.
    pub(crate) fn after(&self, check_in: DateTime<Utc>) -> TimeDelta {
        (self.ended - self.began.max(check_in)).max(TimeDelta::zero())
    }
}

impl Outages {
    /// So many that a restart in a bad week knows what it has to.
    const MOST: usize = 16;

    /// Adds one, merged with those that it meets.
    pub(crate) fn add(&mut self, outage: Outage) {
        if outage.ended <= outage.began {
            return;
        }
        let mut sum = outage;
        self.0.retain(|known| {
            let apart = known.ended < sum.began || sum.ended < known.began;
            if !apart {
                sum.began = sum.began.min(known.began);
                sum.ended = sum.ended.max(known.ended);
            }
            apart
        });
        self.0.push(sum);
        self.0.sort_by_key(|known| known.ended);
        let too_many = self.0.len().saturating_sub(Self::MOST);
        self.0.drain(..too_many);
    }

    /// Shortens the outage that a check-in disproves, for it was recorded in the midst of it.
    pub(crate) fn disproved_by(&mut self, check_in: DateTime<Utc>) {
        for outage in &mut self.0 {
            if outage.began < check_in && check_in < outage.ended {
                outage.began = check_in;
            }
        }
    }

    /// For how long since a check-in nobody could check in.
    pub(crate) fn since(&self, check_in: DateTime<Utc>) -> TimeDelta {
        self.0.iter().map(|outage| outage.after(check_in)).sum()
    }

    /// All of them, the latest last.
    pub(crate) fn all(&self) -> &[Outage] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time")
    }

    fn outage(began: i64, ended: i64) -> Outage {
        Outage {
            began: at(began),
            ended: at(ended),
        }
    }

    #[test]
    fn outages_that_meet_count_once() {
        let mut outages = Outages::default();
        for (began, ended) in [(0, 10), (20, 30), (5, 22), (40, 50), (60, 60)] {
            outages.add(outage(began, ended));
        }
        assert_eq!(outages.all(), [outage(0, 30), outage(40, 50)]);
        assert_eq!(outages.since(at(-5)), TimeDelta::seconds(40));
        assert_eq!(outages.since(at(25)), TimeDelta::seconds(15));
        assert_eq!(outages.since(at(50)), TimeDelta::zero());
    }

    #[test]
    fn a_check_in_disproves_what_was_before_it_of_its_own_outage_alone() {
        let mut outages = Outages::default();
        outages.add(outage(0, 10));
        outages.add(outage(20, 30));
        for seconds in [-1, 0, 15, 20, 30, 31] {
            outages.disproved_by(at(seconds));
            assert_eq!(outages.all(), [outage(0, 10), outage(20, 30)]);
        }
        outages.disproved_by(at(25));
        assert_eq!(outages.all(), [outage(0, 10), outage(25, 30)]);
    }

    #[test]
    fn the_latest_are_kept() {
        let mut outages = Outages::default();
        for number in 0..100 {
            outages.add(outage(10 * number, 10 * number + 5));
        }
        assert_eq!(outages.all().len(), Outages::MOST);
        assert_eq!(outages.all().last(), Some(&outage(990, 995)));
    }
}
