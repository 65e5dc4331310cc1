//! What a check-in makes of a row.
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
};

/// Holds a host that was stored to one that was sent.
pub(super) fn assert_stored(stored: Option<&Host>, sent: &CheckIn) {
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
        let read = list.row(&row.host.key).expect("it is stored");
        assert_eq!(read.renewed, row.renewed, "after {hours} hours");
    }
}
