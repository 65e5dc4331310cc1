//! Rows that can't be read, of which no list may fail (liveness rule 8).

mod common;

use aws_sdk_dynamodb::types::AttributeValue;
use common::{LITERAL, TABLE, World, literal_with, literal_without, text};
use discovery_domain::{EventKind, HostRepository};
use discovery_testkit::emulator::item;
use discovery_testkit::hosts::{self, key, service, weight};

/// The rows that can't be read, each with why.
fn unreadable() -> Vec<Vec<(&'static str, &'static str)>> {
    vec![
        literal_without("port"),
        literal_with(&[("port", "70000")]),
        literal_with(&[("port", "1.5")]),
        literal_without("last_check_in"),
        literal_with(&[("last_check_in", "yesterday")]),
        literal_without("tags"),
        literal_with(&[("tags", "[\"az\"]")]),
        literal_with(&[("tags", "{az:")]),
        literal_with(&[("tags", "\"az instance_id region\"")]),
        literal_without("revision"),
    ]
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_left_out_counted_and_a_weight_on_it_is_none() {
    let world = World::new().await;
    let node = world.node().await;
    let sound = literal_with(&[("ip_address", "10.0.0.2")]);
    world.put(&sound).await;
    for (number, item) in unreadable().iter().enumerate() {
        world.put(item).await;
        let rows = node.list("reg-happy").await;
        assert_eq!(rows.len(), 1, "{item:?}");
        assert_eq!(node.list_repo("rp").await.len(), 1, "{item:?}");
        let left_out = format!("discovery_rows_left_out_total {}\n", 3 * number + 2);
        assert!(node.scrape().contains(&left_out), "{item:?}");
        let change = node
            .repository
            .set_weight(&key("reg-happy", "10.0.0.1"), weight(7))
            .await;
        assert!(change.expect("a host is looked for").is_none(), "{item:?}");
        assert!(
            node.repository
                .get(&key("reg-happy", "10.0.0.1"))
                .await
                .expect("a row is read")
                .is_none()
        );
    }
}

#[tokio::test]
async fn attributes_of_another_type_make_a_row_unreadable() {
    let world = World::new().await;
    let node = world.node().await;
    let empty = AttributeValue::M(std::collections::HashMap::new());
    let port = AttributeValue::S("8080".into());
    let time = AttributeValue::N("1795352212".into());
    for (name, value) in [("tags", empty), ("port", port), ("last_check_in", time)] {
        let mut broken = item(&LITERAL);
        broken.insert(name.into(), value);
        world.emulator.put(TABLE, broken).await;
        assert_eq!(node.list_now("reg-happy").await.len(), 0, "{name}");
        let change = node.accept(node.check_in("reg-happy", "10.0.0.1")).await;
        assert!(change.previous.is_none(), "{name}");
        assert_eq!(node.list_now("reg-happy").await.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_weight_of_a_service_passes_over_a_row_that_cannot_be_read() {
    let world = World::new().await;
    let node = world.node().await;
    for broken in unreadable() {
        world.put(&broken).await;
        let sound = literal_with(&[("ip_address", "10.0.0.2")]);
        world.put(&sound).await;
        let before = world.item("reg-happy", "10.0.0.1").await;
        let changes = node
            .repository
            .set_weight_of_service(&service("reg-happy"), weight(7))
            .await;
        assert_eq!(changes.expect("weights are set").len(), 1);
        assert_eq!(world.item("reg-happy", "10.0.0.1").await, before);
    }
}

#[tokio::test]
async fn a_check_in_overwrites_a_row_that_cannot_be_read() {
    let world = World::new().await;
    for broken in unreadable() {
        world.put(&broken).await;
        let node = world.node().await;
        let change = node.accept(node.check_in("reg-happy", "10.0.0.1")).await;
        assert!(change.previous.is_none());
        assert_eq!(node.requests(), "PutItem 2", "{broken:?}");
        let stored = world
            .item("reg-happy", "10.0.0.1")
            .await
            .expect("the host is stored");
        assert_eq!(text(&stored, "tags"), hosts::REQUIRED_TAGS);
        assert_eq!(node.list("reg-happy").await[0].host, change.row.host);
    }
}

#[tokio::test]
async fn a_delete_removes_a_row_that_cannot_be_read() {
    let world = World::new().await;
    let node = world.node().await;
    for broken in unreadable() {
        world.put(&broken).await;
        let removed = node.repository.delete(&key("reg-happy", "10.0.0.1")).await;
        let removed = removed
            .expect("a host is deleted")
            .expect("the host was there");
        assert!(removed.row.is_none());
        assert_eq!(world.item("reg-happy", "10.0.0.1").await, None);
    }
}

#[tokio::test]
async fn rows_under_an_address_that_no_request_could_name_are_left_out() {
    let world = World::new().await;
    for address in ["localhost", "010.0.0.1", "2001:DB8::1", "::ffff:10.0.0.1"] {
        world.put(&literal_with(&[("ip_address", address)])).await;
    }
    let node = world.node().await;
    assert_eq!(node.list("reg-happy").await.len(), 0);
    assert!(node.scrape().contains("discovery_rows_left_out_total 4\n"));
}

#[tokio::test]
async fn an_unreadable_row_is_remembered_once_for_each_reason() {
    let world = World::new().await;
    let node = world.node().await;
    world.put(&literal_without("port")).await;
    for _ in 0..3 {
        node.list("reg-happy").await;
        node.list_repo("rp").await;
    }
    world.put(&literal_without("revision")).await;
    node.list("reg-happy").await;
    let misspelt = literal_with(&[("ip_address", "FD00::1")]);
    world.put(&misspelt).await;
    world
        .put(&literal_with(&[("ip_address", "010.0.0.1")]))
        .await;
    node.list("reg-happy").await;
    let events = node.history.latest(&service("reg-happy"), 100, |_| true);
    let events: Vec<_> = events
        .into_iter()
        .map(|event| (event.key, event.what))
        .collect();
    let unreadable = |ip, reason: &str| {
        let what = EventKind::Unreadable(reason.into());
        (key("reg-happy", ip), what)
    };
    let expected = [
        unreadable(
            "fd00::1",
            "ip_address must be spelt fd00::1, got \"FD00::1\"",
        ),
        unreadable("10.0.0.1", "revision is missing"),
        unreadable("10.0.0.1", "port is missing"),
    ];
    assert_eq!(events, expected);
}
