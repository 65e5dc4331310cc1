//! What came of many requests: how long they took and how they were answered.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies of answered requests, and how many were refused or failed.
#[derive(Debug, Clone)]
pub struct Tally {
    latencies: Histogram<u64>,
    /// How often each status that is no success was answered.
    pub refused: BTreeMap<u16, u64>,
    /// How many requests got no answer.
    pub failed: u64,
    /// What the last of them met.
    pub last_failure: Option<String>,
}

impl Default for Tally {
    fn default() -> Self {
        let latencies = Histogram::new_with_bounds(1, 3_600_000_000, 3);
        Self {
            latencies: latencies.expect("one microsecond to an hour, three digits"),
            refused: BTreeMap::new(),
            failed: 0,
            last_failure: None,
        }
    }
}

impl Tally {
    /// Counts an answer.
    pub fn answered(&mut self, status: u16, after: Duration) {
        if (200..400).contains(&status) {
            let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
            self.latencies.saturating_record(micros);
        } else {
            *self.refused.entry(status).or_default() += 1;
        }
    }

    /// Counts a request without an answer.
    pub fn failed(&mut self, why: &crate::Error) {
        self.failed += 1;
        self.last_failure = Some(why.to_string());
    }

    /// Adds what another connection counted.
    pub fn add(&mut self, other: &Self) {
        self.latencies
            .add(&other.latencies)
            .expect("all have the same bounds");
        for (status, count) in &other.refused {
            *self.refused.entry(*status).or_default() += count;
        }
        self.failed += other.failed;
        self.last_failure = other.last_failure.clone().or(self.last_failure.take());
    }

    /// How many requests succeeded.
    pub fn succeeded(&self) -> u64 {
        self.latencies.len()
    }

    /// How many did not.
    pub fn unsuccessful(&self) -> u64 {
        self.failed + self.refused.values().sum::<u64>()
    }

    /// The latency that so many percent of the successful requests kept.
    pub fn percentile(&self, percent: f64) -> Duration {
        Duration::from_micros(self.latencies.value_at_percentile(percent))
    }
}

impl fmt::Display for Tally {
    /// One line: count, percentiles, and what went wrong if anything did.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10} ok", self.succeeded())?;
        for (name, percent) in [
            ("p50", 50.0),
            ("p90", 90.0),
            ("p99", 99.0),
            ("p99.9", 99.9),
            ("max", 100.0),
        ] {
            write!(
                f,
                "  {name} {:.2} ms",
                self.percentile(percent).as_secs_f64() * 1e3
            )?;
        }
        for (status, count) in &self.refused {
            write!(f, "  {count} answered {status}")?;
        }
        match &self.last_failure {
            Some(why) => write!(f, "  {} unanswered, the last: {why}", self.failed),
            None => Ok(()),
        }
    }
}
