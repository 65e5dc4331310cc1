//! Check-ins that were held back: they renew what is there and create nothing.
#![expect(
    missing_docs,
    reason = "each name is the sentence that it holds a store to"
)]

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Host, Row};

use super::Store;
use crate::hosts::weight;

/// The row as it would be after a check-in now.
fn renewed_now(store: &Store, seen: &Row) -> Row {
    store.clock.advance(Duration::from_secs(1));
    let now = store.lease.now();
    let host = Host {
        last_check_in: now.wall,
        ..Host::clone(&seen.host)
    };
    Row::checked_in(Arc::new(host), now.lease)
}

pub async fn a_renewal_changes_the_check_in_and_nothing_else(store: Store) {
    let seen = store.register("web", "10.0.0.1").await;
    let change = store.repository.set_weight(&seen.host.key, weight(7)).await;
    let weighted = change.expect("a store sets a weight").expect("it is there");
    let later = renewed_now(&store, &seen);
    let renewed = store.repository.renew(&seen, &later).await;
    assert!(renewed.expect("a store renews a row"));
    let row = store.rows_of("web").await.remove(0);
    assert_eq!(row.host.last_check_in, later.host.last_check_in);
    assert_eq!(row.renewed, later.renewed);
    assert_eq!(row.host.tags, weighted.row.host.tags);
}

pub async fn a_renewal_of_a_row_with_another_check_in_changes_nothing(store: Store) {
    let seen = store.register("web", "10.0.0.1").await;
    let newer = store.register("web", "10.0.0.1").await;
    let later = renewed_now(&store, &seen);
    let renewed = store.repository.renew(&seen, &later).await;
    assert!(!renewed.expect("a store looks at a row"));
    assert_eq!(store.rows_of("web").await[0].host, newer.host);
}

pub async fn a_renewal_never_recreates_a_host_that_was_deleted(store: Store) {
    let seen = store.register("web", "10.0.0.1").await;
    let deleted = store.repository.delete(&seen.host.key).await;
    deleted.expect("a store deletes a host");
    let later = renewed_now(&store, &seen);
    let renewed = store.repository.renew(&seen, &later).await;
    assert!(!renewed.expect("a store looks for a row"));
    assert!(store.rows_of("web").await.is_empty());
}
