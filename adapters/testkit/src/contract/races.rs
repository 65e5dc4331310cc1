//! What stays true when two calls meet: in every round the calls start at the same moment on several threads.
#![expect(
    missing_docs,
    reason = "each name is the sentence that it holds a store to"
)]

use std::future::Future;
use std::sync::Arc;

use discovery_domain::{CheckIn, Row};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{Store, addresses, hosts_in};
use crate::hosts::{key, port, repo, revision, service, tags_with, weight};

/// Runs two calls at once, each on a task of its own.
async fn at_once<A, B>(
    one: impl Future<Output = A> + Send + 'static,
    other: impl Future<Output = B> + Send + 'static,
) -> (A, B)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let gate = Arc::new(Barrier::new(2));
    let other_gate = Arc::clone(&gate);
    let other = tokio::spawn(async move {
        other_gate.wait().await;
        other.await
    });
    gate.wait().await;
    let one = one.await;
    (one, other.await.expect("the other call ends"))
}

/// A host that is registered anew for every round.
async fn fresh_row(store: &Store, round: usize) -> Row {
    store
        .register("web", &format!("10.0.0.{}", round % 8))
        .await
}

pub async fn a_sweep_never_removes_a_host_that_checks_in_meanwhile(store: Store) {
    for round in 0..store.races {
        let seen = fresh_row(&store, round).await;
        let check_in = store.check_in("web", &seen.host.key.address().to_string());
        let expected = check_in.at.wall;
        let (one, other) = (Arc::clone(&store.repository), Arc::clone(&store.repository));
        let swept = seen.clone();
        let (renewed, removed) = at_once(async move { one.check_in(check_in).await }, async move {
            other.delete_unrenewed(&swept).await
        })
        .await;
        renewed.expect("a store takes a valid check-in");
        removed.expect("a store looks at a row");
        let row = store
            .row(&seen.host.key)
            .await
            .expect("the host has checked in");
        assert_eq!(row.host.last_check_in, expected);
        assert!(
            addresses(&store.rows_of("web").await).contains(&seen.host.key.address().to_string())
        );
    }
}

pub async fn an_acknowledged_check_in_is_never_undone_by_sweeps_of_what_was_seen_earlier(
    store: Store,
) {
    let first = store.register("web", "10.0.0.1").await;
    let mut seen = [first.clone(), first];
    for _ in 0..store.races {
        let renewed = store.check_in("web", "10.0.0.1");
        let mut sweeps = JoinSet::new();
        for row in seen.iter().cloned().chain(seen.clone()) {
            let repository = Arc::clone(&store.repository);
            sweeps.spawn(async move { repository.delete_unrenewed(&row).await });
        }
        let row = store.accept(renewed).await.row;
        for swept in sweeps.join_all().await {
            swept.expect("a store looks at a row");
        }
        let stored = store.row(&row.host.key).await;
        let stored = stored.expect("the host has checked in");
        assert_eq!(stored.host.last_check_in, row.host.last_check_in);
        seen = [row, seen[0].clone()];
    }
}

pub async fn a_check_in_never_loses_a_weight_that_is_set_meanwhile(store: Store) {
    for round in 0..store.races {
        let row = fresh_row(&store, round).await;
        let check_in = store.check_in("web", &row.host.key.address().to_string());
        let (key, weight) = (row.host.key.clone(), weight(1 + round % 100));
        let (one, other) = (Arc::clone(&store.repository), Arc::clone(&store.repository));
        let (renewed, changed) = at_once(async move { one.check_in(check_in).await }, async move {
            other.set_weight(&key, weight).await
        })
        .await;
        renewed.expect("a store takes a valid check-in");
        changed
            .expect("a store sets a weight")
            .expect("the host is there");
        let row = store.row(&row.host.key).await.expect("the host is there");
        assert_eq!(row.host.tags.weight(), Some(weight));
    }
}

