//! What a store promises that keeps all rows in this process.
#![expect(
    missing_docs,
    reason = "each name is the sentence that it holds a store to"
)]

use std::sync::Arc;

use discovery_domain::{HostList, LeaseInstant};

use super::Store;
use crate::hosts::{key, repo, service, weight};

async fn lists(store: &Store) -> [Arc<HostList>; 2] {
    let past = LeaseInstant::DISTANT_PAST;
    let of_service = store.repository.hosts_of(&service("web"), past).await;
    let of_repo = store
        .repository
        .hosts_of_repo(&repo("web-repo"), past)
        .await;
    [of_service, of_repo].map(|reading| reading.expect("a store lists hosts").list)
}

fn same(one: &[Arc<HostList>; 2], other: &[Arc<HostList>; 2]) -> [bool; 2] {
    [0, 1].map(|nth| Arc::ptr_eq(&one[nth], &other[nth]))
}

pub async fn a_list_that_has_not_changed_is_the_same_list(store: Store) {
    store.register("web", "10.0.0.1").await;
    let before = lists(&store).await;
    assert_eq!(same(&before, &lists(&store).await), [true, true]);
    let unknown = store.repository.delete(&key("web", "10.0.0.2")).await;
    assert!(unknown.expect("a store looks for a host").is_none());
    assert_eq!(same(&before, &lists(&store).await), [true, true]);
}

pub async fn a_list_that_has_changed_is_another_list(store: Store) {
    store.register("web", "10.0.0.1").await;
    let first = lists(&store).await;
    store.register("web", "10.0.0.1").await;
    let second = lists(&store).await;
    assert_eq!(same(&first, &second), [false, false]);
    let change = store
        .repository
        .set_weight(&key("web", "10.0.0.1"), weight(3))
        .await;
    change.expect("a store sets a weight");
    let third = lists(&store).await;
    assert_eq!(same(&second, &third), [false, false]);
    let again = store
        .repository
        .set_weight(&key("web", "10.0.0.1"), weight(3))
        .await;
    again.expect("a store sets a weight");
    assert_eq!(same(&third, &lists(&store).await), [true, true]);
}

pub async fn a_check_in_elsewhere_leaves_a_list_the_same(store: Store) {
    store.register("web", "10.0.0.1").await;
    let before = lists(&store).await;
    store.register("api", "10.0.0.1").await;
    store.register("api", "10.0.0.2").await;
    assert_eq!(same(&before, &lists(&store).await), [true, true]);
}

pub async fn a_list_is_always_current(store: Store) {
    store.register("web", "10.0.0.1").await;
    for name in ["web", "unknown"] {
        let past = LeaseInstant::DISTANT_PAST;
        let of_service = store.repository.hosts_of(&service(name), past).await;
        let of_repo = store.repository.hosts_of_repo(&repo(name), past).await;
        for reading in [of_service, of_repo] {
            let reading = reading.expect("a store lists hosts");
            assert_eq!(reading.as_of, LeaseInstant::DISTANT_FUTURE, "{name}");
        }
    }
}

pub async fn a_service_without_rows_is_not_named(store: Store) {
    store.register("web", "10.0.0.1").await;
    store.register("api", "10.0.0.1").await;
    store
        .repository
        .delete(&key("web", "10.0.0.1"))
        .await
        .expect("a store deletes a host");
    let services = store.repository.services().await;
    assert_eq!(
        services.expect("a store names its services"),
        [service("api")]
    );
}
