//! The original's items, to the letter, in both directions.

mod common;

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use common::{LITERAL, TABLE, World, literal_with, literal_without, text};
use discovery_domain::{CheckIn, HostRepository};
use discovery_testkit::emulator::item;
use discovery_testkit::hosts::{self, key, repo, tags, weight};

#[tokio::test]
async fn an_item_of_the_original_is_read() {
    let world = World::new().await;
    world.put(&LITERAL).await;
    let rows = world.node().await.list("reg-happy").await;
    let host = &rows[0].host;
    assert_eq!(host.key, key("reg-happy", "10.0.0.1"));
    assert_eq!(host.service_repo_name, repo("rp"));
    assert_eq!(host.port.get(), 8080);
    assert_eq!(host.revision.as_str(), "abc123");
    assert_eq!(
        host.last_check_in.to_rfc3339(),
        "2026-11-22T12:56:11.177285+00:00"
    );
    assert_eq!(host.tags.as_str(), LITERAL[6].1);
    assert_eq!(host.tags.shown(), LITERAL[6].1);
    assert_eq!(world.node().await.list_repo("rp").await[0].host, *host);
}

#[tokio::test]
async fn an_item_is_written_as_the_original_writes_it() {
    let world = World::new().await;
    let node = world.node().await;
    let check_in = hosts::check_in(hosts::registration("web", "10.0.0.1"), node.lease.now());
    let unusual = r#"{"az": "a", "region": "r", "instance_id": "i", "name": "é 😀", "n": 1.50}"#;
    let tags = tags(unusual);
    node.accept(CheckIn { tags, ..check_in }).await;
    let expected = item(&[
        ("service", "web"),
        ("ip_address", "10.0.0.1"),
        ("service_repo_name", "web-repo"),
        ("port", "8080"),
        ("revision", "0123abc"),
        ("last_check_in", "2026-11-22T12:56:52.129669+0000"),
        (
            "tags",
            r#"{"az": "a", "region": "r", "instance_id": "i", "name": "\u00e9 \ud83d\ude00", "n": 1.50}"#,
        ),
    ]);
    assert_eq!(world.item("web", "10.0.0.1").await, Some(expected));
}

#[tokio::test]
async fn a_whole_second_has_its_six_digits_too() {
    let world = World::new().await;
    let node = world.node().await;
    let mut check_in = node.check_in("web", "10.0.0.1");
    check_in.at.wall = "2026-11-22T13:06:14Z".parse().expect("a time");
    node.accept(check_in).await;
    let stored = world
        .item("web", "10.0.0.1")
        .await
        .expect("the host is stored");
    assert_eq!(
        text(&stored, "last_check_in"),
        "2026-11-22T13:06:14.000000+0000"
    );
}

#[tokio::test]
async fn an_empty_repo_is_an_absent_attribute_from_the_first_and_after_a_change() {
    let world = World::new().await;
    let node = world.node().await;
    node.register("web", "10.0.0.1").await;
    for ip in ["10.0.0.1", "10.0.0.2"] {
        let check_in = node.check_in("web", ip);
        let service_repo_name = repo("");
        node.accept(CheckIn {
            service_repo_name,
            ..check_in
        })
        .await;
        let stored = world.item("web", ip).await.expect("the host is stored");
        assert!(!stored.contains_key("service_repo_name"), "{stored:?}");
        assert_eq!(stored.len(), 6);
    }
    assert!(
        node.list("web")
            .await
            .iter()
            .all(|row| row.host.service_repo_name.is_empty())
    );
}

#[tokio::test]
async fn what_the_original_reads_is_read() {
    let world = World::new().await;
    let tolerated = [
        literal_with(&[
            ("ip_address", "10.0.0.1"),
            ("last_check_in", "2026-11-22T12:56:11Z"),
        ]),
        literal_with(&[
            ("ip_address", "10.0.0.2"),
            ("last_check_in", "2026-11-22T14:56:11+02:00"),
        ]),
        literal_with(&[
            ("ip_address", "10.0.0.3"),
            ("last_check_in", "2026-11-22T12:56:11"),
        ]),
        [
            literal_with(&[("ip_address", "10.0.0.4")]),
            vec![("extra", "x"), ("another", "y")],
        ]
        .concat(),
        literal_with(&[("ip_address", "10.0.0.5"), ("tags", "{}")]),
        literal_with(&[
            ("ip_address", "10.0.0.6"),
            (
                "tags",
                r#"{"az":5,"canary":"yes","load_balancing_weight":"50"}"#,
            ),
        ]),
    ];
    for item in &tolerated {
        world.put(item).await;
    }
    let mut item = item(&literal_without("service_repo_name"));
    item.insert("ip_address".into(), AttributeValue::S("10.0.0.7".into()));
    world.emulator.put(TABLE, item).await;
    let node = world.node().await;
    let rows = node.list("reg-happy").await;
    assert_eq!(rows.len(), 7);
    for row in &rows[..3] {
        assert_eq!(
            row.host.last_check_in.to_rfc3339(),
            "2026-11-22T12:56:11+00:00"
        );
    }
    assert_eq!(rows[5].host.tags.shown(), "{}");
    assert!(rows[6].host.service_repo_name.is_empty());
    let scraped = node.scrape();
    assert!(
        scraped.contains("discovery_tags_left_out_total 3\n"),
        "{scraped}"
    );
    assert!(
        scraped.contains("discovery_rows_left_out_total 0\n"),
        "{scraped}"
    );
}

