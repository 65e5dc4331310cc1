//! What is removed, and what a store remembers of its writes.
#![expect(
    missing_docs,
    reason = "each name is the sentence that it holds a store to"
)]

use std::time::Duration;

use super::{Store, hosts_in};
use crate::hosts::{REQUIRED_TAGS, key, tags_with, weight};

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
    assert_eq!(hosts_in(&store.rows_of("web").await), [kept.host]);
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
    assert_eq!(hosts_in(&store.rows_of("web").await), [change.row.host]);
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
