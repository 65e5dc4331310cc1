//! Rows that can't be read (liveness rule 8).

use std::sync::Arc;

use discovery_domain::HostRepository;
use discovery_testkit::hosts::{key, service, weight};
use redb::Database;

use super::{Place, web};
use crate::file::disk::HOSTS;
use crate::file::rows::write_key;

/// Spoils the row of web's host 10.0.0.1, and adds a row without a name.
fn spoil(place: &Place) {
    let database = Database::open(place.path()).expect("the file opens");
    let transaction = database.begin_write().expect("it is written");
    let mut table = transaction.open_table(HOSTS).expect("the table is there");
    let mut host = Vec::new();
    write_key(&key("web", "10.0.0.1"), &mut host);
    table
        .insert(&*host, &b"rubbish"[..])
        .expect("it takes a value");
    table
        .insert(&b"no key"[..], &b"rubbish"[..])
        .expect("it takes a value");
    drop(table);
    transaction.commit().expect("it is committed");
}

async fn spoiled() -> Place {
    let place = Place::new();
    let store = place.opened();
    store.register("web", "10.0.0.1").await;
    store.register("web", "10.0.0.2").await;
    drop(store);
    spoil(&place);
    place
}

#[tokio::test]
async fn an_unreadable_row_is_left_out_and_counted() {
    let place = spoiled().await;
    let repository = Arc::new(place.open().expect("the file opens"));
    assert_eq!(repository.left_out(), 2);
    let named: Vec<_> = repository.unreadable().collect();
    assert_eq!(
        named,
        [(&key("web", "10.0.0.1"), "it has an unknown version")]
    );
    let store = place.store(repository);
    assert_eq!(web(&store).await.len(), 1);
    assert!(store.row(&key("web", "10.0.0.1")).await.is_none());
}

#[tokio::test]
async fn a_check_in_overwrites_an_unreadable_row() {
    let place = spoiled().await;
    let store = place.opened();
    let change = store.accept(store.check_in("web", "10.0.0.1")).await;
    assert!(change.previous.is_none());
    drop(store);
    assert_eq!(place.open().expect("the file opens").left_out(), 1);
    assert_eq!(web(&place.opened()).await.len(), 2);
}

#[tokio::test]
async fn a_delete_removes_an_unreadable_row_once() {
    let place = spoiled().await;
    let repository = place.open().expect("the file opens");
    let removed = repository
        .delete(&key("web", "10.0.0.1"))
        .await
        .expect("a delete is taken");
    assert!(removed.expect("there was a row").row.is_none());
    let removed = repository
        .delete(&key("web", "10.0.0.1"))
        .await
        .expect("a delete is taken");
    assert!(removed.is_none());
    drop(repository);
    assert_eq!(place.open().expect("the file opens").left_out(), 1);
}

#[tokio::test]
async fn a_weight_passes_over_an_unreadable_row() {
    let place = spoiled().await;
    let repository = place.open().expect("the file opens");
    let change = repository
        .set_weight(&key("web", "10.0.0.1"), weight(5))
        .await;
    assert!(change.expect("a weight is taken").is_none());
    let changes = repository
        .set_weight_of_service(&service("web"), weight(5))
        .await;
    assert_eq!(changes.expect("a weight is taken").len(), 1);
}
