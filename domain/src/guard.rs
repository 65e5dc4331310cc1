//! Which services the guard against mass expiry holds up at the moment.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::host::HostKey;
use crate::list::Listing;
use crate::values::ServiceName;

/// The latest listing of every service with expired rows. Where the guard holds it up, a check-in of a host on it merges
/// its tags, although its row is expired (liveness rule 10).
#[derive(Default)]
pub(crate) struct Guarded(RwLock<HashMap<ServiceName, Arc<Listing>>>);

impl Guarded {
    /// Notes a new judgement of a service; returns the one before, if the service had expired rows by that.
    pub(crate) fn note(
        &self,
        service: &ServiceName,
        listing: &Arc<Listing>,
    ) -> Option<Arc<Listing>> {
        if listing.guarded > 0 || !listing.expired.is_empty() {
            self.write().insert(service.clone(), Arc::clone(listing))
        } else if self.read().contains_key(service) {
            self.write().remove(service)
        } else {
            None
        }
    }

    /// Forgets a service whose rows that were expired by that judgement are removed, unless the guard holds it up, or it
    /// was judged again since.
    pub(crate) fn forget_expired(&self, service: &ServiceName, by: &Listing) {
        let mut listings = self.write();
        let is_over = |last: &Arc<Listing>| last.guarded == 0 && last.judged_at <= by.judged_at;
        if listings.get(service).is_some_and(is_over) {
            listings.remove(service);
        }
    }

    /// Whether the guard keeps that host listed.
    pub(crate) fn spares(&self, key: &HostKey) -> bool {
        let listings = self.read();
        let guarded = listings
            .get(key.service())
            .filter(|listing| listing.guarded > 0);
        guarded.is_some_and(|listing| listing.lists(key))
    }

    /// Whether the guard holds that service up.
    pub(crate) fn holds(&self, service: &ServiceName) -> bool {
        let listings = self.read();
        listings
            .get(service)
            .is_some_and(|listing| listing.guarded > 0)
    }

    /// Every guarded service with the number of hosts that are kept on its list.
    pub(crate) fn services(&self) -> Vec<(ServiceName, usize)> {
        self.read()
            .iter()
            .filter(|(_, listing)| listing.guarded > 0)
            .map(|(service, listing)| (service.clone(), listing.guarded))
            .collect()
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<ServiceName, Arc<Listing>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<ServiceName, Arc<Listing>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
