//! A DynamoDB in this process, served over HTTP on a port of its own.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    Projection, ProjectionType, ProvisionedThroughput, ScalarAttributeType,
};
use dynoxide::Database;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A stored item, attribute by attribute.
pub type Item = HashMap<String, AttributeValue>;

/// An empty emulated DynamoDB; it ends when dropped.
pub struct Emulator {
    url: String,
    client: Client,
    server: JoinHandle<()>,
}

impl Emulator {
    /// Starts one on a free port of the loopback interface.
    pub async fn start() -> Self {
        let database = Database::memory().expect("a database in memory opens");
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the loopback interface has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let url = format!("http://{address}");
        Self {
            client: client(&url),
            server: tokio::spawn(dynoxide::server::serve_on(listener, database)),
            url,
        }
    }

    /// Where it listens, as `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client that talks to it directly, past every proxy.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Creates the table as lyft/discovery creates it.
    pub async fn create_table(&self, name: &str) {
        let index = GlobalSecondaryIndex::builder()
            .index_name("service_repo_name_index")
            .key_schema(key("service_repo_name", KeyType::Hash))
            .key_schema(key("ip_address", KeyType::Range))
            .projection(
                Projection::builder()
                    .projection_type(ProjectionType::All)
                    .build(),
            )
            .provisioned_throughput(throughput(30, 30))
            .build()
            .expect("the index is complete");
        let table = self
            .client
            .create_table()
            .table_name(name)
            .key_schema(key("service", KeyType::Hash))
            .key_schema(key("ip_address", KeyType::Range))
            .attribute_definitions(text("ip_address"))
            .attribute_definitions(text("service"))
            .attribute_definitions(text("service_repo_name"))
            .global_secondary_indexes(index)
            .provisioned_throughput(throughput(5, 10));
        table.send().await.expect("the emulator creates a table");
    }

    /// Stores an item as it is.
    pub async fn put(&self, table: &str, item: Item) {
        let put = self.client.put_item().table_name(table);
        put.set_item(Some(item))
            .send()
            .await
            .expect("the emulator stores an item");
    }

    /// Reads one item.
    pub async fn get(&self, table: &str, service: &str, address: &str) -> Option<Item> {
        let get = self.client.get_item().table_name(table);
        get.key("service", AttributeValue::S(service.into()))
            .key("ip_address", AttributeValue::S(address.into()))
            .consistent_read(true)
            .send()
            .await
            .expect("the emulator reads an item")
            .item
    }

    /// Reads every item of a table.
    pub async fn items(&self, table: &str) -> Vec<Item> {
        let pages = self.client.scan().table_name(table).into_paginator();
        pages
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .expect("the emulator scans a table")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An item of text attributes, except for `port`, which is a number.
pub fn item(attributes: &[(&str, &str)]) -> Item {
    let value = |name: &str, value: &str| match name {
        "port" => AttributeValue::N(value.into()),
        _ => AttributeValue::S(value.into()),
    };
    attributes
        .iter()
        .map(|(name, text)| ((*name).to_owned(), value(name, text)))
        .collect()
}

fn client(url: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let credentials = Credentials::new("test", "test", None, None, "testkit");
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .http_client(http)
        .build();
    Client::from_conf(config)
}

fn key(attribute: &str, key_type: KeyType) -> KeySchemaElement {
    let element = KeySchemaElement::builder()
        .attribute_name(attribute)
        .key_type(key_type);
    element.build().expect("the key is complete")
}

fn text(attribute: &str) -> AttributeDefinition {
    let definition = AttributeDefinition::builder()
        .attribute_name(attribute)
        .attribute_type(ScalarAttributeType::S);
    definition.build().expect("the definition is complete")
}

fn throughput(read: i64, write: i64) -> ProvisionedThroughput {
    let throughput = ProvisionedThroughput::builder()
        .read_capacity_units(read)
        .write_capacity_units(write);
    throughput.build().expect("the throughput is complete")
}
