//! Lists that outlive their node, for a start while the store fails.

use std::time::Duration;

use discovery_testkit::Fault;

use discovery_local::{FileError, LoadError};

use crate::{TTL, hosts_in, rig};

const STORE: &str = "table hosts";

#[tokio::test]
async fn saved_lists_are_served_after_a_restart_only_while_the_store_fails() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lists");
    let before = rig(TTL);
    before.store.register("users", "10.0.0.1").await;
    before.read("users").await.expect("the store answers");
    before.store.rows_of_repo("users-repo").await;
    assert_eq!(
        before
            .cached
            .save(&path, STORE, 1 << 20)
            .expect("the folder is writable"),
        2
    );

    let after = rig(TTL);
    let loaded = after
        .cached
        .load_saved(&path, STORE, Duration::from_hours(24))
        .expect("the file is whole");
    assert_eq!(loaded.lists, 2);
    after.faulty.set(Fault::Refuse);
    let reading = after.read("users").await.expect("the list was saved");
    assert_eq!(hosts_in(&reading), ["10.0.0.1"]);
    assert!(reading.stale.is_some());
    after.faulty.set(Fault::None);
    after.until_it_recovers().await;
    let reading = after.read("users").await.expect("the store answers");
    assert!(
        reading.list.rows().is_empty() && reading.stale.is_none(),
        "the store has the last word"
    );
}

#[tokio::test]
async fn a_saved_list_is_as_old_as_its_reading_and_an_empty_one_is_not_saved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lists");
    let day = Duration::from_hours(24);
    let first = rig(TTL);
    first.store.register("users", "10.0.0.1").await;
    for service in ["users", "empty"] {
        first.read(service).await.expect("the store answers");
    }
    let saved = first.cached.save(&path, STORE, 1 << 20);
    assert_eq!(saved.expect("the folder is writable"), 1);
    first.store.clock.advance(day);
    let saved_again = first.cached.save(&path, STORE, 1 << 20);
    assert_eq!(saved_again.expect("the folder is writable"), 1);
    first.store.clock.advance(Duration::from_secs(1));
    let loaded = first.cached.load_saved(&path, STORE, day);
    assert_eq!(loaded.expect("the file is young").lists, 0);
}

#[tokio::test]
async fn a_node_that_has_nothing_to_save_leaves_what_was_saved_before() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lists");
    let (first, day) = (rig(TTL), Duration::from_hours(24));
    first.store.register("users", "10.0.0.1").await;
    first.read("users").await.expect("the store answers");
    let saved = first.cached.save(&path, STORE, 1 << 20);
    assert_eq!(saved.expect("the folder is writable"), 1);
    let mistaken = rig(TTL);
    let refused = mistaken.cached.load_saved(&path, "table others", day);
    refused.expect_err("it is of another table");
    let saved = mistaken.cached.save(&path, "table others", 1 << 20);
    assert_eq!(saved.expect("there is nothing to do"), 0);
    let loaded = rig(TTL).cached.load_saved(&path, STORE, day);
    assert_eq!(loaded.expect("it is as it was").lists, 1);
}

#[tokio::test]
async fn damaged_or_old_saved_lists_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lists");
    let rig = rig(TTL);
    rig.store.register("users", "10.0.0.1").await;
    rig.read("users").await.expect("the store answers");
    rig.cached
        .save(&path, STORE, 1 << 20)
        .expect("the folder is writable");
    let whole = std::fs::read(&path).expect("it was written");
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).expect("the folder is writable");
        rig.cached
            .load_saved(&path, STORE, Duration::from_hours(24))
            .expect_err("it was cut");
    }
    std::fs::write(&path, &whole).expect("the folder is writable");
    rig.store.clock.advance(Duration::from_hours(25));
    rig.cached
        .load_saved(&path, STORE, Duration::from_hours(24))
        .expect_err("it is old");
}

#[tokio::test]
async fn saved_lists_of_another_store_or_an_older_version_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lists");
    let day = Duration::from_hours(24);
    let rig = rig(TTL);
    rig.store.register("users", "10.0.0.1").await;
    rig.read("users").await.expect("the store answers");
    let saved = rig.cached.save(&path, STORE, 1 << 20);
    saved.expect("the folder is writable");
    let refused = rig.cached.load_saved(&path, "table others", day);
    let refused = refused.expect_err("it is of another table").to_string();
    assert_eq!(
        refused,
        "holds the lists of table hosts, and this node's hosts are in table others"
    );
    let older = r#"{"format":"discovery lists 1","saved_at":0,"crc32":0}"#;
    std::fs::write(&path, format!("{older}\n")).expect("the folder is writable");
    let refused = rig.cached.load_saved(&path, STORE, day);
    assert!(
        matches!(
            &refused,
            Err(LoadError::File(FileError::OtherFormat { found, .. })) if found == "discovery lists 1"
        ),
        "{refused:?}"
    );
}
