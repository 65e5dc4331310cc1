//! Whether the store answers reads at the moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use discovery_domain::StoreError;

/// A switch that one failed read throws and one successful read throws back.
#[derive(Default)]
pub(super) struct Outage {
    failing: AtomicBool,
    reason: Mutex<Option<StoreError>>,
}

impl Outage {
    /// Whether reads should not wait for the store.
    pub(super) fn is_on(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Why the store is taken for failing, while it is.
    pub(super) fn reason(&self) -> Option<StoreError> {
        let reason = || self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_on().then(|| reason().clone()).flatten()
    }

    /// Notes a failed or overdue read; tells whether that is news.
    pub(super) fn begins(&self, reason: &StoreError) -> bool {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
        !self.failing.swap(true, Ordering::Relaxed)
    }

    /// Notes a successful read; tells whether that is news.
    pub(super) fn ends(&self) -> bool {
        self.failing.swap(false, Ordering::Relaxed)
    }
}
