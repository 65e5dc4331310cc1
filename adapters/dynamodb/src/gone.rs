//! The small rows by which nodes remember services that have no hosts any more: one a service, so that no node takes
//! away what another one remembers. They are shaped like hosts of a service that no service can be.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use discovery_domain::{ServiceName, StoreError};

use crate::DynamoDbHostRepository;
use crate::date;
use crate::expression::Expression;
use crate::item::{IP_ADDRESS, Item, LAST_CHECK_IN, SERVICE, attribute, shaped_like_a_host, text};
use crate::table::Refusal;

/// No service can have this name.
const GONE: &str = "\u{1}gone";

impl DynamoDbHostRepository {
    /// The services that are remembered, and since when they have no hosts.
    pub async fn gone_services(&self) -> Result<Vec<(ServiceName, DateTime<Utc>)>, StoreError> {
        self.check_table().await?;
        let items = self.table.query(None, SERVICE, GONE, true).await?;
        Ok(items.iter().filter_map(gone).collect())
    }

    /// Remembers a service, in the place of what was remembered of it before.
    pub async fn remember_gone(
        &self,
        service: &ServiceName,
        since: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let attributes = shaped_like_a_host(since, GONE).into_iter();
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
        let item = key(service).into_iter().chain(attributes).collect();
        match self.table.put(item, &Expression::default()).await {
            Ok(_before) => Ok(()),
            Err(refusal) => Err(self.table.unconditional(refusal)),
        }
    }

    /// Forgets a service, unless it was remembered anew since it was read.
    pub async fn forget_gone(
        &self,
        service: &ServiceName,
        since: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let seen = text(date::written(since));
        let unchanged = Expression::unchanged(LAST_CHECK_IN, seen);
        match self.table.delete(key(service), &unchanged).await {
            Ok(_) | Err(Refusal::Condition { .. }) => Ok(()),
            Err(Refusal::Store(error)) => Err(error),
        }
    }
}

fn key(service: &ServiceName) -> Item {
    let key: [(&str, AttributeValue); 2] =
        [(SERVICE, text(GONE)), (IP_ADDRESS, text(service.as_str()))];
    key.map(|(name, value)| (name.to_owned(), value)).into()
}

/// What a row says; one that can't be read says nothing.
fn gone(item: &Item) -> Option<(ServiceName, DateTime<Utc>)> {
    let service = ServiceName::parse(attribute(item, IP_ADDRESS).ok()?).ok()?;
    let since = date::parse_written(attribute(item, LAST_CHECK_IN).ok()?)?;
    Some((service, since))
}
