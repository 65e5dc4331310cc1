//! Contenders take turns, so that what disturbs the machine disturbs them alike.

use discovery_bench::Result;

use crate::wrk::{Aim, Shot};

/// How often, and how long, everyone has their turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) rounds: u32,
    pub(crate) seconds: u64,
}

/// One contender's shots, round by round.
#[derive(Debug, Default)]
pub(crate) struct Series(Vec<Shot>);

impl Rounds {
    /// Lets contenders of one kind shoot in turns.
    pub(crate) async fn shoot<const N: usize>(self, aims: [&Aim; N]) -> Result<[Series; N]> {
        let mut all = std::array::from_fn(|_| Series::default());
        for _ in 0..self.rounds {
            for (aim, series) in aims.iter().zip(&mut all) {
                series.push(aim.shoot(self.seconds).await?);
            }
        }
        Ok(all)
    }
}

impl Series {
    /// Adds a round's shot.
    pub(crate) fn push(&mut self, shot: Shot) {
        self.0.push(shot);
    }

    /// The median rate.
    pub(crate) fn rate(&self) -> f64 {
        median(self.0.iter().map(|shot| shot.rate))
    }

    /// The median of the 99th percentiles, in milliseconds.
    pub(crate) fn p99(&self) -> f64 {
        median(self.0.iter().map(|shot| shot.p99))
    }

    /// The median CPU time of a request, in microseconds.
    pub(crate) fn cpu(&self) -> f64 {
        median(self.0.iter().map(|shot| shot.cpu))
    }

    /// How many times the other's rate this one reached: the median over the rounds.
    pub(crate) fn times(&self, other: &Self) -> f64 {
        median(
            self.0
                .iter()
                .zip(&other.0)
                .map(|(mine, theirs)| mine.rate / theirs.rate),
        )
    }

    /// How many times the other's 99th percentile this one took.
    pub(crate) fn times_p99(&self, other: &Self) -> f64 {
        median(
            self.0
                .iter()
                .zip(&other.0)
                .map(|(mine, theirs)| mine.p99 / theirs.p99),
        )
    }
}

/// The middle one; of an even number, the lower of the middle two.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(f64::NAN)
}
