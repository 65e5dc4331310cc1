//! The latest snapshot of every service that was shown, from which the next one is made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use discovery_domain::{Listing, ServiceName};

use crate::resource::Resource;
use crate::snapshot::{Snapshot, no_endpoints};

/// Remembers how each service with hosts looked last.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Mutex<HashMap<ServiceName, Arc<Slot>>>);

/// One at a time makes a snapshot of a service; whoever else wants it waits for that.
type Slot = Mutex<Option<Snapshot>>;

impl Snapshots {
    /// Shows a list: the same resource as before unless it shows something else.
    pub(crate) fn show(&self, service: &ServiceName, listing: &Arc<Listing>) -> Arc<Resource> {
        if listing.listed.is_empty() {
            self.slots().remove(service);
            return Arc::new(no_endpoints(service.as_str().into()));
        }
        let slot = self.slot(service);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = match slot.take() {
            Some(before) if before.shows(listing) => before,
            Some(before) => before.renewed(Arc::clone(listing)),
            None => Snapshot::fresh(service.as_str(), Arc::clone(listing)),
        };
        Arc::clone(slot.insert(snapshot).resource())
    }

    /// Forgets the services that are not to be kept.
    pub(crate) fn retain(&self, keep: impl Fn(&ServiceName) -> bool) {
        self.slots().retain(|service, _| keep(service));
    }

    fn slot(&self, service: &ServiceName) -> Arc<Slot> {
        Arc::clone(self.slots().entry(service.clone()).or_default())
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<ServiceName, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use discovery_testkit::hosts::{registration, service};

    use super::*;
    use crate::testing::{listing, listing_at};

    #[test]
    fn a_service_is_shown_anew_only_when_it_looks_different() {
        let snapshots = Snapshots::default();
        let show = |listing: &Arc<Listing>| snapshots.show(&service("users"), listing);
        let one = listing_at(0, [registration("users", "10.0.0.1")]);
        let first = show(&one);
        assert!(Arc::ptr_eq(&first, &show(&one)));
        assert!(Arc::ptr_eq(
            &first,
            &show(&listing_at(9, [registration("users", "10.0.0.1")]))
        ));
        let other = show(&listing([registration("users", "10.0.0.2")]));
        assert_ne!(first.version(), other.version());
    }

    #[test]
    fn services_without_hosts_are_not_kept_whoever_asks_for_them() {
        let snapshots = Snapshots::default();
        snapshots.show(
            &service("users"),
            &listing([registration("users", "10.0.0.1")]),
        );
        for name in ["users", "nobody"] {
            snapshots.show(&service(name), &listing([]));
        }
        assert!(snapshots.0.lock().unwrap().is_empty());
    }
}
