//! What happened to each host lately: the answer to "why is my host (not) there?".

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::host::HostKey;
use crate::repository::Change;
use crate::values::{LoadBalancingWeight, ServiceName};

/// The latest events of this node, over all hosts; the oldest make room for new ones.
pub struct History {
    events: Mutex<VecDeque<Event>>,
    capacity: usize,
}

/// Something that happened to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, by this node's wall clock.
    pub at: DateTime<Utc>,
    /// To which host.
    pub key: HostKey,
    /// What it was.
    pub what: EventKind,
    /// The id of the request that did it, where one did.
    pub request_id: Option<Arc<str>>,
}

/// What can happen to a host, seen from one node. Mere heartbeats are not among it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// It appeared.
    Registered,
    /// It checked in with other fields or tags than before.
    Changed,
    /// An operator set its weight.
    WeightSet(LoadBalancingWeight),
    /// It was removed by a request.
    Deregistered,
    /// Its row was removed because it had not checked in for that long, by lease time.
    Expired(Duration),
    /// Its TTL has passed, and the guard against mass expiry keeps it listed.
    Guarded,
    /// It is on no list, for it has not checked in for that long, and its row is kept for a while.
    Unlisted(Duration),
    /// It has checked in again, after it was guarded or unlisted.
    Returned,
    /// An operator ended the guard of its service, which removed it.
    Released,
    /// Its row could not be read, for that reason, and is left out of lists.
    Unreadable(String),
}

impl History {
    /// Remembers up to `capacity` events; none at all with 0.
    pub fn new(capacity: usize) -> Self {
        Self {
            events: Mutex::default(),
            capacity,
        }
    }

    /// Notes an event.
    pub fn record(&self, event: Event) {
        if self.capacity == 0 {
            return;
        }
        let mut events = self.events();
        if events.len() == self.capacity {
            events.pop_front();
        }
        events.push_back(event);
    }

    /// The latest events of a service that `wanted` picks, newest first.
    pub fn latest(
        &self,
        service: &ServiceName,
        limit: usize,
        wanted: impl Fn(&Event) -> bool,
    ) -> Vec<Event> {
        self.events()
            .iter()
            .rev()
            .filter(|event| event.key.service() == service && wanted(event))
            .take(limit)
            .cloned()
            .collect()
    }

    fn events(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventKind {
    /// What a check-in was; `None` for a heartbeat that changed nothing but its time.
    pub fn of_check_in(change: &Change) -> Option<Self> {
        match &change.previous {
            None => Some(Self::Registered),
            Some(previous) if previous.host.differs_only_in_check_in(&change.row.host) => None,
            Some(_) => Some(Self::Changed),
        }
    }
}