pub async fn a_check_in_never_loses_a_weight_of_the_service_that_is_set_meanwhile(store: Store) {
    for ip in 0..8 {
        store.register("web", &format!("10.0.0.{ip}")).await;
    }
    for round in 0..store.races / 4 {
        let check_in = store.check_in("web", &format!("10.0.0.{}", round % 2));
        let weight = weight(1 + round % 100);
        let (one, other) = (Arc::clone(&store.repository), Arc::clone(&store.repository));
        let (renewed, changed) = at_once(async move { one.check_in(check_in).await }, async move {
            other.set_weight_of_service(&service("web"), weight).await
        })
        .await;
        renewed.expect("a store takes a valid check-in");
        changed.expect("a store sets the weight of a service");
        for row in store.rows_of("web").await {
            assert_eq!(row.host.tags.weight(), Some(weight), "{:?}", row.host.key);
        }
    }
}

pub async fn a_weight_never_restores_what_a_check_in_overwrites_meanwhile(store: Store) {
    for round in 0..store.races {
        let row = fresh_row(&store, round).await;
        let sent = CheckIn {
            port: port(9000 + round % 1000),
            revision: revision(&format!("revision {round}")),
            service_repo_name: repo(&format!("repo {}", round % 3)),
            ..store.check_in("web", &row.host.key.address().to_string())
        };
        let (check_in, key) = (sent.clone(), row.host.key.clone());
        let (one, other) = (Arc::clone(&store.repository), Arc::clone(&store.repository));
        let (renewed, changed) = at_once(async move { one.check_in(check_in).await }, async move {
            other.set_weight(&key, weight(42)).await
        })
        .await;
        renewed.expect("a store takes a valid check-in");
        changed
            .expect("a store sets a weight")
            .expect("the host is there");
        let host = store
            .row(&row.host.key)
            .await
            .expect("the host is there")
            .host;
        assert_eq!((host.port, &host.revision), (sent.port, &sent.revision));
        assert_eq!(host.service_repo_name, sent.service_repo_name);
        assert_eq!(host.last_check_in, sent.at.wall);
    }
}

pub async fn a_weight_never_recreates_a_host_that_is_deleted_meanwhile(store: Store) {
    for round in 0..store.races {
        let row = fresh_row(&store, round).await;
        let (weighted, deleted) = (row.host.key.clone(), row.host.key.clone());
        let (one, other) = (Arc::clone(&store.repository), Arc::clone(&store.repository));
        let (changed, removed) = at_once(
            async move { one.set_weight(&weighted, weight(42)).await },
            async move { other.delete(&deleted).await },
        )
        .await;
        changed.expect("a store sets a weight");
        removed
            .expect("a store deletes a host")
            .expect("the host was there");
        assert!(store.row(&row.host.key).await.is_none());
        assert!(
            !hosts_in(&store.rows_of("web").await)
                .iter()
                .any(|host| host.key == row.host.key)
        );
    }
}

pub async fn a_weight_of_a_service_never_recreates_a_host_that_is_deleted_meanwhile(store: Store) {
    for round in 0..store.races / 2 {
        let row = fresh_row(&store, round).await;
        let deleted = row.host.key.clone();
        let weight = weight(1 + round % 100);
        let (one, other) = (Arc::clone(&store.repository), Arc::clone(&store.repository));
        let (changed, removed) = at_once(
            async move { one.set_weight_of_service(&service("web"), weight).await },
            async move { other.delete(&deleted).await },
        )
        .await;
        changed.expect("a store sets the weight of a service");
        removed
            .expect("a store deletes a host")
            .expect("the host was there");
        assert!(store.row(&row.host.key).await.is_none());
        assert!(store.rows_of("web").await.is_empty());
    }
}

