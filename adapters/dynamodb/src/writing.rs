//! What check-ins and weights share: each is conditional on what it is made from, and made again from what it finds
//! instead.

use discovery_domain::{HostKey, Row, StoreError};

use crate::DynamoDbHostRepository;
use crate::order::Turn;
use crate::reading::Seen;

/// How often a write is made again because another node wrote in between: more often than a host is written within the
/// time that a write has, unless somebody does nothing else.
pub(crate) const MOST_ROUNDS: usize = 256;

/// How one attempt at a write ended, unless the store failed.
pub(crate) enum Outcome<T> {
    Done(T),
    /// Something else was there.
    Again(Seen),
}

impl DynamoDbHostRepository {
    /// Notes an acknowledged write, and tells its turn.
    pub(crate) fn note(&self, row: &Row, previous: Option<&Row>) -> Turn {
        let (turn, now) = (self.order.turn(), self.lease.now());
        let replaced = previous.map(|row| &*row.host);
        let key = &row.host.key;
        self.recent
            .note(key, Some(row.clone()), replaced, turn, now);
        turn
    }

    pub(crate) fn contended(&self, key: &HostKey) -> StoreError {
        let (service, address) = (key.service(), key.address());
        StoreError::Unavailable {
            what: format!(
                "dynamodb table {:?}: host {address} of service {service} changed {MOST_ROUNDS} times while it was written",
                self.table.name
            ),
            source: None,
        }
    }
}
