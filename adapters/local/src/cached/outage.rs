//! Whether the store answers reads at the moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// A switch that one failed read throws and one successful read throws back.
#[derive(Default)]
pub(super) struct Outage {
    failing: AtomicBool,
    reason: Mutex<String>,
}

impl Outage {
    /// Whether reads should not wait for the store.
    pub(super) fn is_on(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Why the store is taken for failing, while it is.
    pub(super) fn reason(&self) -> Option<String> {
        self.is_on().then(|| {
            self.reason
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        })
    }

    /// Notes a failed or overdue read; tells whether that is news.
    pub(super) fn begins(&self, reason: &str) -> bool {
        reason.clone_into(&mut self.reason.lock().unwrap_or_else(PoisonError::into_inner));
        !self.failing.swap(true, Ordering::Relaxed)
    }

    /// Notes a successful read; tells whether that is news.
    pub(super) fn ends(&self) -> bool {
        self.failing.swap(false, Ordering::Relaxed)
    }
}
