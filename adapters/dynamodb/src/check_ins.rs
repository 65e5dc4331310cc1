//! Check-ins: one write of a row that this node knows, two requests at most at first sight.

use std::sync::Arc;

use aws_sdk_dynamodb::types::ReturnValue;
use discovery_domain::{Change, CheckIn, CheckInError, Host, Row, StoreError};

use crate::DynamoDbHostRepository;
use crate::date;
use crate::expression::Expression;
use crate::item::{Item, LAST_CHECK_IN, TAGS, fields_of, item_of, key_of, text};
use crate::known::Known;
use crate::reading::Seen;
use crate::table::Refusal;
use crate::writing::{MOST_ROUNDS, Outcome};

impl DynamoDbHostRepository {
    pub(crate) async fn store_check_in(&self, check_in: &CheckIn) -> Result<Change, CheckInError> {
        let key = &check_in.key;
        let _alone = self.order.alone(key).await;
        let mut seen = self.known.get(key).map_or(Seen::Nothing, Seen::Host);
        let mut is_current = false;
        for _ in 0..MOST_ROUNDS {
            match self.try_check_in(check_in, &seen, is_current).await? {
                Outcome::Done(change) => return Ok(change),
                Outcome::Again(found) => (seen, is_current) = (found, true),
            }
        }
        Err(self.contended(key).into())
    }

    /// Stores what the check-in makes of the row that was seen. Only a row that is current can refuse its tags.
    async fn try_check_in(
        &self,
        check_in: &CheckIn,
        seen: &Seen,
        is_current: bool,
    ) -> Result<Outcome<Change>, CheckInError> {
        let key = &check_in.key;
        let row = match check_in.onto(seen.row()) {
            Ok(row) => row,
            Err(outgrown) if is_current => return Err(CheckInError::Tags(outgrown)),
            Err(_) => return Ok(Outcome::Again(self.look(key).await?)),
        };
        let began = self.began();
        let previous = match self.put_in_place(check_in, &row, seen).await {
            Ok(replaced) => {
                let replaced = self.seen(key, replaced, &began);
                // A first attempt whose reply was lost has done the same before.
                let is_own = replaced.row().is_some_and(|was| was.host == row.host);
                if is_own { seen } else { &replaced }.row().cloned()
            }
            Err(Refusal::Store(error)) => return Err(error.into()),
            Err(Refusal::Condition { found, in_doubt }) => {
                let found = self.seen(key, found, &began);
                if !in_doubt || found.row().is_none_or(|found| found.host != row.host) {
                    return Ok(Outcome::Again(found));
                }
                seen.row().cloned()
            }
        };
        Ok(Outcome::Done(self.stored(row, previous)))
    }

    /// Stores a row in the place of what was seen, and returns what was there. A row that is still listed keeps the
    /// attributes that are not ours; what starts anew keeps nothing.
    async fn put_in_place(
        &self,
        check_in: &CheckIn,
        row: &Row,
        seen: &Seen,
    ) -> Result<Option<Item>, Refusal> {
        let condition = match seen {
            Seen::Nothing => Expression::absent(),
            Seen::Unreadable(item) => Expression::unchanged_row(item),
            Seen::Host(known) if check_in.renews(&known.row) => {
                return self.renew(&row.host, known).await;
            }
            Seen::Host(known) => Expression::unchanged(LAST_CHECK_IN, text(known.check_in_text())),
        };
        self.table.put(item_of(&row.host), &condition).await
    }

    /// Overwrites the fields of a row whose tags are still the ones that were merged. Where the check-in is not the one
    /// that was seen, an earlier one will do, too; a later one would be undone by this where a request of it that had
    /// been given up is done after all.
    async fn renew(&self, host: &Host, seen: &Known) -> Result<Option<Item>, Refusal> {
        let merged = &seen.row.host.tags;
        let mut update = Expression::unchanged(TAGS, text(merged.as_str()))
            .not_after(LAST_CHECK_IN, text(seen.check_in_text()));
        for (name, value) in fields_of(host) {
            if name != TAGS || host.tags != *merged {
                update = update.set(name, value);
            }
        }
        let key = key_of(&host.key);
        self.table.update(key, &update, ReturnValue::AllOld).await
    }

    /// Gives a row a later check-in while its own is, to the letter, the one that was seen.
    pub(crate) async fn store_renewal(&self, seen: &Row, to: &Row) -> Result<bool, StoreError> {
        let key = &seen.host.key;
        let _alone = self.order.alone(key).await;
        let seen_text = self.stored_text_of(seen);
        let later = text(date::written(to.host.last_check_in));
        let update =
            Expression::unchanged(LAST_CHECK_IN, text(seen_text)).set(LAST_CHECK_IN, Some(later));
        let began = self.began();
        let updated = self
            .table
            .update(key_of(key), &update, ReturnValue::AllNew)
            .await;
        let (now, done) = match updated {
            Ok(updated) => (self.seen(key, updated, &began), true),
            Err(Refusal::Condition { found, in_doubt }) => {
                let now = self.seen(key, found, &began);
                let is_later = |row: &Row| row.host.last_check_in == to.host.last_check_in;
                let done = in_doubt && now.row().is_some_and(is_later);
                (now, done)
            }
            Err(Refusal::Store(error)) => return Err(error),
        };
        if let Some(row) = now.row().filter(|_| done) {
            self.stored(to.with(Arc::clone(&row.host)), Some(seen.clone()));
        }
        Ok(done)
    }

    /// Notes a check-in that was stored.
    fn stored(&self, row: Row, previous: Option<Row>) -> Change {
        let turn = self.note(&row, previous.as_ref());
        self.known.wrote(row.clone(), turn);
        Change {
            row,
            previous,
            recorded: true,
        }
    }
}
