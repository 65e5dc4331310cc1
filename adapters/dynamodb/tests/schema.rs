//! The table: found, refused or made.

mod common;

use std::time::Duration;

use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use common::{TABLE, World};
use discovery_domain::{HostRepository, StoreError};
use discovery_testkit::proxy::Fault;
use tokio::time::timeout;

const NEEDED: &str = "the keys service (HASH, S) and ip_address (RANGE, S), and an index service_repo_name_index with the keys service_repo_name (HASH, S) and ip_address (RANGE, S) and projection ALL";

fn keys(hash: &str, range: &str) -> Vec<KeySchemaElement> {
    let key = |name: &str, key_type| {
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(key_type);
        key.build().expect("the key is complete")
    };
    vec![key(hash, KeyType::Hash), key(range, KeyType::Range)]
}

fn index(name: &str, projection: ProjectionType) -> GlobalSecondaryIndex {
    let projection = Projection::builder().projection_type(projection).build();
    let index = GlobalSecondaryIndex::builder()
        .index_name(name)
        .projection(projection);
    let index = index.set_key_schema(Some(keys("service_repo_name", "ip_address")));
    index.build().expect("the index is complete")
}

/// A request for a table with those keys and attributes, each text or number.
fn table(
    world: &World,
    hash: &str,
    range: &str,
    attributes: &[(&str, &str)],
) -> CreateTableFluentBuilder {
    let definition = |(name, kind): &(&str, &str)| {
        let definition = AttributeDefinition::builder()
            .attribute_name(*name)
            .attribute_type(ScalarAttributeType::from(*kind));
        definition.build().expect("the definition is complete")
    };
    let create = world.emulator.client().create_table().table_name(TABLE);
    create
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys(hash, range)))
        .set_attribute_definitions(Some(attributes.iter().map(definition).collect()))
}

const TEXTS: [(&str, &str); 3] = [
    ("service", "S"),
    ("ip_address", "S"),
    ("service_repo_name", "S"),
];

#[tokio::test]
async fn a_missing_table_is_named_with_what_is_needed() {
    let world = World::without_table().await;
    let node = world.node().await;
    let error = node
        .repository
        .check_table()
        .await
        .expect_err("there is no table");
    assert!(matches!(error, StoreError::Broken { .. }), "{error:?}");
    let expected = format!(
        "the store is broken: dynamodb table \"hosts\" in region us-east-1 is missing; create it with {NEEDED}, or set DYNAMODB_CREATE_TABLES_IN_APP to true"
    );
    assert_eq!(error.to_string(), expected);
    let error = node
        .repository
        .prove(node.lease.now().wall)
        .await
        .expect_err("there is no table");
    assert_eq!(error.to_string(), expected);
    world.emulator.create_table(TABLE).await;
    node.repository
        .prove(node.lease.now().wall)
        .await
        .expect("the table is there by now");
}

#[tokio::test]
async fn a_table_of_another_schema_is_refused_with_what_was_found_and_what_is_needed() {
    let all = || index("service_repo_name_index", ProjectionType::All);
    let keys_only = index("service_repo_name_index", ProjectionType::KeysOnly);
    let swapped = [
        ("service", "S"),
        ("ip_address", "S"),
        ("service_repo_name", "S"),
    ];
    let number = [
        ("service", "S"),
        ("ip_address", "N"),
        ("service_repo_name", "S"),
    ];
    let cases: [(&str, &str, &[_], _, &str); 5] = [
        (
            "ip_address",
            "service",
            &swapped,
            Some(all()),
            "has the keys ip_address (HASH, S) and service (RANGE, S), and an index",
        ),
        (
            "service",
            "ip_address",
            &number,
            Some(all()),
            "has the keys service (HASH, S) and ip_address (RANGE, N), and an index",
        ),
        (
            "service",
            "ip_address",
            &TEXTS[..2],
            None,
            "has the keys service (HASH, S) and ip_address (RANGE, S), and no index service_repo_name_index, but",
        ),
        (
            "service",
            "ip_address",
            &TEXTS,
            Some(index("by_repo", ProjectionType::All)),
            "and no index service_repo_name_index, but",
        ),
        (
            "service",
            "ip_address",
            &TEXTS,
            Some(keys_only),
            "and projection KEYS_ONLY, but",
        ),
    ];
    for (hash, range, attributes, index, found) in cases {
        let world = World::without_table().await;
        let create = table(&world, hash, range, attributes);
        let create = create.set_global_secondary_indexes(index.map(|index| vec![index]));
        create.send().await.expect("the emulator creates a table");
        let node = world.creating_node().await;
        let error = node
            .repository
            .check_table()
            .await
            .expect_err("the schema is another");
        assert!(matches!(error, StoreError::Broken { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(found), "{message}");
        assert!(
            message.ends_with(&format!("but must have {NEEDED}")),
            "{message}"
        );
    }
}

#[tokio::test]
async fn the_original_s_table_is_taken_as_it_is_and_not_asked_for_again() {
    let world = World::new().await;
    let node = world.creating_node().await;
    for _ in 0..3 {
        node.repository
            .check_table()
            .await
            .expect("the table is right");
    }
    assert_eq!(node.requests(), "DescribeTable 1");
}

#[tokio::test]
async fn a_missing_table_is_created_on_demand_by_whoever_comes_first() {
    let world = World::without_table().await;
    let nodes = [world.creating_node().await, world.creating_node().await];
    let [one, two] = [0, 1].map(|nth| nodes[nth].repository.check_table());
    let (one, two) = tokio::join!(one, two);
    one.expect("the table is created");
    two.expect("the table is created");
    nodes[0].register("web", "10.0.0.1").await;
    assert_eq!(nodes[1].list("web").await.len(), 1);
    assert_eq!(nodes[1].list_repo("web-repo").await.len(), 1);
    let described = world
        .emulator
        .client()
        .describe_table()
        .table_name(TABLE)
        .send()
        .await;
    let described = described
        .expect("the table is there")
        .table
        .expect("a table is described");
    let billing = described
        .billing_mode_summary
        .and_then(|summary| summary.billing_mode);
    assert_eq!(billing, Some(BillingMode::PayPerRequest));
}

#[tokio::test]
async fn a_node_starts_while_the_store_cannot_be_reached_and_finds_the_table_later() {
    let world = World::new().await;
    let node = world.node().await;
    node.proxy.set_fault(Fault::Refuse);
    let now = node.lease.now().wall;
    let error = node
        .repository
        .prove(now)
        .await
        .expect_err("the store can't be reached");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    node.proxy.heal();
    node.repository
        .prove(now)
        .await
        .expect("the store is there by now");
}

#[tokio::test]
async fn a_creation_that_is_not_answered_is_given_up_and_tried_again_by_the_next_check() {
    let world = World::without_table().await;
    let node = world.creating_node().await;
    node.proxy.set_fault(Fault::Hang.on("CreateTable"));
    let checked = timeout(Duration::from_secs(7), node.repository.check_table()).await;
    let error = checked
        .expect("the check ends")
        .expect_err("the table is not created");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    node.proxy.heal();
    node.repository
        .check_table()
        .await
        .expect("the table is created");
}
