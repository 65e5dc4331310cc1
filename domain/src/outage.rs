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
pub(crate) struct Outages {
    /// Nodes have lived through these: they ran, and the store recorded nothing for them.
    lived_through: Vec<Outage>,
    /// The time before this node's start from which nothing is known to have been recorded; it may meet those, or begin
    /// after it has ended where a clock was ahead.
    before_start: Option<Outage>,
    /// How far ahead the clock may have been by which something was recorded before the start.
    lead: TimeDelta,
}

impl Outage {
    /// Whether it lies on both sides of that moment.
    fn spans(&self, moment: DateTime<Utc>) -> bool {
        self.began < moment && moment < self.ended
    }

    /// The part of it that lies after a check-in, and has passed.
    pub(crate) fn between(&self, check_in: DateTime<Utc>, now: DateTime<Utc>) -> TimeDelta {
        (self.ended.min(now) - self.began.max(check_in)).max(TimeDelta::zero())
    }
}

impl Outages {
    /// So many that a restart in a bad week knows what it has to, and as many as a row of a table takes without trouble.
    const MOST: usize = 64;
    /// What ended that much earlier than the latest goes first: who was there before is mostly dead or has checked in
    /// since.
    const LONG_OVER: TimeDelta = TimeDelta::days(7);

    /// Adds one that a node has lived through, merged with those that it meets.
    pub(crate) fn add(&mut self, outage: Outage) {
        if outage.ended <= outage.began {
            return;
        }
        let mut sum = outage;
        self.lived_through.retain(|known| {
            let apart = known.ended < sum.began || sum.ended < known.began;
            if !apart {
                sum.began = sum.began.min(known.began);
                sum.ended = sum.ended.max(known.ended);
            }
            apart
        });
        self.lived_through.push(sum);
        self.lived_through.sort_by_key(|known| known.ended);
        self.keep_the_most_that_fits();
    }

    /// Where there are too many, forgets what is long over. Of a node that starts again and again and always ends at
    /// once, those two become one between which the least time was counted.
    fn keep_the_most_that_fits(&mut self) {
        let known = &mut self.lived_through;
        while known.len() > Self::MOST {
            if known[known.len() - 1].ended - known[0].ended > Self::LONG_OVER {
                known.remove(0);
                continue;
            }
            let between = |at: &usize| known[*at].began - known[at - 1].ended;
            let at = (1..known.len()).min_by_key(between);
            let at = at.expect("there are two of them");
            known[at - 1].ended = known[at].ended;
            known.remove(at);
        }
    }

    /// Takes what was recorded before the start for that much earlier than it says. To be told before the rest.
    pub(crate) fn allow_for(&mut self, lead: TimeDelta) {
        self.lead = lead;
    }

    /// Notes the outage that ended with this node's start.
    pub(crate) fn add_before_start(&mut self, outage: Outage) {
        self.before_start = Some(outage);
    }

    /// The outage that ended with this node's start, if what was recorded last is that much older than it says. Kept apart
    /// from those that it meets, for what it is shortened by need not shorten them.
    fn before_start(&self, lead: TimeDelta) -> Option<Outage> {
        let Outage { began, ended } = self.before_start?;
        let began = began.checked_sub_signed(lead)?;
        let meets = |known: &&Outage| known.began < ended && began < known.ended;
        let latest = self.lived_through.iter().rfind(meets);
        let began = latest.map_or(began, |known| known.ended);
        (began < ended).then_some(Outage { began, ended })
    }

    /// Shortens the outage that a check-in disproves, for it was recorded in the midst of it. The time before the start
    /// begins only then, because whoever recorded it may have done so all the time before. Of an outage that a node has
    /// lived through the longer part stays: that another node came through a little earlier or longer, or has another
    /// clock, does not undo the rest.
    pub(crate) fn disproved_by(&mut self, check_in: DateTime<Utc>) {
        if let Some(start) = self.before_start.as_mut().filter(|o| check_in < o.ended) {
            start.began = start.began.max(check_in);
        }
        for outage in self.lived_through.iter_mut().filter(|o| o.spans(check_in)) {
            if check_in - outage.began < outage.ended - check_in {
                outage.began = check_in;
            } else {
                outage.ended = check_in;
            }
        }
    }

    /// How long the one before the start took, by what was recorded.
    pub(crate) fn silent_before_start(&self) -> TimeDelta {
        let outage = self.before_start(TimeDelta::zero());
        outage.map_or(TimeDelta::zero(), |outage| outage.ended - outage.began)
    }

