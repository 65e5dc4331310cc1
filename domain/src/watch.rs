//! Which services this node knows, and when a host of each could next expire.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::lease::LeaseInstant;
use crate::list::Listing;
use crate::values::ServiceName;

/// Keeps, for every service with rows, the moment to look at it again, so that a sweep costs what expires and not what
/// is registered.
#[derive(Default)]
pub(crate) struct Watch(Mutex<State>);

#[derive(Default)]
struct State {
    services: HashMap<ServiceName, Entry>,
    due: BTreeSet<(LeaseInstant, ServiceName)>,
    hosts: usize,
}

struct Entry {
    due: LeaseInstant,
    /// The last moment at which the last judgement is still true; none where there was no judgement yet.
    judged_until: Option<LeaseInstant>,
    hosts: usize,
}

/// How much a node knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// Services with rows.
    pub services: usize,
    /// Hosts listed when each service was last judged, and those that came and left since.
    pub hosts: usize,
}

impl Watch {
    /// Notes a new host that expires after `due`.
    pub(crate) fn host_came(&self, service: &ServiceName, due: LeaseInstant) {
        let mut state = self.state();
        state.hosts += 1;
        match state.services.get_mut(service) {
            Some(entry) => {
                entry.hosts += 1;
                entry.judged_until = entry.judged_until.map(|until| until.min(due));
            }
            None => state.insert(
                service,
                Entry {
                    due,
                    judged_until: Some(due),
                    hosts: 1,
                },
            ),
        }
    }

    /// Whether a host of the service may have expired since it was last judged.
    pub(crate) fn may_have_expired(&self, service: &ServiceName, now: LeaseInstant) -> bool {
        let state = self.state();
        let entry = state.services.get(service);
        let judged_until = entry.and_then(|entry| entry.judged_until);
        judged_until.is_some_and(|until| until < now)
    }

    /// Notes that a host was removed.
    pub(crate) fn host_left(&self, service: &ServiceName) {
        let mut state = self.state();
        if let Some(entry) = state
            .services
            .get_mut(service)
            .filter(|entry| entry.hosts > 0)
        {
            entry.hosts -= 1;
            state.hosts -= 1;
        }
    }

    /// Notes a new judgement: the service is looked at again when it stops to hold, or at `latest`. A service found
    /// empty twice is forgotten (once could have crossed a registration).
    pub(crate) fn judged(&self, service: &ServiceName, listing: &Listing, latest: LeaseInstant) {
        let mut state = self.state();
        let hosts = listing.listed.len();
        let empty = hosts == 0 && listing.expired.is_empty();
        let known = state.remove(service);
        if !empty || known.is_some_and(|entry| entry.hosts > 0) {
            state.hosts += hosts;
            state.insert(
                service,
                Entry {
                    due: listing.holds_until().min(latest),
                    judged_until: Some(listing.holds_until()),
                    hosts,
                },
            );
        }
    }

    /// Looks at a service at `due` if nothing is planned for it yet.
    pub(crate) fn meet(&self, service: &ServiceName, due: LeaseInstant) {
        let mut state = self.state();
        if !state.services.contains_key(service) {
            state.insert(
                service,
                Entry {
                    due,
                    judged_until: None,
                    hosts: 0,
                },
            );
        }
    }

    /// Looks at a service at `due`, whatever was planned.
    pub(crate) fn postpone(&self, service: &ServiceName, due: LeaseInstant) {
        let mut state = self.state();
        let known = state.remove(service);
        let hosts = known.as_ref().map_or(0, |entry| entry.hosts);
        let judged_until = known.and_then(|entry| entry.judged_until);
        state.hosts += hosts;
        state.insert(
            service,
            Entry {
                due,
                judged_until,
                hosts,
            },
        );
    }

    /// Looks at a service at `due` if that is not planned for earlier.
    pub(crate) fn look_by(&self, service: &ServiceName, due: LeaseInstant) {
        let mut state = self.state();
        let planned = state.services.get(service).map(|entry| entry.due);
        if planned.is_some_and(|planned| due < planned)
            && let Some(entry) = state.remove(service)
        {
            state.hosts += entry.hosts;
            state.insert(service, Entry { due, ..entry });
        }
    }

    /// The service that has been due for the longest time.
    pub(crate) fn next_due(&self, now: LeaseInstant) -> Option<ServiceName> {
        self.state()
            .due
            .first()
            .filter(|(due, _)| *due < now)
            .map(|(_, service)| service.clone())
    }

    pub(crate) fn known(&self) -> Known {
        let state = self.state();
        Known {
            services: state.services.len(),
            hosts: state.hosts,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, service: &ServiceName, entry: Entry) {
        self.due.insert((entry.due, service.clone()));
        self.services.insert(service.clone(), entry);
    }

    fn remove(&mut self, service: &ServiceName) -> Option<Entry> {
        let entry = self.services.remove(service)?;
        self.due.remove(&(entry.due, service.clone()));
        self.hosts -= entry.hosts;
        Some(entry)
    }
}
