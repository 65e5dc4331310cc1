//! A file that is removed, or replaced by another, while the store is at work.

use std::fs;

use discovery_testkit::Store;
use discovery_testkit::hosts::{key, service, weight};

use super::disk_trouble::{open, wait};
use super::faulty::{Fault, Faults};
use super::{OpenError, Place, web};

/// Why the store can't record anything.
async fn refusal(store: &Store) -> String {
    let proof = store.repository.prove(store.lease.now().wall).await;
    proof.expect_err("nothing is recorded").to_string()
}

#[tokio::test]
async fn a_file_that_is_removed_is_made_anew_before_anything_is_acknowledged_again() {
    let place = Place::new();
    let store = place.opened();
    for number in 0..20 {
        store.register("web", &format!("10.0.0.{number}")).await;
    }
    fs::remove_file(place.path()).expect("it is removed");
    let lost = store.check_in("web", "10.0.0.99");
    let refused = store.repository.check_in(lost).await;
    refused.expect_err("it would be nowhere after a restart");
    let before = web(&store).await;
    assert_eq!(before.len(), 20);
    wait(&place);
    store.register("api", "10.0.0.1").await;
    let other = place.open().err().expect("the new file is in use");
    assert!(matches!(other, OpenError::InUse { .. }), "{other:?}");
    assert_eq!(place.files(), ["hosts.redb"]);
    drop(store);
    let store = place.opened();
    assert_eq!(web(&store).await, before);
    assert_eq!(store.rows_of("api").await.len(), 1);
}

#[tokio::test]
async fn a_file_that_could_not_be_filled_when_it_was_made_anew_is_filled_later() {
    let (place, faults) = (Place::new(), Faults::new());
    place.opened().register("web", "10.0.0.1").await;
    let store = open(&place, faults.opener());
    store.register("web", "10.0.0.2").await;
    fs::remove_file(place.path()).expect("it is removed");
    refusal(&store).await;
    faults.set(Fault::Full);
    for _ in 0..2 {
        wait(&place);
        refusal(&store).await;
        assert!(place.path().exists());
    }
    faults.set(Fault::None);
    wait(&place);
    store.register("web", "10.0.0.3").await;
    drop(store);
    assert_eq!(web(&place.opened()).await.len(), 3);
}

#[tokio::test]
async fn what_another_registry_has_put_in_the_place_of_the_file_is_left_as_it_is() {
    let (place, others) = (Place::new(), Place::new());
    let other = others.opened();
    other.register("other", "10.0.0.1").await;
    drop(other);
    let store = place.opened();
    store.register("web", "10.0.0.1").await;
    fs::copy(others.path(), place.folder.path().join("copy")).expect("it is copied");
    fs::rename(place.folder.path().join("copy"), place.path()).expect("it is replaced");
    assert!(
        refusal(&store)
            .await
            .contains("another file is at its path")
    );
    wait(&place);
    assert!(refusal(&store).await.contains("restart this one"));
    assert_eq!(web(&store).await.len(), 1);
    drop(store);
    let store = place.opened();
    assert_eq!(web(&store).await.len(), 0);
    assert_eq!(store.rows_of("other").await.len(), 1);
}

#[tokio::test]
async fn an_older_copy_of_the_file_is_brought_up_to_date() {
    let place = Place::new();
    let store = place.opened();
    store.register("web", "10.0.0.1").await;
    let copy = place.folder.path().join("copy");
    fs::copy(place.path(), &copy).expect("it is copied");
    store.register("web", "10.0.0.2").await;
    fs::rename(copy, place.path()).expect("it is put back");
    refusal(&store).await;
    wait(&place);
    let host = key("web", "10.0.0.1");
    let changed = store.repository.set_weight(&host, weight(5)).await;
    changed.expect("the file is well again");
    drop(store);
    let store = place.opened();
    assert_eq!(web(&store).await.len(), 2);
}

#[tokio::test]
async fn what_is_no_file_of_ours_is_not_written_to() {
    let place = Place::new();
    let store = place.opened();
    store.register("web", "10.0.0.1").await;
    fs::remove_file(place.path()).expect("it is removed");
    fs::write(place.path(), "shopping list").expect("it is written");
    refusal(&store).await;
    wait(&place);
    let refused = refusal(&store).await;
    assert!(
        refused.contains("was written by another program"),
        "{refused}"
    );
    let there = fs::read_to_string(place.path()).expect("it is there");
    assert_eq!(there, "shopping list");
    let services = store.repository.services().await;
    assert_eq!(services.expect("reads go on"), [service("web")]);
}

#[tokio::test]
async fn no_file_is_made_where_the_folder_is_gone_too() {
    let place = Place::new();
    let folder = place.folder.path().join("disk");
    let path = folder.join("hosts.redb");
    let store = place.open_at(&path).expect("the file is made");
    let store = place.store(std::sync::Arc::new(store));
    let kept = store.register("web", "10.0.0.1").await;
    let away = place.folder.path().join("away");
    fs::rename(&folder, &away).expect("it is moved away");
    for _ in 0..2 {
        assert!(refusal(&store).await.contains("no longer at its path"));
        wait(&place);
    }
    assert!(!folder.exists());
    fs::rename(&away, &folder).expect("it is put back");
    store.register("web", "10.0.0.2").await;
    assert_eq!(web(&store).await[0], kept.host);
}
