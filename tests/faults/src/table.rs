//! What came of all faults, as Markdown.

use std::fmt;

use discovery_bench::Result;

use crate::fault::{Fault, Outcome};

/// The first two lines of the table.
pub(crate) const HEAD: &str =
    "| fault | what was tried, how often | pass mark | measured | result |\n|---|---|---|---|---|";

/// One fault's line.
pub(crate) struct Row {
    pub(crate) fault: &'static Fault,
    pub(crate) outcome: Result<Outcome>,
}

impl Row {
    /// Whether every figure keeps its mark.
    pub(crate) fn passed(&self) -> bool {
        self.outcome
            .as_ref()
            .is_ok_and(|outcome| outcome.missed.is_empty() && !outcome.measured.is_empty())
    }

    /// Whether it passed, and what did not.
    pub(crate) fn result(&self) -> String {
        match &self.outcome {
            Ok(_) if self.passed() => "passed".to_owned(),
            Ok(outcome) => format!("MISSED: {}", outcome.missed.join("; ")),
            Err(error) => format!("NOT MEASURED: {error}"),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { name, mark, .. } = self.fault;
        let (tried, measured) = match &self.outcome {
            Ok(outcome) => (outcome.tried.as_str(), outcome.measured.join("; ")),
            Err(_) => ("", String::new()),
        };
        let result = self.result();
        let cells = [name, tried, mark, &measured, &result].map(|cell| cell.replace('|', "\\|"));
        write!(f, "| {} |", cells.join(" | "))
    }
}
