//! Removals of rows.

use discovery_domain::{Host, HostKey, Removed, Row, StoreError};

use crate::DynamoDbHostRepository;
use crate::date;
use crate::expression::Expression;
use crate::item::{LAST_CHECK_IN, key_of, text};
use crate::table::Refusal;

impl DynamoDbHostRepository {
    /// Removes a row whatever is in it. One that an earlier request of this call may have removed counts as removed.
    pub(crate) async fn remove(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        let _alone = self.order.alone(key).await;
        let began = self.began();
        let row = match self.table.delete(key_of(key), &Expression::exists()).await {
            Ok(removed) => removed
                .and_then(|item| self.read(&item).ok())
                .map(|stored| self.known.sight(stored, &began).row.clone()),
            Err(Refusal::Condition { in_doubt: true, .. }) => {
                self.known.get(key).map(|known| known.row.clone())
            }
            Err(Refusal::Condition { .. }) => {
                self.is_gone(key);
                return Ok(None);
            }
            Err(Refusal::Store(error)) => return Err(error),
        };
        self.removed(key, row.as_ref().map(|row| &*row.host));
        Ok(Some(Removed { row }))
    }

    /// Removes a row while its check-in is, to the letter, the one that was read.
    pub(crate) async fn remove_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        let key = &seen.host.key;
        let _alone = self.order.alone(key).await;
        let condition = Expression::unchanged(LAST_CHECK_IN, text(self.stored_text_of(seen)));
        let began = self.began();
        match self.table.delete(key_of(key), &condition).await {
            Ok(_)
            | Err(Refusal::Condition {
                found: None,
                in_doubt: true,
            }) => {}
            Err(Refusal::Condition { found, .. }) => {
                self.seen(key, found, &began);
                return Ok(false);
            }
            Err(Refusal::Store(error)) => return Err(error),
        }
        self.removed(key, Some(&seen.host));
        Ok(true)
    }

    /// The text of a row's check-in as the store has it, while it has the one that was seen.
    pub(crate) fn stored_text_of(&self, seen: &Row) -> String {
        let check_in = seen.host.last_check_in;
        let known = self.known.get(&seen.host.key);
        let known = known.filter(|known| known.row.host.last_check_in == check_in);
        known.map_or_else(
            || date::written(check_in),
            |known| known.check_in_text().into_owned(),
        )
    }

    /// Notes that this node has removed a row.
    fn removed(&self, key: &HostKey, host: Option<&Host>) {
        let (turn, now) = (self.order.turn(), self.lease.now());
        self.recent.note(key, None, host, turn, now);
        self.known.forget(key);
    }

    /// Notes that another node has removed a row.
    fn is_gone(&self, key: &HostKey) {
        if self.recent.contains(key) {
            self.removed(key, None);
        } else {
            self.known.forget(key);
        }
    }
}