pub async fn check_ins_of_one_host_with_different_tags_keep_all_of_them(store: Store) {
    store.register("web", "10.0.0.1").await;
    let mut check_ins = JoinSet::new();
    for number in 0..32 {
        let repository = Arc::clone(&store.repository);
        let check_in = store.check_in("web", "10.0.0.1");
        let tags = tags_with(&format!("t{number}"), &number.to_string());
        check_ins.spawn(async move { repository.check_in(CheckIn { tags, ..check_in }).await });
    }
    while let Some(answer) = check_ins.join_next().await {
        answer
            .expect("a check-in ends")
            .expect("a store takes a valid check-in");
    }
    let row = store
        .row(&key("web", "10.0.0.1"))
        .await
        .expect("the host is there");
    for number in 0..32 {
        let member = format!("\"t{number}\": {number}");
        assert!(
            row.host.tags.as_str().contains(&member),
            "{member} in {}",
            row.host.tags.as_str()
        );
    }
}

pub async fn check_ins_of_many_hosts_of_one_service_are_all_listed(store: Store) {
    let mut check_ins = JoinSet::new();
    for number in 0..store.races {
        let repository = Arc::clone(&store.repository);
        let check_in = store.check_in("web", &format!("10.0.{}.{}", number / 200, number % 200));
        check_ins.spawn(async move { repository.check_in(check_in).await });
    }
    while let Some(answer) = check_ins.join_next().await {
        let row = answer
            .expect("a check-in ends")
            .expect("a store takes a valid check-in")
            .row;
        let ip = row.host.key.address().to_string();
        assert!(
            addresses(&store.rows_of("web").await).contains(&ip),
            "{ip} shows at once"
        );
    }
    assert_eq!(store.rows_of("web").await.len(), store.races);
    assert_eq!(store.rows_of_repo("web-repo").await.len(), store.races);
}

pub async fn of_two_deletes_at_once_one_finds_the_host(store: Store) {
    for round in 0..store.races / 2 {
        let key = fresh_row(&store, round).await.host.key.clone();
        let [first, second] = [key.clone(), key];
        let (one, other) = (Arc::clone(&store.repository), Arc::clone(&store.repository));
        let (first, second) = at_once(async move { one.delete(&first).await }, async move {
            other.delete(&second).await
        })
        .await;
        let found = [first, second].map(|removed| removed.expect("a store deletes").is_some());
        assert_ne!(found[0], found[1]);
    }
}

pub async fn of_two_weights_at_once_one_stands_and_nothing_else_changes(store: Store) {
    for round in 0..store.races / 2 {
        let row = store
            .register_with("web", "10.0.0.1", tags_with("x", &round.to_string()))
            .await;
        let [first, second] = [row.host.key.clone(), row.host.key.clone()];
        let (one, other) = (Arc::clone(&store.repository), Arc::clone(&store.repository));
        let (first, second) = at_once(
            async move { one.set_weight(&first, weight(1)).await },
            async move { other.set_weight(&second, weight(2)).await },
        )
        .await;
        for change in [first, second] {
            change
                .expect("a store sets a weight")
                .expect("the host is there");
        }
        let host = store
            .row(&row.host.key)
            .await
            .expect("the host is there")
            .host;
        let stands = host.tags.weight().expect("a weight was set");
        assert_eq!(host.tags, row.host.tags.with_weight(stands));
        assert!([1, 2].contains(&stands.get()));
        assert_eq!(host.last_check_in, row.host.last_check_in);
    }
}

pub async fn a_host_that_changes_its_repo_back_and_forth_is_on_one_repo_list(store: Store) {
    store.register("web", "10.0.0.1").await;
    for round in 0..store.races / 2 {
        let [here, there] = ["here", "there"].map(|name| CheckIn {
            service_repo_name: repo(name),
            ..store.check_in("web", "10.0.0.1")
        });
        let (one, other) = (Arc::clone(&store.repository), Arc::clone(&store.repository));
        let (first, second) = at_once(async move { one.check_in(here).await }, async move {
            other.check_in(there).await
        })
        .await;
        first.expect("a store takes a valid check-in");
        second.expect("a store takes a valid check-in");
        let stored = store
            .row(&key("web", "10.0.0.1"))
            .await
            .expect("the host is there");
        for name in ["here", "there"] {
            let listed = store.rows_of_repo(name).await.len();
            let expected = usize::from(stored.host.service_repo_name == repo(name));
            assert_eq!(listed, expected, "round {round}, {name}");
        }
    }
}
