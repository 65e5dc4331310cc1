//! What the lists show.
#![expect(
    missing_docs,
    reason = "each name is the sentence that it holds a store to"
)]

use discovery_domain::{CheckIn, LeaseInstant};

use super::{Store, addresses, hosts_in};
use crate::hosts::{key, repo, service, tags_with, weight};

pub async fn an_unknown_service_or_repo_is_an_empty_list(store: Store) {
    assert!(store.rows_of("web").await.is_empty());
    assert!(store.rows_of_repo("web-repo").await.is_empty());
    store.register("api", "10.0.0.1").await;
    assert!(store.rows_of("web").await.is_empty());
    assert!(store.rows_of_repo("web-repo").await.is_empty());
    assert!(store.row(&key("web", "10.0.0.1")).await.is_none());
}

pub async fn a_service_lists_its_hosts_by_address(store: Store) {
    for ip in [
        "2001:db8::1",
        "10.0.0.10",
        "9.255.0.1",
        "::1",
        "10.0.0.2",
        "10.0.0.1",
    ] {
        store.register("web", ip).await;
    }
    let listed = addresses(&store.rows_of("web").await);
    let by_address = [
        "9.255.0.1",
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.10",
        "::1",
        "2001:db8::1",
    ];
    assert_eq!(listed, by_address);
}

pub async fn a_repo_lists_the_hosts_of_all_its_services_by_address(store: Store) {
    for (service, ip) in [
        ("web", "10.0.0.10"),
        ("web", "10.0.0.2"),
        ("api", "10.0.0.5"),
        ("other", "10.0.0.3"),
    ] {
        let name = if service == "other" { "theirs" } else { "ours" };
        let check_in = store.check_in(service, ip);
        let service_repo_name = repo(name);
        store
            .accept(CheckIn {
                service_repo_name,
                ..check_in
            })
            .await;
    }
    let listed = addresses(&store.rows_of_repo("ours").await);
    assert_eq!(listed, ["10.0.0.2", "10.0.0.5", "10.0.0.10"]);
    assert_eq!(addresses(&store.rows_of_repo("theirs").await), ["10.0.0.3"]);
}

pub async fn names_that_begin_alike_are_kept_apart(store: Store) {
    let names = [
        "a", "ab", "a b", "A", "a\u{301}", "á", "repo", "a/b", "a#b", "a ",
    ];
    for (number, name) in names.iter().enumerate() {
        store.register(name, &format!("10.0.0.{number}")).await;
    }
    for (number, name) in names.iter().enumerate() {
        let expected = [format!("10.0.0.{number}")];
        assert_eq!(addresses(&store.rows_of(name).await), expected, "{name:?}");
        let repo = format!("{name}-repo");
        assert_eq!(
            addresses(&store.rows_of_repo(&repo).await),
            expected,
            "{repo:?}"
        );
    }
}

pub async fn a_host_that_changes_its_repo_leaves_the_old_list(store: Store) {
    store.register("web", "10.0.0.1").await;
    store.register("web", "10.0.0.2").await;
    assert_eq!(store.rows_of_repo("web-repo").await.len(), 2);
    let check_in = store.check_in("web", "10.0.0.1");
    let service_repo_name = repo("new");
    store
        .accept(CheckIn {
            service_repo_name,
            ..check_in
        })
        .await;
    assert_eq!(
        addresses(&store.rows_of_repo("web-repo").await),
        ["10.0.0.2"]
    );
    assert_eq!(addresses(&store.rows_of_repo("new").await), ["10.0.0.1"]);
    assert_eq!(store.rows_of("web").await.len(), 2);
}

pub async fn a_host_without_a_repo_is_on_no_repo_list(store: Store) {
    store.register("web", "10.0.0.1").await;
    let check_in = store.check_in("web", "10.0.0.1");
    let service_repo_name = repo("");
    let change = store
        .accept(CheckIn {
            service_repo_name,
            ..check_in
        })
        .await;
    assert!(change.row.host.service_repo_name.is_empty());
    assert!(store.rows_of_repo("web-repo").await.is_empty());
    assert_eq!(hosts_in(&store.rows_of("web").await), [change.row.host]);
}

