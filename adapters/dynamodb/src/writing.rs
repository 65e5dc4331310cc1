//! Check-ins and weights: conditional on what they are made from, and made again from what they find instead.

use std::sync::Arc;

use aws_sdk_dynamodb::types::ReturnValue;
use discovery_domain::{
    Change, CheckIn, CheckInError, Host, HostKey, LoadBalancingWeight, Row, ServiceName,
    StoreError, Tags,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::DynamoDbHostRepository;
use crate::date;
use crate::expression::Expression;
use crate::item::{Item, LAST_CHECK_IN, TAGS, fields_of, item_of, key_of, text};
use crate::known::Known;
use crate::order::Turn;
use crate::reading::Seen;
use crate::table::Refusal;

/// How often a write is made again because another node wrote in between.
const MOST_ROUNDS: usize = 32;
/// How many hosts of a service are written at a time.
const PARALLEL: usize = 16;

impl DynamoDbHostRepository {
    pub(crate) async fn store_check_in(&self, check_in: &CheckIn) -> Result<Change, CheckInError> {
        let key = &check_in.key;
        let _alone = self.order.alone(key).await;
        let mut seen = self.known.get(key).map_or(Seen::Nothing, Seen::Host);
        let mut is_current = false;
        for _ in 0..MOST_ROUNDS {
            let row = match check_in.onto(seen.row()) {
                Ok(row) => row,
                Err(outgrown) if is_current => return Err(CheckInError::Tags(outgrown)),
                Err(_) => {
                    seen = self.look(key).await?;
                    is_current = true;
                    continue;
                }
            };
            let began = self.began();
            match self.put_in_place(check_in, &row, &seen).await {
                Ok(replaced) => {
                    let previous = replaced.and_then(|item| self.read(&item).ok());
                    let previous =
                        previous.map(|stored| self.known.sight(stored, &began).row.clone());
                    return Ok(self.stored(row, previous));
                }
                Err(Refusal::Condition { found, in_doubt }) => {
                    let found = self.seen(key, found, &began);
                    if in_doubt && found.row().is_some_and(|found| found.host == row.host) {
                        return Ok(self.stored(row, seen.row().cloned()));
                    }
                    (seen, is_current) = (found, true);
                }
                Err(Refusal::Store(error)) => return Err(error.into()),
            }
        }
        Err(self.contended(key).into())
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
                return self.renew(&row.host, &known.row.host.tags).await;
            }
            Seen::Host(known) => Expression::unchanged(LAST_CHECK_IN, text(known.check_in_text())),
        };
        self.table.put(item_of(&row.host), &condition).await
    }

    /// Overwrites the fields of a row whose tags are still the ones that were merged.
    async fn renew(&self, host: &Host, merged: &Tags) -> Result<Option<Item>, Refusal> {
        let mut update = Expression::unchanged(TAGS, text(merged.as_str()));
        for (name, value) in fields_of(host) {
            if name != TAGS || host.tags != *merged {
                update = update.set(name, value);
            }
        }
        let key = key_of(&host.key);
        self.table.update(key, &update, ReturnValue::AllOld).await
    }

    /// Sets the weight of a host; `read` is the row as it was read just now, if it was.
    pub(crate) async fn store_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
        read: Option<Arc<Known>>,
    ) -> Result<Option<Change>, StoreError> {
        let _alone = self.order.alone(key).await;
        let mut seen = match self.known.get(key).or(read) {
            Some(known) => Seen::Host(known),
            None => self.look(key).await?,
        };
        for _ in 0..MOST_ROUNDS {
            let Seen::Host(known) = &seen else {
                return Ok(None);
            };
            let before = &known.row.host.tags;
            let after = before.with_weight(weight);
            let update = Expression::unchanged(TAGS, text(before.as_str()))
                .set(TAGS, Some(text(after.as_str())));
            let began = self.began();
            let updated = self
                .table
                .update(key_of(key), &update, ReturnValue::AllNew)
                .await;
            let found = match updated {
                Ok(updated) => self.seen(key, updated, &began),
                Err(Refusal::Store(error)) => return Err(error),
                Err(Refusal::Condition { found, in_doubt }) => {
                    let found = self.seen(key, found, &began);
                    if !in_doubt || found.row().is_none_or(|row| row.host.tags != after) {
                        seen = found;
                        continue;
                    }
                    found
                }
            };
            let Seen::Host(now) = found else {
                return Ok(None);
            };
            return Ok(Some(self.weighed(&now, before)));
        }
        Err(self.contended(key))
    }

    /// Sets the weight of every host of a service that has another.
    pub(crate) async fn store_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        let began = self.began();
        let items = self.table.of_service(service, began.consistent).await?;
        let hosts = items.iter().filter_map(|item| self.read(item).ok());
        let known: Vec<_> = hosts.map(|host| self.known.sight(host, &began)).collect();
        let others = known.iter().filter(|known| {
            let tags = &known.row.host.tags;
            tags.with_weight(weight) != *tags
        });
        let writes: Vec<_> = others
            .map(|known| self.store_weight(&known.row.host.key, weight, Some(Arc::clone(known))))
            .collect();
        let written = stream::iter(writes).buffer_unordered(PARALLEL);
        let changes: Vec<_> = written.try_collect().await?;
        Ok(changes.into_iter().flatten().filter(is_change).collect())
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
            let renewed = Row {
                host: Arc::clone(&row.host),
                renewed: to.renewed,
            };
            self.stored(renewed, Some(seen.clone()));
        }
        Ok(done)
    }

    /// Notes a row whose weight was set, which had those tags before.
    fn weighed(&self, now: &Known, before: &Tags) -> Change {
        let previous = Row {
            host: Arc::new(Host {
                tags: before.clone(),
                ..Host::clone(&now.row.host)
            }),
            renewed: now.row.renewed,
        };
        let turn = self.note(&now.row, Some(&previous));
        self.known.kept(now, turn);
        Change {
            row: now.row.clone(),
            previous: Some(previous),
        }
    }

    /// Notes a check-in that was stored.
    fn stored(&self, row: Row, previous: Option<Row>) -> Change {
        let turn = self.note(&row, previous.as_ref());
        self.known.wrote(row.clone(), turn);
        Change { row, previous }
    }

    /// Notes an acknowledged write, and tells its turn.
    fn note(&self, row: &Row, previous: Option<&Row>) -> Turn {
        let (turn, now) = (self.order.turn(), self.lease.now());
        let replaced = previous.map(|row| &*row.host);
        let key = &row.host.key;
        self.recent
            .note(key, Some(row.clone()), replaced, turn, now);
        turn
    }

    fn contended(&self, key: &HostKey) -> StoreError {
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

fn is_change(change: &Change) -> bool {
    let before = change.previous.as_ref();
    before.is_none_or(|before| before.host.tags != change.row.host.tags)
}
