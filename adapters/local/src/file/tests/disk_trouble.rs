//! A disk that fails while the store is at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use discovery_domain::{CheckInError, Clock, LeaseClock, StoreError};
use discovery_testkit::Store;
use discovery_testkit::hosts::{key, service, weight};

use super::faulty::{Fault, Faults};
use super::{InFileHostRepository, Place, web};
use crate::file::disk::Opener;

pub(super) fn open(place: &Place, opener: Opener) -> Store {
    let clock: Arc<dyn Clock> = place.clock.clone();
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    let repository = InFileHostRepository::open_by(&place.path(), lease, clock, opener);
    place.store(Arc::new(repository.expect("the file opens")))
}

/// Lets so much time pass that a failed file is tried again.
pub(super) fn wait(place: &Place) {
    place.clock.advance(Duration::from_mins(1));
}

async fn assert_refused(store: &Store) {
    let check_in = store
        .repository
        .check_in(store.check_in("web", "10.0.0.9"))
        .await;
    let unavailable = |error: &StoreError| matches!(error, StoreError::Unavailable { .. });
    let refused = check_in.expect_err("the disk has failed");
    assert!(
        matches!(&refused, CheckInError::Store(error) if unavailable(error)),
        "{refused:?}"
    );
    let weight = store
        .repository
        .set_weight(&key("web", "10.0.0.1"), weight(5))
        .await;
    assert!(weight.is_err_and(|error| unavailable(&error)));
    let deleted = store.repository.delete(&key("web", "10.0.0.1")).await;
    assert!(deleted.is_err_and(|error| unavailable(&error)));
    let proof = store.repository.prove(store.lease.now().wall).await;
    assert!(proof.is_err_and(|error| unavailable(&error)));
}

async fn survives(fault: Fault) {
    let (place, faults) = (Place::new(), Faults::new());
    let store = open(&place, faults.opener());
    for number in 0..20 {
        store.register("web", &format!("10.0.0.{number}")).await;
    }
    let before = web(&store).await;
    faults.set(fault);
    for _ in 0..3 {
        assert_refused(&store).await;
        assert_eq!(web(&store).await, before);
        wait(&place);
    }
    faults.set(Fault::None);
    wait(&place);
    store.register("api", "10.0.0.1").await;
    assert_eq!(web(&store).await, before);
    drop(store);
    let store = place.opened();
    assert_eq!(web(&store).await, before);
    assert_eq!(store.rows_of("api").await.len(), 1);
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_loses_nothing_and_goes_on_when_there_is_space() {
    survives(Fault::Full).await;
}

#[tokio::test]
async fn a_sync_that_fails_is_never_acknowledged_and_goes_on_when_the_disk_does() {
    survives(Fault::SyncFails).await;
}

#[tokio::test]
async fn a_write_that_may_have_reached_the_disk_but_was_refused_is_taken_back() {
    let (place, faults) = (Place::new(), Faults::new());
    let store = open(&place, faults.opener());
    let kept = store.register("web", "10.0.0.1").await;
    faults.set(Fault::SyncFails);
    let overwrites = store
        .repository
        .check_in(store.check_in("web", "10.0.0.1"))
        .await;
    overwrites.expect_err("the disk has failed");
    wait(&place);
    let creates = store
        .repository
        .check_in(store.check_in("web", "10.0.0.2"))
        .await;
    creates.expect_err("the disk has failed");
    faults.set(Fault::None);
    wait(&place);
    store
        .repository
        .prove(store.lease.now().wall)
        .await
        .expect("the disk is well again");
    drop(store);
    assert_eq!(web(&place.opened()).await, [kept.host]);
}

#[tokio::test]
async fn a_failed_file_is_not_tried_again_at_once() {
    let (place, faults) = (Place::new(), Faults::new());
    let tries = Arc::new(AtomicUsize::new(0));
    let (count, disk) = (Arc::clone(&tries), Arc::clone(&faults));
    let opener: Opener = Box::new(move |path| {
        count.fetch_add(1, Ordering::Relaxed);
        disk.open(path)
    });
    let store = open(&place, opener);
    faults.set(Fault::Full);
    for _ in 0..10 {
        assert_refused(&store).await;
    }
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    wait(&place);
    assert_refused(&store).await;
    assert_eq!(tries.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_file_that_another_process_wrote_to_meanwhile_is_not_overwritten() {
    let (place, faults) = (Place::new(), Faults::new());
    drop(place.open().expect("the file is made"));
    let (path, clock) = (place.path(), place.clock.clone());
    let (openings, disk) = (AtomicUsize::new(0), Arc::clone(&faults));
    let opener: Opener = Box::new(move |file| {
        if openings.fetch_add(1, Ordering::Relaxed) > 0 {
            let by: Arc<dyn Clock> = clock.clone();
            let lease = Arc::new(LeaseClock::new(by.clone()));
            drop(InFileHostRepository::open(&path, lease, by).expect("the file is free"));
        }
        disk.open(file)
    });
    let store = open(&place, opener);
    store.register("web", "10.0.0.1").await;
    faults.set(Fault::Full);
    assert_refused(&store).await;
    faults.set(Fault::None);
    wait(&place);
    let refused = store
        .repository
        .prove(store.lease.now().wall)
        .await
        .expect_err("it was taken");
    assert!(
        refused
            .to_string()
            .contains("another process has written to it"),
        "{refused}"
    );
    assert_eq!(web(&store).await.len(), 1);
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_start_serves_what_is_there() {
    let (place, faults) = (Place::new(), Faults::new());
    let before = {
        let store = place.opened();
        store.register("web", "10.0.0.1").await;
        web(&store).await
    };
    let disk = Arc::clone(&faults);
    let opener: Opener = Box::new(move |path| {
        let database = disk.open(path);
        disk.set(Fault::Full);
        database
    });
    let store = open(&place, opener);
    assert_eq!(web(&store).await, before);
    assert_refused(&store).await;
    assert_eq!(
        store.repository.services().await.expect("reads go on"),
        [service("web")]
    );
}
