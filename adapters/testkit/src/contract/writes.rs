//! What becomes of one row.
#![expect(
    missing_docs,
    reason = "each name is the sentence that it holds a store to"
)]

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use discovery_domain::{CheckIn, CheckInError, Host, Moment, Tags};

use super::Store;
use crate::hosts::{
    HOST_TTL, INTRICATE_TAGS, REQUIRED_TAGS, key, port, repo, revision, service, tags, tags_with,
    weight,
};

/// Holds a host that was stored to one that was sent.
fn assert_stored(stored: Option<&Host>, sent: &CheckIn) {
    let stored = stored.expect("the host is stored");
    assert_eq!(stored.key, sent.key);
    assert_eq!(stored.service_repo_name, sent.service_repo_name);
    assert_eq!(stored.port, sent.port);
    assert_eq!(stored.revision, sent.revision);
    assert_eq!(stored.last_check_in, sent.at.wall);
    assert_eq!(stored.tags.as_str(), sent.tags.as_str());
    assert_eq!(stored.tags.shown(), sent.tags.shown());
}

async fn assert_read_back(store: &Store, sent: CheckIn) {
    let answered = store.accept(sent.clone()).await;
    assert_stored(Some(&answered.row.host), &sent);
    let row = store.row(&sent.key).await;
    assert_stored(row.as_ref().map(|row| &*row.host), &sent);
    let listed = store.rows_of(sent.key.service().as_str()).await;
    assert_stored(listed.first().map(|row| &*row.host), &sent);
    let listed = store.rows_of_repo(sent.service_repo_name.as_str()).await;
    assert_stored(listed.first().map(|row| &*row.host), &sent);
}

pub async fn a_registered_host_is_read_back_to_the_letter(store: Store) {
    let tags = tags(INTRICATE_TAGS);
    assert_eq!(tags.as_str(), INTRICATE_TAGS);
    let check_in = store.check_in("web", "10.0.0.1");
    assert_read_back(&store, CheckIn { tags, ..check_in }).await;
}

pub async fn an_ipv6_host_with_an_unusual_name_is_read_back_to_the_letter(store: Store) {
    let sent = CheckIn {
        service_repo_name: repo("dépôt/№ 1 & \"co\""),
        port: port(65535),
        revision: revision(" \u{0}\n\u{1f600}ß"),
        ..store.check_in("wéb: a|b;c+d \u{1f680} 'x'", "2001:db8::1")
    };
    assert_read_back(&store, sent).await;
}

pub async fn a_time_without_a_fraction_is_read_back_to_the_letter(store: Store) {
    let sent = store.check_in("web", "10.0.0.1");
    let wall: DateTime<Utc> = "2026-11-22T13:06:14Z".parse().expect("a time");
    let at = Moment { wall, ..sent.at };
    assert_read_back(&store, CheckIn { at, ..sent }).await;
}

pub async fn a_check_in_overwrites_the_fields_of_a_listed_row(store: Store) {
    store.register("web", "10.0.0.1").await;
    let sent = CheckIn {
        service_repo_name: repo("another"),
        port: port(9090),
        revision: revision("4567def"),
        ..store.check_in("web", "10.0.0.1")
    };
    assert_read_back(&store, sent).await;
    assert_eq!(store.rows_of("web").await.len(), 1);
}

pub async fn a_check_in_lays_its_tags_over_those_of_a_listed_row(store: Store) {
    let first = r#"{"az": "a", "x": {"deep": 1}, "region": "r", "instance_id": "i", "y": 1.0}"#;
    store.register_with("web", "10.0.0.1", tags(first)).await;
    let second = r#"{"instance_id": "j", "new": 2, "region": "r", "x": null, "az": "b"}"#;
    let row = store.register_with("web", "10.0.0.1", tags(second)).await;
    let merged = r#"{"az": "b", "x": null, "region": "r", "instance_id": "j", "y": 1.0, "new": 2}"#;
    assert_eq!(row.host.tags.as_str(), merged);
    let row = store
        .row(&key("web", "10.0.0.1"))
        .await
        .expect("the host is there");
    assert_eq!(row.host.tags.as_str(), merged);
}

