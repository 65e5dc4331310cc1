//! The table's schema: what it must be, and how it is made.

use std::time::Duration;

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, IndexStatus, KeySchemaElement, KeyType,
    Projection, ProjectionType, ScalarAttributeType, TableDescription, TableStatus,
};
use discovery_domain::StoreError;
use tokio::time::{sleep, timeout};
use tracing::info;

use crate::item::{IP_ADDRESS, SERVICE, SERVICE_REPO_NAME};
use crate::table::{REPO_INDEX, Table};

/// The longest that a new table may take to become active, before the call that waits for it fails.
const LONGEST_CREATION: Duration = Duration::from_mins(1);
const CREATION_PAUSE: Duration = Duration::from_millis(200);

impl Table {
    /// Makes sure that the table is there, of the schema that is needed, and active; creates it if asked to.
    pub(crate) async fn ensure(&self, create: bool) -> Result<(), StoreError> {
        match self.describe().await? {
            Some(table) => self.examine(&table),
            None if create => self.create().await,
            None => {
                let needed = needed();
                Err(self.broken(&format!(
                    "is missing; create it with {needed}, or set DYNAMODB_CREATE_TABLES_IN_APP to true"
                )))
            }
        }
    }

    async fn describe(&self) -> Result<Option<TableDescription>, StoreError> {
        let call = self.call("DescribeTable");
        let describe = self.client.describe_table().table_name(&self.name);
        let answer = describe.customize().interceptor(call.clone()).send().await;
        answer.map(|answer| answer.table).or_else(|error| {
            let answered = error.as_service_error();
            if answered.is_some_and(DescribeTableError::is_resource_not_found_exception) {
                Ok(None)
            } else {
                Err(self.failed(&call, error))
            }
        })
    }

    fn examine(&self, table: &TableDescription) -> Result<(), StoreError> {
        let (found, needed) = (schema_of(table), needed());
        if found != needed {
            return Err(self.broken(&format!("has {found}, but must have {needed}")));
        }
        match unready(table) {
            Some(part) => Err(self.unready(part)),
            None => Ok(()),
        }
    }

    /// Creates the table, unless another node does at this moment, and waits for it.
    async fn create(&self) -> Result<(), StoreError> {
        let call = self.call("CreateTable");
        let create = self.client.create_table().table_name(&self.name);
        let answer = create
            .billing_mode(BillingMode::PayPerRequest)
            .set_key_schema(Some(keys([SERVICE, IP_ADDRESS])))
            .set_attribute_definitions(Some(
                [SERVICE, IP_ADDRESS, SERVICE_REPO_NAME].map(text).into(),
            ))
            .global_secondary_indexes(repo_index())
            .customize()
            .interceptor(call.clone())
            .send()
            .await;
        match answer {
            Ok(_) => info!(table = self.name, "creating the table"),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateTableError::is_resource_in_use_exception) => {}
            Err(error) => return Err(self.failed(&call, error)),
        }
        timeout(LONGEST_CREATION, self.created())
            .await
            .unwrap_or_else(|_| Err(self.unready("it")))
    }

    /// Waits until the table is there and active.
    async fn created(&self) -> Result<(), StoreError> {
        loop {
            match self.describe().await? {
                Some(table) if unready(&table).is_none() => return self.examine(&table),
                _ => sleep(CREATION_PAUSE).await,
            }
        }
    }

    fn unready(&self, part: &str) -> StoreError {
        StoreError::Unavailable {
            what: format!("dynamodb table {:?}: {part} is not active yet", self.name),
            source: None,
        }
    }

    fn broken(&self, fault: &str) -> StoreError {
        let (table, config) = (&self.name, self.client.config());
        let region = config.region().map_or("unknown", AsRef::as_ref);
        StoreError::Broken {
            what: format!("dynamodb table {table:?} in region {region} {fault}"),
            source: None,
        }
    }
}

/// The schema that a table must have, in words.
fn needed() -> String {
    let keys = |range| format!("{range} (HASH, S) and {IP_ADDRESS} (RANGE, S)");
    let (table, index) = (keys(SERVICE), keys(SERVICE_REPO_NAME));
    format!("the keys {table}, and an index {REPO_INDEX} with the keys {index} and projection ALL")
}

/// The schema that a table has, in the same words.
fn schema_of(table: &TableDescription) -> String {
    let keys = |schema: &[KeySchemaElement]| {
        let definitions = table.attribute_definitions();
        let kind = |name: &str| {
            let definition = definitions
                .iter()
                .find(|known| known.attribute_name() == name);
            definition.map_or("?", |known| known.attribute_type().as_str())
        };
        let key = |key: &KeySchemaElement| {
            let (name, role) = (key.attribute_name(), key.key_type().as_str());
            format!("{name} ({role}, {})", kind(name))
        };
        schema.iter().map(key).collect::<Vec<_>>().join(" and ")
    };
    let own = keys(table.key_schema());
    let mut indexes = table.global_secondary_indexes().iter();
    let Some(index) = indexes.find(|index| index.index_name() == Some(REPO_INDEX)) else {
        return format!("the keys {own}, and no index {REPO_INDEX}");
    };
    let projection = index.projection().and_then(Projection::projection_type);
    let projection = projection.map_or("unknown", ProjectionType::as_str);
    let of_index = keys(index.key_schema());
    format!(
        "the keys {own}, and an index {REPO_INDEX} with the keys {of_index} and projection {projection}"
    )
}

/// What of the table can't be used yet.
fn unready(table: &TableDescription) -> Option<&'static str> {
    use {IndexStatus as Index, TableStatus as Status};
    let mut indexes = table.global_secondary_indexes().iter();
    let index = indexes.find(|index| index.index_name() == Some(REPO_INDEX))?;
    match (table.table_status(), index.index_status()) {
        (Some(Status::Creating | Status::Deleting | Status::Archived), _) => Some("it"),
        (_, Some(Index::Creating | Index::Deleting)) => Some("its index"),
        _ => None,
    }
}

fn repo_index() -> GlobalSecondaryIndex {
    let all = Projection::builder().projection_type(ProjectionType::All);
    GlobalSecondaryIndex::builder()
        .index_name(REPO_INDEX)
        .set_key_schema(Some(keys([SERVICE_REPO_NAME, IP_ADDRESS])))
        .projection(all.build())
        .build()
        .expect("the index has a name and a key")
}

fn keys([hash, range]: [&str; 2]) -> Vec<KeySchemaElement> {
    let key = |name, key_type| {
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(key_type);
        key.build().expect("the key has a name and a type")
    };
    vec![key(hash, KeyType::Hash), key(range, KeyType::Range)]
}

fn text(name: &str) -> AttributeDefinition {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .expect("the definition has a name and a type")
}