pub async fn two_services_of_a_repo_may_share_an_address(store: Store) {
    for service in ["web", "api"] {
        let check_in = store.check_in(service, "10.0.0.1");
        let service_repo_name = repo("ours");
        store
            .accept(CheckIn {
                service_repo_name,
                ..check_in
            })
            .await;
    }
    assert_eq!(
        addresses(&store.rows_of_repo("ours").await),
        ["10.0.0.1", "10.0.0.1"]
    );
    store
        .repository
        .delete(&key("web", "10.0.0.1"))
        .await
        .expect("a store deletes a host");
    let left = store.rows_of_repo("ours").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].host.key, key("api", "10.0.0.1"));
}

pub async fn a_list_holds_expired_rows_too(store: Store) {
    let old = store.register("web", "10.0.0.1").await;
    store.expire_all();
    let new = store.register("web", "10.0.0.2").await;
    let expected = [old.host, new.host];
    assert_eq!(hosts_in(&store.rows_of("web").await), expected);
    assert_eq!(hosts_in(&store.rows_of_repo("web-repo").await), expected);
}

pub async fn every_write_shows_at_once_on_every_list_that_was_read_before(store: Store) {
    let assert_listed = async |expected: &[_]| {
        assert_eq!(hosts_in(&store.rows_of("web").await), expected);
        assert_eq!(hosts_in(&store.rows_of_repo("web-repo").await), expected);
    };
    assert_listed(&[]).await;
    let one = store.register("web", "10.0.0.1").await.host;
    assert_listed(&[one]).await;
    let one = store
        .register_with("web", "10.0.0.1", tags_with("x", "1"))
        .await
        .host;
    assert_listed(std::slice::from_ref(&one)).await;
    let two = store.register("web", "10.0.0.2").await.host;
    assert_listed(&[one.clone(), two.clone()]).await;
    let change = store.repository.set_weight(&one.key, weight(5)).await;
    let one = change
        .expect("a store sets a weight")
        .expect("the host is there")
        .row
        .host;
    assert_listed(&[one.clone(), two.clone()]).await;
    let changes = store
        .repository
        .set_weight_of_service(&service("web"), weight(6))
        .await;
    let mut changes = changes.expect("a store sets the weight of a service");
    changes.sort_by(|a, b| a.row.host.key.cmp(&b.row.host.key));
    let [one, two] = [0, 1].map(|nth| changes[nth].row.host.clone());
    assert_listed(&[one.clone(), two.clone()]).await;
    store
        .repository
        .delete(&one.key)
        .await
        .expect("a store deletes a host");
    assert_listed(&[two]).await;
    let seen = store.rows_of("web").await.remove(0);
    store
        .repository
        .delete_unrenewed(&seen)
        .await
        .expect("a store deletes a row");
    assert_listed(&[]).await;
}

pub async fn a_list_is_at_least_as_new_as_was_asked(store: Store) {
    store.register("web", "10.0.0.1").await;
    for not_before in [LeaseInstant::DISTANT_PAST, store.lease.instant()] {
        let of_service = store.repository.hosts_of(&service("web"), not_before).await;
        let of_repo = store
            .repository
            .hosts_of_repo(&repo("web-repo"), not_before)
            .await;
        for reading in [of_service, of_repo] {
            let reading = reading.expect("a store lists hosts");
            assert!(reading.as_of >= not_before, "{reading:?}");
            assert_eq!(reading.stale, None);
        }
    }
}

pub async fn services_names_every_service_that_has_a_row(store: Store) {
    for service in ["web", "api", "wéb"] {
        store.register(service, "10.0.0.1").await;
        store.register(service, "10.0.0.2").await;
    }
    store.expire_all();
    let services = store.repository.services().await;
    let mut services = services.expect("a store names its services");
    services.sort();
    assert_eq!(services, ["api", "web", "wéb"].map(service));
}

pub async fn a_list_of_many_hosts_is_complete(store: Store) {
    let mut expected = Vec::new();
    for number in 0..300 {
        let ip = format!("10.0.{}.{}", number / 250, number % 250);
        expected.push(store.register("web", &ip).await.host);
    }
    assert_eq!(hosts_in(&store.rows_of("web").await), expected);
    assert_eq!(hosts_in(&store.rows_of_repo("web-repo").await), expected);
}
