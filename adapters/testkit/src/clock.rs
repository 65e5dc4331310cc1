//! A clock that stands still until a test moves it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use discovery_domain::{Clock, LeaseClock};

/// Wall and monotonic time in a test's hands.
#[derive(Debug)]
pub struct ManualClock(Mutex<Times>);

#[derive(Debug, Clone, Copy)]
struct Times {
    wall: DateTime<Utc>,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock at 2026-11-22 12:56:52.129669 UTC.
    pub fn new() -> Arc<Self> {
        Self::at(DateTime::from_timestamp_micros(1_795_352_212_129_669).expect("a year near ours"))
    }

    /// A clock at that wall time, as that of a process that has just started.
    pub fn at(wall: DateTime<Utc>) -> Arc<Self> {
        let monotonic = Duration::ZERO;
        Arc::new(Self(Mutex::new(Times { wall, monotonic })))
    }

    /// Lets time pass, on the wall as anywhere.
    pub fn advance(&self, by: Duration) {
        let mut times = self.times();
        times.wall += by;
        times.monotonic += by;
    }

    /// Sets the wall clock forward or back, while no time passes.
    pub fn jump(&self, by: TimeDelta) {
        self.times().wall += by;
    }

    /// Lets time pass by which hosts age: the store proves often enough that it can record.
    pub fn advance_proving(&self, lease: &LeaseClock, by: Duration) {
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(LeaseClock::LONGEST_GAP);
            self.advance(step);
            lease.prove();
            left -= step;
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> DateTime<Utc> {
        self.times().wall
    }

    fn monotonic(&self) -> Duration {
        self.times().monotonic
    }
}
