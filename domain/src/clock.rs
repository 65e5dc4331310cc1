//! The outside world's clocks: the one port that all time comes through.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Tells the time. The only source of it, so that everything that ages can be tried with a clock that a test moves.
pub trait Clock: Send + Sync {
    /// The wall clock, for what people and other nodes read. May jump either way.
    fn wall(&self) -> DateTime<Utc>;

    /// Time since some fixed moment of this process. Never goes back.
    fn monotonic(&self) -> Duration;
}
