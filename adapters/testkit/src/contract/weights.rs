//! What a weight changes, and what it leaves.
#![expect(
    missing_docs,
    reason = "each name is the sentence that it holds a store to"
)]

use std::time::Duration;

use discovery_domain::CheckIn;

use super::check_ins::assert_stored;
use super::{Store, addresses};
use crate::hosts::{INTRICATE_TAGS, key, service, tags, tags_with, weight};

pub async fn a_weight_changes_that_tag_and_nothing_else(store: Store) {
    let sent = CheckIn {
        tags: tags_with("load_balancing_weight", "7"),
        ..store.check_in("web", "10.0.0.1")
    };
    let before = store.accept(sent.clone()).await.row;
    store.pass(Duration::from_secs(1));
    let change = store.repository.set_weight(&sent.key, weight(42)).await;
    let change = change
        .expect("a store sets a weight")
        .expect("the host is there");
    assert_eq!(change.previous.expect("there was a row").host, before.host);
    let tags = tags_with("load_balancing_weight", "42");
    let expected = CheckIn { tags, ..sent };
    assert_stored(Some(&change.row.host), &expected);
    let row = store.row(&expected.key).await.expect("the host is there");
    assert_stored(Some(&row.host), &expected);
    assert_eq!(row.renewed, before.renewed);
}

pub async fn a_weight_leaves_foreign_tags_to_the_letter(store: Store) {
    store
        .register_with("web", "10.0.0.1", tags(INTRICATE_TAGS))
        .await;
    let key = key("web", "10.0.0.1");
    for (number, text) in [(1, "1"), (100, "100")] {
        let change = store.repository.set_weight(&key, weight(number)).await;
        let change = change
            .expect("a store sets a weight")
            .expect("the host is there");
        let members = INTRICATE_TAGS.trim_end_matches('}');
        let expected = format!(r#"{members}, "load_balancing_weight": {text}}}"#);
        assert_eq!(change.row.host.tags.as_str(), expected);
        assert_eq!(store.rows_of("web").await[0].host.tags.as_str(), expected);
    }
}

pub async fn a_weight_that_a_host_has_already_changes_nothing(store: Store) {
    let tags = tags_with("load_balancing_weight", "42");
    let before = store.register_with("web", "10.0.0.1", tags).await;
    let key = key("web", "10.0.0.1");
    let change = store.repository.set_weight(&key, weight(42)).await;
    let change = change
        .expect("a store sets a weight")
        .expect("the host is there");
    assert_eq!(change.row.host, before.host);
    assert_eq!(store.rows_of("web").await[0].host, before.host);
}

pub async fn a_weight_on_an_unknown_host_is_none_and_creates_nothing(store: Store) {
    store.register("web", "10.0.0.1").await;
    for unknown in [key("web", "10.0.0.2"), key("api", "10.0.0.1")] {
        let change = store.repository.set_weight(&unknown, weight(42)).await;
        assert!(change.expect("a store looks for a host").is_none());
        assert!(store.row(&unknown).await.is_none());
    }
    assert_eq!(store.rows_of("web").await.len(), 1);
    assert!(store.rows_of("api").await.is_empty());
}

pub async fn a_weight_survives_check_ins_that_carry_none(store: Store) {
    store.register("web", "10.0.0.1").await;
    let change = store
        .repository
        .set_weight(&key("web", "10.0.0.1"), weight(42))
        .await;
    change.expect("a store sets a weight");
    for _ in 0..3 {
        store.pass(Duration::from_secs(30));
        let row = store.register("web", "10.0.0.1").await;
        assert_eq!(row.host.tags.weight(), Some(weight(42)));
    }
}

pub async fn a_check_in_that_carries_a_weight_overwrites_it(store: Store) {
    store.register("web", "10.0.0.1").await;
    let change = store
        .repository
        .set_weight(&key("web", "10.0.0.1"), weight(42))
        .await;
    change.expect("a store sets a weight");
    let tags = tags_with("load_balancing_weight", "7");
    let row = store.register_with("web", "10.0.0.1", tags).await;
    assert_eq!(row.host.tags.weight(), Some(weight(7)));
    assert_eq!(store.rows_of("web").await[0].host, row.host);
}

pub async fn a_weight_is_set_on_an_expired_row_and_does_not_renew_it(store: Store) {
    let before = store.register("web", "10.0.0.1").await;
    store.expire_all();
    let change = store
        .repository
        .set_weight(&before.host.key, weight(42))
        .await;
    let row = change
        .expect("a store sets a weight")
        .expect("the host is there")
        .row;
    assert_eq!(row.renewed, before.renewed);
    assert_eq!(row.host.last_check_in, before.host.last_check_in);
}

pub async fn a_weight_of_a_service_reaches_every_host_and_answers_those_that_changed(store: Store) {
    store.register("web", "10.0.0.1").await;
    let has_it = tags_with("load_balancing_weight", "42");
    store.register_with("web", "10.0.0.2", has_it).await;
    let other = tags_with("load_balancing_weight", "1");
    let before = store.register_with("web", "10.0.0.3", other).await;
    let bystander = store.register("api", "10.0.0.1").await;
    let changes = store
        .repository
        .set_weight_of_service(&service("web"), weight(42))
        .await;
    let changes = changes.expect("a store sets the weight of a service");
    let rows: Vec<_> = changes.iter().map(|change| change.row.clone()).collect();
    let mut answered = addresses(&rows);
    answered.sort();
    assert_eq!(answered, ["10.0.0.1", "10.0.0.3"]);
    let listed = store.rows_of("web").await;
    assert_eq!(listed.len(), 3);
    assert!(
        listed
            .iter()
            .all(|row| row.host.tags.weight() == Some(weight(42)))
    );
    assert_eq!(listed[2].host.last_check_in, before.host.last_check_in);
    assert_eq!(listed[2].renewed, before.renewed);
    assert_eq!(store.rows_of("api").await[0].host, bystander.host);
}

pub async fn a_weight_of_an_unknown_service_changes_nothing(store: Store) {
    store.register("web", "10.0.0.1").await;
    let changes = store
        .repository
        .set_weight_of_service(&service("api"), weight(42))
        .await;
    assert!(
        changes
            .expect("a store sets the weight of a service")
            .is_empty()
    );
    assert!(store.rows_of("api").await.is_empty());
    assert_eq!(store.rows_of("web").await[0].host.tags.weight(), None);
}
