//! Weights: one tag of a row that is there.

use std::sync::Arc;

use aws_sdk_dynamodb::types::ReturnValue;
use discovery_domain::{Change, Host, HostKey, LoadBalancingWeight, ServiceName, StoreError, Tags};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::DynamoDbHostRepository;
use crate::expression::Expression;
use crate::item::{TAGS, key_of, text};
use crate::known::Known;
use crate::reading::Seen;
use crate::table::Refusal;
use crate::writing::{MOST_ROUNDS, Outcome};

/// How many hosts of a service are written at a time.
const PARALLEL: usize = 16;

impl DynamoDbHostRepository {
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
            match self.try_weight(known, weight).await? {
                Outcome::Done(change) => return Ok(change),
                Outcome::Again(found) => seen = found,
            }
        }
        Err(self.contended(key))
    }

    /// Sets the weight of a row while its tags are the ones that were seen.
    async fn try_weight(
        &self,
        known: &Known,
        weight: LoadBalancingWeight,
    ) -> Result<Outcome<Option<Change>>, StoreError> {
        let (key, before) = (&known.row.host.key, &known.row.host.tags);
        let after = before.with_weight(weight);
        let seen = Expression::unchanged(TAGS, text(before.as_str()));
        let update = seen.set(TAGS, Some(text(after.as_str())));
        let (began, returned) = (self.began(), ReturnValue::AllNew);
        let found = match self.table.update(key_of(key), &update, returned).await {
            Ok(updated) => self.seen(key, updated, &began),
            Err(Refusal::Store(error)) => return Err(error),
            Err(Refusal::Condition { found, in_doubt }) => {
                let found = self.seen(key, found, &began);
                if !in_doubt || found.row().is_none_or(|row| row.host.tags != after) {
                    return Ok(Outcome::Again(found));
                }
                found
            }
        };
        Ok(Outcome::Done(match found {
            Seen::Host(now) => Some(self.weighed(&now, before)),
            Seen::Nothing | Seen::Unreadable(_) => None,
        }))
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

    /// Notes a row whose weight was set, which had those tags before.
    fn weighed(&self, now: &Known, before: &Tags) -> Change {
        let previous = now.row.with(Arc::new(Host {
            tags: before.clone(),
            ..Host::clone(&now.row.host)
        }));
        let turn = self.note(&now.row, Some(&previous));
        self.known.kept(now, turn);
        Change {
            row: now.row.clone(),
            previous: Some(previous),
            recorded: true,
        }
    }
}

fn is_change(change: &Change) -> bool {
    let before = change.previous.as_ref();
    before.is_none_or(|before| before.host.tags != change.row.host.tags)
}
