//! The lease clock: the time by which hosts age (liveness rules 1 to 4 and 12).

use std::ops::{Add, Sub};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::clock::Clock;

/// A moment on a node's lease clock, in microseconds since the node started; negative for what came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseInstant(i64);

impl LeaseInstant {
    /// Before everything.
    pub const DISTANT_PAST: Self = Self(i64::MIN);
    /// After everything.
    pub const DISTANT_FUTURE: Self = Self(i64::MAX);

    /// How long ago `earlier` was; zero when it was not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for LeaseInstant {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }
}

impl Sub<Duration> for LeaseInstant {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros(by)))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// One moment, by the wall clock that others read and by the lease clock that this node judges by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Wall time, cut to the microseconds that a stored row keeps (rule 12).
    pub wall: DateTime<Utc>,
    /// Lease time.
    pub lease: LeaseInstant,
}

/// A clock that runs only while check-ins can be recorded, so that an outage, a stopped process or a suspended machine
/// ages nobody by more than [`LeaseClock::LONGEST_GAP`].
pub struct LeaseClock {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    /// Lease time at the last proof that the store can record.
    at_proof: LeaseInstant,
    /// Monotonic time of that proof.
    proof: Duration,
    /// When this node started, and the last proof from before that, where one is remembered.
    started: DateTime<Utc>,
    proof_before_start: Option<DateTime<Utc>>,
}

impl LeaseClock {
    /// The longest time that counts between two proofs (rule 3).
    pub const LONGEST_GAP: Duration = Duration::from_secs(5);

    /// Starts at zero, with no outage before it.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State {
            at_proof: LeaseInstant(0),
            proof: clock.monotonic(),
            started: clock.wall(),
            proof_before_start: None,
        };
        Self {
            clock,
            state: Mutex::new(state),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        Moment {
            wall: self.clock.wall().trunc_subsecs(6),
            lease: self.instant(),
        }
    }

    /// The present moment, by lease time alone.
    pub fn instant(&self) -> LeaseInstant {
        self.state().lease_at(self.clock.monotonic())
    }

    /// Notes that the store has just recorded something: the time up to now counts, up to the longest gap.
    pub fn prove(&self) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        state.at_proof = state.lease_at(now);
        state.proof = now;
    }

    /// How long ago the store last recorded something.
    pub fn since_proof(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.state().proof)
    }

    /// Notes the last proof that the store remembers from before this node wrote to it: everything between that and
    /// the start was an outage (rule 4). Only the first call counts; what is remembered later are this node's own.
    pub fn remember_proof(&self, last: DateTime<Utc>) {
        let mut state = self.state();
        let last = last.min(state.started);
        state.proof_before_start.get_or_insert(last);
    }

    /// The lease time at which a row that this node sees for the first time had age zero (rules 2 and 4). A check-in
    /// in the future counts as one of now, and one from before the start shortens the outage it disproves.
    pub fn first_sight(&self, last_check_in: DateTime<Utc>) -> LeaseInstant {
        let wall = self.clock.wall();
        let mut state = self.state();
        let lease = state.lease_at(self.clock.monotonic());
        if state
            .proof_before_start
            .is_some_and(|proof| proof < last_check_in)
            && last_check_in <= wall
        {
            state.proof_before_start = Some(last_check_in.min(state.started));
        }
        let age = (wall - last_check_in).max(TimeDelta::zero()) - state.outage_since(last_check_in);
        lease - age.to_std().unwrap_or(Duration::ZERO)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lease_at(&self, monotonic: Duration) -> LeaseInstant {
        self.at_proof
            + monotonic
                .saturating_sub(self.proof)
                .min(LeaseClock::LONGEST_GAP)
    }

    /// The part of the outage before the start that lies after a check-in.
    fn outage_since(&self, last_check_in: DateTime<Utc>) -> TimeDelta {
        let began = self
            .proof_before_start
            .map(|proof| proof.max(last_check_in));
        began.map_or(TimeDelta::zero(), |began| {
            (self.started - began).max(TimeDelta::zero())
        })
    }
}
