//! The lease time of a file: the lease clocks of all processes that had it open, one after the other.

use std::time::Duration;

use discovery_domain::LeaseInstant;

/// Translates between this process's lease time and the file's, in which time goes on only while a process has the
/// file open and can record. Ages therefore outlive restarts, however many, and whatever the wall clock did (liveness
/// rules 2 to 4).
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeline {
    /// A moment of this process.
    here: LeaseInstant,
    /// The same moment in microseconds of the file's time.
    there: i64,
}

impl Timeline {
    /// Has the file's time go on from there.
    pub(super) fn new(here: LeaseInstant, there: i64) -> Self {
        Self { here, there }
    }

    /// A moment of this process, in the file's time.
    pub(super) fn in_file(&self, at: LeaseInstant) -> i64 {
        let since = micros(at.since(self.here)).saturating_sub(micros(self.here.since(at)));
        self.there.saturating_add(since)
    }

    /// A moment of the file's time, in this process's.
    pub(super) fn here(&self, at: i64) -> LeaseInstant {
        let since = Duration::from_micros(at.abs_diff(self.there));
        if at < self.there {
            self.here - since
        } else {
            self.here + since
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use discovery_domain::LeaseClock;
    use discovery_testkit::ManualClock;

    use super::*;

    #[test]
    fn every_moment_before_and_after_the_start_translates_both_ways() {
        let here = LeaseClock::new(ManualClock::new()).instant();
        let timeline = Timeline::new(here, 1_000_000);
        for (instant, in_file) in [
            (here, 1_000_000),
            (here + Duration::from_secs(2), 3_000_000),
            (here - Duration::from_secs(3), -2_000_000),
        ] {
            assert_eq!(timeline.in_file(instant), in_file);
            assert_eq!(timeline.here(in_file), instant);
        }
    }

    #[test]
    fn extreme_moments_do_not_overflow() {
        let clock: Arc<ManualClock> = ManualClock::new();
        let here = LeaseClock::new(clock).instant();
        for there in [i64::MIN, 0, i64::MAX] {
            let timeline = Timeline::new(here, there);
            for at in [i64::MIN, 0, i64::MAX] {
                timeline.in_file(timeline.here(at));
            }
            timeline.in_file(LeaseInstant::DISTANT_PAST);
            timeline.in_file(LeaseInstant::DISTANT_FUTURE);
        }
    }
}
