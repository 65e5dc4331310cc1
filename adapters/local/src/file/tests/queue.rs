//! Writes that meet.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use discovery_domain::{Clock, HostRepository, LeaseClock, StoreError};

use super::faulty::{Fault, Faults};
use super::{InFileHostRepository, Place, web};

fn open(place: &Place, faults: &Arc<Faults>) -> Arc<InFileHostRepository> {
    let clock: Arc<dyn Clock> = place.clock.clone();
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    let repository = InFileHostRepository::open_by(&place.path(), lease, clock, faults.opener());
    Arc::new(repository.expect("the file opens"))
}

/// Starts a call, which does not end yet.
fn start<F: Future>(mut call: std::pin::Pin<&mut F>) {
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(call.as_mut().poll(&mut context), Poll::Pending));
}

#[tokio::test]
async fn writes_that_wait_together_share_a_commit() {
    let (place, faults) = (Place::new(), Faults::new());
    let repository = open(&place, &faults);
    let store = place.store(repository.clone());
    store.register("web", "10.0.0.1").await;
    let one_commit = {
        let before = faults.syncs.load(Ordering::Relaxed);
        store.register("web", "10.0.0.1").await;
        faults.syncs.load(Ordering::Relaxed) - before
    };
    let before = faults.syncs.load(Ordering::Relaxed);
    faults.set(Fault::Hangs);
    let mut calls: Vec<_> = (0..64)
        .map(|number| {
            Box::pin(repository.check_in(store.check_in("web", &format!("10.0.0.{number}"))))
        })
        .collect();
    for call in &mut calls {
        start(call.as_mut());
    }
    faults.set(Fault::None);
    for call in calls {
        call.await.expect("the write is taken");
    }
    let syncs = faults.syncs.load(Ordering::Relaxed) - before;
    // One commit hangs, the other takes all that wait; the file may grow meanwhile, which takes a sync of its own.
    assert!(
        syncs <= 2 * one_commit + 1,
        "{syncs} syncs for 64 writes, {one_commit} for one"
    );
    assert_eq!(web(&store).await.len(), 64);
}

#[tokio::test(start_paused = true)]
async fn rule_7_a_disk_that_hangs_is_given_up_after_five_seconds() {
    let (place, faults) = (Place::new(), Faults::new());
    let repository = open(&place, &faults);
    let store = place.store(repository.clone());
    faults.set(Fault::Hangs);
    let refused = repository.check_in(store.check_in("web", "10.0.0.1")).await;
    let refused = refused.expect_err("the disk hangs").to_string();
    assert!(
        refused.contains("the disk did not write within 5s"),
        "{refused}"
    );
    faults.set(Fault::None);
    repository.close().await;
}

#[tokio::test]
async fn nothing_shows_before_it_is_on_disk() {
    let (place, faults) = (Place::new(), Faults::new());
    let repository = open(&place, &faults);
    let store = place.store(repository.clone());
    faults.set(Fault::Hangs);
    let mut call = pin!(repository.check_in(store.check_in("web", "10.0.0.1")));
    start(call.as_mut());
    assert!(web(&store).await.is_empty());
    faults.set(Fault::None);
    call.await.expect("the write is taken");
    assert_eq!(web(&store).await.len(), 1);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_loses_nothing_it_took() {
    let (place, faults) = (Place::new(), Faults::new());
    let repository = open(&place, &faults);
    let now = LeaseClock::new(place.clock.clone()).now().wall;
    faults.set(Fault::Hangs);
    let mut waiting = Vec::new();
    let refused = loop {
        let mut call = repository.prove(now);
        let mut context = Context::from_waker(Waker::noop());
        match call.as_mut().poll(&mut context) {
            Poll::Pending => waiting.push(call),
            Poll::Ready(answer) => break answer.expect_err("the queue is full"),
        }
    };
    assert!(matches!(refused, StoreError::Busy { .. }), "{refused:?}");
    assert!(waiting.len() >= 16 * 1024, "{}", waiting.len());
    faults.set(Fault::None);
    for call in waiting {
        call.await.expect("what the queue took is written");
    }
}

#[tokio::test]
async fn a_closed_file_refuses_writes_serves_reads_and_can_be_opened_by_others() {
    let place = Place::new();
    let repository = Arc::new(place.open().expect("the file opens"));
    let store = place.store(repository.clone());
    store.register("web", "10.0.0.1").await;
    repository.close().await;
    let refused = repository.check_in(store.check_in("web", "10.0.0.2")).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("the file is closed")));
    assert_eq!(web(&store).await.len(), 1);
    repository.close().await;
    assert_eq!(web(&place.opened()).await.len(), 1);
}

#[tokio::test]
async fn what_was_queued_before_a_close_is_written() {
    let (place, faults) = (Place::new(), Faults::new());
    let repository = open(&place, &faults);
    let store = place.store(repository.clone());
    faults.set(Fault::Hangs);
    let mut calls: Vec<_> = (0..10)
        .map(|number| {
            Box::pin(repository.check_in(store.check_in("web", &format!("10.0.0.{number}"))))
        })
        .collect();
    for call in &mut calls {
        start(call.as_mut());
    }
    let mut close = pin!(repository.close());
    start(close.as_mut());
    faults.set(Fault::None);
    close.await;
    for call in calls {
        call.await.expect("the write is taken");
    }
    assert_eq!(web(&place.opened()).await.len(), 10);
}

#[tokio::test]
async fn a_write_that_panics_takes_no_other_with_it() {
    let place = Place::new();
    let repository = Arc::new(place.open().expect("the file opens"));
    let store = place.store(repository.clone());
    let panics = |_: &mut crate::file::batch::Batch<'_>| panic!("as a test wants it");
    let refused = repository.writer.write::<()>(panics).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })));
    store.register("web", "10.0.0.1").await;
    assert_eq!(web(&store).await.len(), 1);
}
