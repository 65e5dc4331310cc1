//! What a store promises that outlives this process.
#![expect(
    missing_docs,
    reason = "each name is the sentence that it holds a store to"
)]

use std::time::Duration;

use chrono::TimeDelta;

use super::{Store, hosts_in};
use crate::hosts::{HOST_TTL, INTRICATE_TAGS, key, service, tags, weight};

pub async fn everything_acknowledged_is_there_after_a_restart(
    store: Store,
    reopen: impl AsyncFnOnce(Store) -> Store,
) {
    for number in 0..50 {
        store.register("web", &format!("10.0.0.{number}")).await;
        store
            .register("wéb: b", &format!("2001:db8::{number}"))
            .await;
    }
    store
        .register_with("web", "10.0.0.7", tags(INTRICATE_TAGS))
        .await;
    let changes = store
        .repository
        .set_weight_of_service(&service("web"), weight(9))
        .await;
    assert_eq!(
        changes.expect("a store sets the weight of a service").len(),
        50
    );
    let names = ["web", "wéb: b"];
    let mut before = Vec::new();
    for name in names {
        before.push(hosts_in(&store.rows_of(name).await));
        before.push(hosts_in(&store.rows_of_repo(&format!("{name}-repo")).await));
    }
    let store = reopen(store).await;
    let mut after = Vec::new();
    for name in names {
        after.push(hosts_in(&store.rows_of(name).await));
        after.push(hosts_in(&store.rows_of_repo(&format!("{name}-repo")).await));
    }
    assert_eq!(before, after);
}

pub async fn what_was_removed_stays_removed_after_a_restart(
    store: Store,
    reopen: impl AsyncFnOnce(Store) -> Store,
) {
    let deleted = store.register("web", "10.0.0.1").await;
    let swept = store.register("web", "10.0.0.2").await;
    let kept = store.register("web", "10.0.0.3").await;
    let removed = store.repository.delete(&deleted.host.key).await;
    assert!(removed.expect("a store deletes a host").is_some());
    let removed = store.repository.delete_unrenewed(&swept).await;
    assert!(removed.expect("a store deletes a row"));
    let store = reopen(store).await;
    assert_eq!(hosts_in(&store.rows_of("web").await), [kept.host]);
    assert!(store.row(&key("web", "10.0.0.1")).await.is_none());
}

pub async fn a_proof_is_remembered_after_a_restart(
    store: Store,
    reopen: impl AsyncFnOnce(Store) -> Store,
) {
    let proved = store.lease.now().wall;
    store
        .repository
        .prove(proved)
        .await
        .expect("a store records a proof");
    store.clock.advance(Duration::from_hours(1));
    let store = reopen(store).await;
    let now = store.lease.now().wall;
    let remembered = store
        .repository
        .prove(now)
        .await
        .expect("a store records a proof");
    assert_eq!(remembered, Some(proved));
}

/// Two minutes old when recording stopped, two minutes old after three hours of outage: nobody could have renewed.
pub async fn an_outage_before_the_start_ages_nobody(
    store: Store,
    reopen: impl AsyncFnOnce(Store) -> Store,
) {
    store.register("web", "10.0.0.1").await;
    store.pass(Duration::from_mins(2));
    let proved = store.lease.now().wall;
    store
        .repository
        .prove(proved)
        .await
        .expect("a store records a proof");
    store.clock.advance(Duration::from_hours(3));
    let store = reopen(store).await;
    let remembered = store.repository.prove(store.lease.now().wall).await;
    if let Some(last) = remembered.expect("a store records a proof") {
        store.lease.remember_proof(last);
    }
    let row = store.rows_of("web").await.remove(0);
    let age = store.lease.instant().since(row.renewed);
    let error = age.abs_diff(Duration::from_mins(2));
    assert!(error < Duration::from_millis(1), "{age:?}");
}

/// A host that was silent while others checked in is old after a restart, and one that checked in last is not.
pub async fn time_between_the_last_proof_and_the_check_in_counts_after_a_restart(
    store: Store,
    reopen: impl AsyncFnOnce(Store) -> Store,
) {
    store.register("web", "10.0.0.1").await;
    store.pass(HOST_TTL * 2);
    let last = store.register("web", "10.0.0.2").await.host.last_check_in;
    store.clock.advance(Duration::from_secs(1));
    let store = reopen(store).await;
    let remembered = store.repository.prove(store.lease.now().wall).await;
    let remembered = remembered.expect("a store records a proof").unwrap_or(last);
    store.lease.remember_proof(remembered);
    assert!(remembered - last < TimeDelta::seconds(1), "{remembered}");
    let rows = store.rows_of("web").await;
    let now = store.lease.instant();
    let [silent, recent] = [0, 1].map(|nth| now.since(rows[nth].renewed));
    assert!(silent >= HOST_TTL * 2, "{silent:?}");
    assert!(recent <= Duration::from_secs(1), "{recent:?}");
}
