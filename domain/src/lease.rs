//! The lease clock: the time by which hosts age (liveness rules 1 to 4 and 12).

use std::ops::{Add, Sub};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::clock::Clock;
use crate::outage::{Outage, Outages};

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
    /// Whether the store has failed to record something since.
    doubted: bool,
    started: DateTime<Utc>,
    /// Whether the last proof from before the start is known.
    remembers: bool,
    outages: Outages,
}

impl LeaseClock {
    /// The longest time that counts between two proofs (rule 3).
    pub const LONGEST_GAP: Duration = Duration::from_secs(5);
    /// How far ahead the clock of another node may be for what it says of outages to be believed.
    const MOST_AHEAD: TimeDelta = TimeDelta::hours(1);

    /// Starts at zero, with no outage before it.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State {
            at_proof: LeaseInstant(0),
            proof: clock.monotonic(),
            doubted: false,
            started: clock.wall(),
            remembers: false,
            outages: Outages::default(),
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
        let (now, wall) = (self.clock.monotonic(), self.clock.wall());
        let mut state = self.state();
        if let Some(outage) = state.outage_at(now, wall) {
            state.outages.add(outage);
        }
        state.at_proof = state.lease_at(now);
        state.proof = now;
        state.doubted = false;
    }

    /// Notes that the store has just failed to record something.
    pub fn doubt(&self) {
        self.state().doubted = true;
    }

    /// Whether the clock stands still after so much more time unless the store records something by then, or may do so
    /// already, for the store has failed to.
    pub fn stops_within(&self, time: Duration) -> bool {
        let doubted = self.state().doubted;
        doubted || self.since_proof() + time > Self::LONGEST_GAP
    }

    /// How long ago the store last recorded something.
    pub fn since_proof(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.state().proof)
    }

    /// Notes that another node's clock may have been so far ahead before this node's start: what was recorded by it, be it
    /// a proof or a check-in, may be that much older than it says, and whoever checked in by a right clock until then
    /// would seem to have been silent for as long. To be told before the last proof.
    pub fn remember_lead(&self, lead: TimeDelta) {
        if (TimeDelta::zero()..=Self::MOST_AHEAD).contains(&lead) {
            self.state().outages.allow_for(lead);
        }
    }

    /// Notes the last proof that the store remembers from before this node wrote to it: everything between that and
    /// the start was an outage (rule 4). Only the first call counts; what is remembered later are this node's own.
    pub fn remember_proof(&self, last: DateTime<Utc>) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.remembers, true) {
            let ended = state.started;
            state
                .outages
                .add_before_start(Outage { began: last, ended });
        }
    }

    /// Notes an outage that another node has lived through and told of, so it is over: where it ends later than now, the
    /// other's clock is ahead, by which it also began, and one that is far ahead says nothing of outages.
    pub fn remember_outage(&self, outage: Outage) {
        let lead = (outage.ended - self.clock.wall()).max(TimeDelta::zero());
        if lead <= Self::MOST_AHEAD {
            let (began, ended) = (outage.began - lead, outage.ended - lead);
            self.state().outages.add(Outage { began, ended });
        }
    }

    /// The latest outages, for nodes that start later; one that lasts still ends now, for whoever records this ends it.
    /// None ends in the future, whatever this node's clock has shown before.
    pub fn outages(&self) -> Vec<Outage> {
        let (now, wall) = (self.clock.monotonic(), self.clock.wall());
        let state = self.state();
        let mut outages = state.outages.clone();
        if let Some(outage) = state.outage_at(now, wall) {
            outages.add(outage);
        }
        let ended = outages.all().map(|Outage { began, ended }| Outage {
            began,
            ended: ended.min(wall),
        });
        ended.filter(|outage| outage.began < outage.ended).collect()
    }

    /// Notes that something was recorded at each of these times: what is remembered of an outage that the newest lies in
    /// begins only then. A time after the start says nothing of what was before it, and may be from a clock that is
    /// ahead. To be told of all that is read together before the age of any is asked for.
    pub fn disprove(&self, recorded_at: impl IntoIterator<Item = DateTime<Utc>>) {
        let mut state = self.state();
        let started = state.started;
        let before_start = recorded_at.into_iter().filter(|time| *time < started);
        if let Some(newest) = before_start.max() {
            state.outages.disproved_by(newest);
        }
    }

    /// How long before this node's start nothing is known to have been recorded, beside the outages that other nodes
    /// tell of.
    pub fn silent_before_start(&self) -> Duration {
        let silent = self.state().outages.silent_before_start();
        silent.to_std().unwrap_or_default()
    }

    /// The lease time at which a row that this node sees for the first time had age zero (rules 2 and 4). A check-in
    /// in the future counts as one of now, and one in the midst of an outage shortens that.
    pub fn first_sight(&self, last_check_in: DateTime<Utc>) -> LeaseInstant {
        let (now, wall) = (self.clock.monotonic(), self.clock.wall());
        let mut state = self.state();
        state.outages.disproved_by(last_check_in);
        let ongoing = state.outage_at(now, wall);
        let ongoing = ongoing.map_or(TimeDelta::zero(), |outage| {
            outage.between(last_check_in, wall)
        });
        let outages = state.outages.between(last_check_in, wall) + ongoing;
        let age = wall - last_check_in - outages;
        state.lease_at(now) - age.to_std().unwrap_or(Duration::ZERO)
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

    /// The outage that ends at this moment, if one does: the longest gap counts as time.
    fn outage_at(&self, monotonic: Duration, wall: DateTime<Utc>) -> Option<Outage> {
        let silent = monotonic.saturating_sub(self.proof);
        let uncounted = silent.checked_sub(LeaseClock::LONGEST_GAP)?;
        let began = wall.checked_sub_signed(TimeDelta::from_std(uncounted).ok()?)?;
        Some(Outage { began, ended: wall })
    }
}