#[tokio::test]
async fn a_row_whose_check_in_is_spelt_otherwise_is_swept_as_it_is_spelt() {
    let world = World::new().await;
    let node = world.node().await;
    for spelt in [
        "2026-11-22T12:56:11Z",
        "2026-11-22 14:56:11.5+02:00",
        "2026-11-22T12:56:11.1234567Z",
    ] {
        world.put(&literal_with(&[("last_check_in", spelt)])).await;
        let seen = node.list_now("reg-happy").await.remove(0);
        let removed = node.repository.delete_unrenewed(&seen).await;
        assert!(removed.expect("a row is removed"), "{spelt}");
        assert_eq!(world.item("reg-happy", "10.0.0.1").await, None);
    }
}

#[tokio::test]
async fn attributes_that_are_not_ours_stay_until_a_row_starts_anew() {
    let world = World::new().await;
    world
        .put(
            &[
                literal_with(&[("last_check_in", "2026-11-22T12:56:11.177285+0000")]),
                vec![("extra", "x")],
            ]
            .concat(),
        )
        .await;
    let node = world.node().await;
    node.register("reg-happy", "10.0.0.1").await;
    let change = node
        .repository
        .set_weight(&key("reg-happy", "10.0.0.1"), weight(7))
        .await;
    assert!(change.expect("a weight is set").is_some());
    let stored = world
        .item("reg-happy", "10.0.0.1")
        .await
        .expect("the host is stored");
    assert_eq!(text(&stored, "extra"), "x");
    node.clock.advance_proving(&node.lease, hosts::HOST_TTL * 2);
    node.register("reg-happy", "10.0.0.1").await;
    let stored = world
        .item("reg-happy", "10.0.0.1")
        .await
        .expect("the host is stored");
    assert!(!stored.contains_key("extra"), "{stored:?}");
}

#[tokio::test]
async fn a_weight_changes_nothing_but_its_tag_and_keeps_foreign_tags_to_the_letter() {
    let world = World::new().await;
    let foreign = r#"{"az": "a", "n": 12345678901234567890, "x":[1,2], "load_balancing_weight": "50", "e": 1e2}"#;
    world.put(&literal_with(&[("tags", foreign)])).await;
    let before = world
        .item("reg-happy", "10.0.0.1")
        .await
        .expect("the host is stored");
    let change = world
        .node()
        .await
        .repository
        .set_weight(&key("reg-happy", "10.0.0.1"), weight(7))
        .await;
    assert!(change.expect("a weight is set").is_some());
    let mut after = world
        .item("reg-happy", "10.0.0.1")
        .await
        .expect("the host is stored");
    let expected = r#"{"az": "a", "n": 12345678901234567890, "x": [1,2], "load_balancing_weight": 7, "e": 1e2}"#;
    assert_eq!(text(&after, "tags"), expected);
    after.insert("tags".into(), before["tags"].clone());
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_heartbeat_that_changes_no_tag_leaves_their_stored_text_alone() {
    let world = World::new().await;
    let spelt = r#"{"region":"us-east-1",  "az":"us-east-1a","instance_id":"i-0001"}"#;
    world.put(&literal_with(&[("tags", spelt)])).await;
    let node = world.node().await;
    node.list("reg-happy").await;
    node.requests();
    node.register("reg-happy", "10.0.0.1").await;
    assert_eq!(node.requests(), "UpdateItem 1");
    let stored = world
        .item("reg-happy", "10.0.0.1")
        .await
        .expect("the host is stored");
    assert_eq!(text(&stored, "tags"), spelt);
}

/// The original took revisions of any length and repos of any name; such a host still serves.
#[tokio::test]
async fn a_revision_that_is_too_long_and_a_repo_that_is_no_name_hide_no_host() {
    let world = World::new().await;
    let long = "é".repeat(5_000);
    world
        .put(&literal_with(&[
            ("revision", &long),
            ("service_repo_name", "a\tb"),
        ]))
        .await;
    let node = world.node().await;
    let row = node.list("reg-happy").await.remove(0);
    assert_eq!(row.host.revision.as_str(), "é".repeat(4_096));
    assert!(row.host.service_repo_name.is_empty());
    let change = node
        .repository
        .set_weight(&key("reg-happy", "10.0.0.1"), weight(7))
        .await;
    assert!(change.expect("a weight is set").is_some());
    let stored = world
        .item("reg-happy", "10.0.0.1")
        .await
        .expect("the host is stored");
    assert_eq!(text(&stored, "revision"), long);
    assert_eq!(text(&stored, "service_repo_name"), "a\tb");
}

#[tokio::test]
async fn the_proof_is_a_small_row_that_no_list_shows() {
    let world = World::new().await;
    let node = world.node().await;
    let first = node.lease.now().wall;
    let remembered = node
        .repository
        .prove(first)
        .await
        .expect("a proof is recorded");
    assert_eq!(remembered, None);
    node.clock.advance(Duration::from_secs(5));
    let second = node.lease.now().wall;
    let remembered = world.node().await.repository.prove(second).await;
    assert_eq!(remembered.expect("a proof is recorded"), Some(first));
    let items = world.emulator.items(TABLE).await;
    assert_eq!(items.len(), 1);
    let (row, shape) = (
        &items[0],
        [
            "service",
            "ip_address",
            "port",
            "revision",
            "last_check_in",
            "tags",
        ],
    );
    // The time between the two was an outage, which is all that the row has beyond what a host's has.
    assert_eq!(row.len(), shape.len() + 1);
    assert!(row.contains_key("outages"));
    for name in shape {
        assert!(!text(row, name).is_empty());
    }
    assert!(text(row, "service").contains(char::is_control));
    assert!(text(row, "ip_address").parse::<std::net::IpAddr>().is_err());
    assert_eq!(
        text(row, "last_check_in"),
        "2026-11-22T12:56:57.129669+0000"
    );
    assert_eq!(text(row, "tags"), "{}");
    assert!(
        node.repository
            .services()
            .await
            .expect("services are named")
            .is_empty()
    );
}