pub async fn a_check_in_answers_what_it_stored_and_what_was_there(store: Store) {
    let first = store.accept(store.check_in("web", "10.0.0.1")).await;
    assert!(first.previous.is_none(), "{:?}", first.previous);
    let second = store.accept(store.check_in("web", "10.0.0.1")).await;
    let previous = second.previous.expect("there was a row");
    assert_eq!(previous.host, first.row.host);
    assert_eq!(store.rows_of("web").await[0].host, second.row.host);
}

pub async fn a_check_in_on_an_expired_row_starts_from_the_tags_that_were_sent(store: Store) {
    store
        .register_with("web", "10.0.0.1", tags_with("old", "1"))
        .await;
    store.pass(HOST_TTL / 2);
    let row = store.register("web", "10.0.0.1").await;
    assert_eq!(row.host.tags, tags_with("old", "1"));
    store.expire_all();
    let row = store.register("web", "10.0.0.1").await;
    assert_eq!(row.host.tags.as_str(), REQUIRED_TAGS);
}

pub async fn a_check_in_on_an_expired_row_that_the_guard_spares_merges_its_tags(store: Store) {
    store
        .register_with("web", "10.0.0.1", tags_with("old", "1"))
        .await;
    store.expire_all();
    let check_in = store.check_in("web", "10.0.0.1");
    let change = store
        .accept(CheckIn {
            spared: true,
            ..check_in
        })
        .await;
    assert_eq!(change.row.host.tags, tags_with("old", "1"));
}

pub async fn a_check_in_whose_tags_outgrow_their_limit_by_merging_is_refused_and_changes_nothing(
    store: Store,
) {
    let half = format!("{:?}", "x".repeat(Tags::MAX_BYTES / 2));
    let before = store
        .register_with("web", "10.0.0.1", tags_with("a", &half))
        .await;
    let check_in = store.check_in("web", "10.0.0.1");
    let tags = tags_with("b", &half);
    let refused = store
        .repository
        .check_in(CheckIn { tags, ..check_in })
        .await;
    assert!(matches!(refused, Err(CheckInError::Tags(_))), "{refused:?}");
    let after = store
        .row(&key("web", "10.0.0.1"))
        .await
        .expect("the host is there");
    assert_eq!(after.host, before.host);
}

pub async fn a_check_in_through_this_node_makes_the_age_of_its_row_zero(store: Store) {
    store.register("web", "10.0.0.1").await;
    store.pass(Duration::from_secs(30));
    let sent = store.check_in("web", "10.0.0.1");
    let answered = store.accept(sent.clone()).await;
    store.pass(Duration::from_secs(30));
    let row = store.row(&sent.key).await.expect("the host is there");
    let listed = store.rows_of("web").await;
    for renewed in [answered.row.renewed, row.renewed, listed[0].renewed] {
        assert_eq!(renewed, sent.at.lease);
    }
}

pub async fn a_jump_of_the_wall_clock_ages_no_row_that_this_node_knows(store: Store) {
    let row = store.register("web", "10.0.0.1").await;
    for hours in [1, -2, 24 * 3650] {
        store.clock.jump(TimeDelta::hours(hours));
        let now = store.lease.instant();
        let reading = store.repository.hosts_of(&service("web"), now).await;
        let list = reading.expect("a store lists a service").list;
        assert_eq!(list.rows()[0].renewed, row.renewed, "after {hours} hours");
    }
}

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
    let mut answered = super::addresses(&rows);
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

