//! What is broken, what may come of it, and what came of it.

use std::time::Duration;

use discovery_bench::Result;
use futures_util::future::BoxFuture;

/// One thing that goes wrong around a node.
pub(crate) struct Fault {
    /// What it is run by.
    pub(crate) name: &'static str,
    /// What must hold meanwhile and afterwards.
    pub(crate) mark: &'static str,
    /// Breaks it and measures; an error is what kept it from measuring.
    pub(crate) run: fn(Scale) -> BoxFuture<'static, Result<Outcome>>,
}

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// What CI has the time for.
    Ci,
    /// What the promise is judged by.
    Full,
}

impl Scale {
    /// The number for CI, or the one that counts.
    pub(crate) fn pick<T>(self, ci: T, full: T) -> T {
        match self {
            Self::Ci => ci,
            Self::Full => full,
        }
    }
}

/// What was tried, measured and missed.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What was done, and how often.
    pub(crate) tried: String,
    /// Every figure, in the order of the marks.
    pub(crate) measured: Vec<String>,
    /// Those figures that are worse than their mark.
    pub(crate) missed: Vec<String>,
}

impl Outcome {
    /// Nothing measured yet of what was tried.
    pub(crate) fn of(tried: impl Into<String>) -> Self {
        Self {
            tried: tried.into(),
            ..Self::default()
        }
    }

    /// Notes a figure, and whether it keeps the mark.
    pub(crate) fn hold(&mut self, holds: bool, figure: impl Into<String>) {
        let figure = figure.into();
        if !holds {
            self.missed.push(figure.clone());
        }
        self.measured.push(figure);
    }

    /// Adds what another part of the same fault brought.
    pub(crate) fn add(&mut self, part: &str, other: Self) {
        let named = |figure: String| format!("{part}: {figure}");
        self.measured.extend(other.measured.into_iter().map(named));
        self.missed.extend(other.missed.into_iter().map(named));
    }
}

/// A duration as people read it.
pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
