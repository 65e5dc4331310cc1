//! Failures of what is tried again and again.

use std::error::Error;

use discovery_domain::StoreError;
use tracing::{info, warn};

/// Tells of a failure when it begins and when it ends, not each time.
pub(crate) struct Trouble {
    what: &'static str,
    lasts: bool,
}

impl Trouble {
    /// None so far; `what` is what its log line says.
    pub(crate) fn of(what: &'static str) -> Self {
        Self { what, lasts: false }
    }

    /// Notes what came of another attempt.
    pub(crate) fn note<T>(&mut self, outcome: &Result<T, StoreError>) {
        match outcome {
            Err(error) if !self.lasts => warn!(error = error as &dyn Error, "{}", self.what),
            Ok(_) if self.lasts => info!("no longer: {}", self.what),
            _ => {}
        }
        self.lasts = outcome.is_err();
    }
}