    /// For how long since a check-in nobody could check in.
    pub(crate) fn between(&self, check_in: DateTime<Utc>, now: DateTime<Utc>) -> TimeDelta {
        let all = self.lived_through.iter().copied();
        all.chain(self.before_start(self.lead))
            .map(|outage| outage.between(check_in, now))
            .sum()
    }

    /// All of them by what was recorded, for others to make allowances for.
    pub(crate) fn all(&self) -> impl Iterator<Item = Outage> {
        let start = self.before_start(TimeDelta::zero());
        self.lived_through.iter().copied().chain(start)
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

    fn all(outages: &Outages) -> Vec<Outage> {
        outages.all().collect()
    }

    #[test]
    fn outages_that_meet_count_once() {
        let mut outages = Outages::default();
        for (began, ended) in [(0, 10), (20, 30), (5, 22), (40, 50), (60, 60)] {
            outages.add(outage(began, ended));
        }
        assert_eq!(all(&outages), [outage(0, 30), outage(40, 50)]);
        assert_eq!(outages.between(at(-5), at(70)), TimeDelta::seconds(40));
        assert_eq!(outages.between(at(25), at(70)), TimeDelta::seconds(15));
        assert_eq!(outages.between(at(50), at(70)), TimeDelta::zero());
        assert_eq!(outages.between(at(25), at(42)), TimeDelta::seconds(7));
    }

    #[test]
    fn a_check_in_disproves_the_shorter_part_of_its_own_outage_alone() {
        let mut outages = Outages::default();
        outages.add(outage(0, 10));
        outages.add(outage(20, 30));
        for seconds in [-1, 0, 15, 20, 30, 31] {
            outages.disproved_by(at(seconds));
            assert_eq!(all(&outages), [outage(0, 10), outage(20, 30)]);
        }
        outages.disproved_by(at(23));
        assert_eq!(all(&outages), [outage(0, 10), outage(23, 30)]);
        outages.disproved_by(at(29));
        assert_eq!(all(&outages), [outage(0, 10), outage(23, 29)]);
    }

    #[test]
    fn a_check_in_disproves_all_that_was_before_it_of_the_time_before_the_start() {
        let mut outages = Outages::default();
        outages.add_before_start(outage(20, 30));
        outages.disproved_by(at(29));
        assert_eq!(all(&outages), [outage(29, 30)]);
    }

    #[test]
    fn the_time_before_the_start_begins_where_the_outage_before_it_has_ended() {
        for start_comes_first in [true, false] {
            let mut outages = Outages::default();
            if start_comes_first {
                outages.add_before_start(outage(9, 12));
            }
            outages.add(outage(0, 10));
            if !start_comes_first {
                outages.add_before_start(outage(9, 12));
            }
            assert_eq!(all(&outages), [outage(0, 10), outage(10, 12)]);
            outages.disproved_by(at(11));
            assert_eq!(all(&outages), [outage(0, 10), outage(11, 12)]);
            outages.add(outage(5, 20));
            assert_eq!(all(&outages), [outage(0, 20)]);
        }
    }

    #[test]
    fn of_a_thousand_restarts_no_outage_is_forgotten_and_next_to_nothing_is_added() {
        let mut outages = Outages::default();
        outages.add(outage(-7200, -3600));
        for number in 0..1000 {
            outages.add(outage(10 * number, 10 * number + 9));
        }
        assert_eq!(all(&outages).len(), Outages::MOST);
        assert_eq!(all(&outages)[0], outage(-7200, -3600));
        let counted = outages.between(at(-7200), at(10_000));
        assert!(counted >= TimeDelta::seconds(3600 + 9000), "{counted}");
        assert!(counted <= TimeDelta::seconds(3600 + 10_000), "{counted}");
    }

    #[test]
    fn of_too_many_outages_those_are_forgotten_that_were_over_a_week_before_the_latest() {
        let (mut outages, day) = (Outages::default(), 24 * 3600);
        outages.add(outage(0, 10));
        for number in 0..63 {
            outages.add(outage(8 * day + 20 * number, 8 * day + 20 * number + 10));
        }
        assert_eq!(all(&outages)[0], outage(0, 10));
        outages.add(outage(9 * day, 9 * day + 10));
        assert_eq!(all(&outages)[0], outage(8 * day, 8 * day + 10));
        assert_eq!(all(&outages).len(), Outages::MOST);
    }
}