pub async fn a_delete_removes_the_row_and_answers_what_was_in_it(store: Store) {
    let row = store.register("web", "10.0.0.1").await;
    let kept = store.register("web", "10.0.0.2").await;
    store.expire_all();
    let removed = store.repository.delete(&row.host.key).await;
    let removed = removed
        .expect("a store deletes a host")
        .expect("the host was there");
    assert_eq!(removed.row.expect("the row could be read").host, row.host);
    assert!(store.row(&row.host.key).await.is_none());
    assert_eq!(super::hosts_in(&store.rows_of("web").await), [kept.host]);
}

pub async fn a_delete_of_an_unknown_host_is_none(store: Store) {
    let row = store.register("web", "10.0.0.1").await;
    for unknown in [key("web", "10.0.0.2"), key("api", "10.0.0.1")] {
        let removed = store.repository.delete(&unknown).await;
        assert!(removed.expect("a store looks for a host").is_none());
    }
    assert!(
        store
            .repository
            .delete(&row.host.key)
            .await
            .expect("a store deletes")
            .is_some()
    );
    assert!(
        store
            .repository
            .delete(&row.host.key)
            .await
            .expect("a store deletes")
            .is_none()
    );
}

pub async fn a_deleted_host_registers_anew_without_its_old_tags(store: Store) {
    let row = store
        .register_with("web", "10.0.0.1", tags_with("old", "1"))
        .await;
    store
        .repository
        .delete(&row.host.key)
        .await
        .expect("a store deletes a host");
    let change = store.accept(store.check_in("web", "10.0.0.1")).await;
    assert!(change.previous.is_none(), "{:?}", change.previous);
    assert_eq!(change.row.host.tags.as_str(), REQUIRED_TAGS);
    assert_eq!(
        super::hosts_in(&store.rows_of("web").await),
        [change.row.host]
    );
}

pub async fn a_row_that_was_not_renewed_is_removed_on_that_condition(store: Store) {
    store.register("web", "10.0.0.1").await;
    store.expire_all();
    let seen = store.rows_of("web").await.remove(0);
    let removed = store.repository.delete_unrenewed(&seen).await;
    assert!(removed.expect("a store deletes a row"));
    assert!(store.row(&seen.host.key).await.is_none());
    assert!(store.rows_of("web").await.is_empty());
    assert!(store.rows_of_repo("web-repo").await.is_empty());
}

pub async fn a_row_that_was_renewed_is_not_removed_on_that_condition(store: Store) {
    store.register("web", "10.0.0.1").await;
    store.expire_all();
    let seen = store.rows_of("web").await.remove(0);
    let renewed = store.register("web", "10.0.0.1").await;
    let removed = store.repository.delete_unrenewed(&seen).await;
    assert!(!removed.expect("a store looks at a row"));
    assert_eq!(store.rows_of("web").await[0].host, renewed.host);
}

pub async fn a_weight_does_not_renew_a_row_that_is_removed_if_unrenewed(store: Store) {
    let seen = store.register("web", "10.0.0.1").await;
    store.expire_all();
    let change = store
        .repository
        .set_weight(&seen.host.key, weight(42))
        .await;
    change.expect("a store sets a weight");
    let removed = store.repository.delete_unrenewed(&seen).await;
    assert!(removed.expect("a store deletes a row"));
    assert!(store.rows_of("web").await.is_empty());
}

pub async fn a_row_that_is_gone_is_not_removed_again(store: Store) {
    let seen = store.register("web", "10.0.0.1").await;
    store
        .repository
        .delete(&seen.host.key)
        .await
        .expect("a store deletes a host");
    let removed = store.repository.delete_unrenewed(&seen).await;
    assert!(!removed.expect("a store looks at a row"));
}

pub async fn a_proof_remembers_nothing_later_than_what_was_recorded_before_it(store: Store) {
    let began = store.lease.now().wall;
    for _ in 0..2 {
        store.clock.advance(Duration::from_secs(5));
        let now = store.lease.now().wall;
        let remembered = store.repository.prove(now).await;
        let remembered = remembered.expect("a store records a proof");
        assert!(
            remembered.is_none_or(|at| at < now),
            "{remembered:?} since {began}"
        );
    }
}
