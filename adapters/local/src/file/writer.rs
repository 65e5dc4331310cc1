//! The one thread that writes to the file: whatever has queued up shares a commit.

mod trouble;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use discovery_domain::{Clock, HostKey, LeaseClock, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::error;

use super::batch::Batch;
use super::disk::{Disk, RepairError, Stamp, Writes};
use super::timeline::Timeline;
use crate::table::Table;
use crate::write::Write;
use trouble::Trouble;

/// The most writes that wait for their commit; more are refused.
const QUEUE: usize = 16 * 1024;
/// The most writes of one commit.
const BATCH: usize = 4 * 1024;

/// How long a write waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// The way to the thread.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    /// Whether nobody waits for the thread any more.
    is_given_up: AtomicBool,
}

enum Message {
    Step(Step),
    Close(oneshot::Sender<()>),
}

/// A write: given the batch that it goes with, or why there is none, it says how to answer once the batch is on disk.
type Step = Box<dyn FnOnce(Result<&mut Batch<'_>, &StoreError>) -> Option<Reply> + Send>;
type Reply = Box<dyn FnOnce(&Result<(), StoreError>) + Send>;

/// What the thread works with.
pub(super) struct Work {
    pub(super) disk: Disk,
    pub(super) table: Arc<Table>,
    pub(super) unreadable: HashSet<HostKey>,
    pub(super) timeline: Timeline,
    pub(super) lease: Arc<LeaseClock>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Writer {
    /// Starts the thread. The file is marked as this process's first; where that fails, reads begin all the same.
    pub(super) fn start(work: Work) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let mut rounds = Rounds {
            work,
            trouble: None,
        };
        // The failure is told in the log and by every write.
        let _ = rounds.commit(Writes::new());
        let thread = thread::Builder::new()
            .name("file writer".to_owned())
            .spawn(move || rounds.run(waiting))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            is_given_up: AtomicBool::new(false),
        })
    }

    /// Has `call` change the rows, and returns its answer when that is on disk, or gives up on a disk that hangs: then
    /// it may still be done (liveness rule 7).
    pub(super) async fn write<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Batch<'_>) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let step: Step = Box::new(move |batch| match batch {
            Ok(batch) => {
                let done = call(batch);
                Some(Box::new(move |outcome: &Result<(), StoreError>| {
                    // Whoever asked may have gone.
                    let _ = answer.send(outcome.clone().map(|()| done));
                }))
            }
            Err(error) => {
                let _ = answer.send(Err(error.clone()));
                None
            }
        });
        let queue = self.queue.as_ref().ok_or_else(closed)?;
        queue
            .try_send(Message::Step(step))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => overloaded(),
                mpsc::error::TrySendError::Closed(_) => closed(),
            })?;
        let answer = timeout(PATIENCE, answered).await.map_err(|_| hangs())?;
        answer.map_err(|_| given_up())?
    }

    /// Has everything that was queued before written, and closes the file; gives up on a disk that hangs.
    pub(super) async fn close(&self) {
        let (closing, closed) = oneshot::channel();
        let close = async {
            if let Some(queue) = &self.queue
                && queue.send(Message::Close(closing)).await.is_ok()
            {
                // An error means that the thread has ended, and closed the file.
                let _ = closed.await;
            }
        };
        if timeout(PATIENCE, close).await.is_err() {
            error!(
                "the disk does not finish, so the file is left open; the next start recovers it"
            );
            self.is_given_up.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && !self.is_given_up.load(Ordering::Relaxed)
            && thread.join().is_err()
        {
            error!("the file writer ended in a panic");
        }
    }
}

fn overloaded() -> StoreError {
    StoreError::Busy {
        what: format!("{QUEUE} writes wait for the disk already"),
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable {
        what: "the file is closed".to_owned(),
        source: None,
    }
}

fn hangs() -> StoreError {
    StoreError::Unavailable {
        what: format!("the disk did not write within {PATIENCE:?}"),
        source: None,
    }
}

fn given_up() -> StoreError {
    StoreError::Unavailable {
        what: "the write was given up before it was done".to_owned(),
        source: None,
    }
}

/// The thread.
struct Rounds {
    work: Work,
    trouble: Option<Trouble>,
}

impl Rounds {
    fn run(mut self, mut waiting: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(BATCH);
        let mut closing = None;
        while closing.is_none() && waiting.blocking_recv_many(&mut messages, BATCH) > 0 {
            let mut steps = Vec::with_capacity(messages.len());
            for message in messages.drain(..) {
                match message {
                    Message::Step(step) => steps.push(step),
                    Message::Close(sender) => closing = Some(sender),
                }
            }
            self.round(steps);
        }
        let path = self.work.disk.path().display().to_string();
        if let Err(error) = self.work.disk.close() {
            let error = &error as &dyn std::error::Error;
            error!(
                path,
                error, "the file could not be closed cleanly; the next start recovers it"
            );
        }
        // Whoever writes from now on learns that the file is closed.
        drop(waiting);
        if let Some(closing) = closing {
            let _ = closing.send(());
        }
    }

    /// Answers steps in their order, once what they wrote is on disk and shown to readers.
    fn round(&mut self, steps: Vec<Step>) {
        if let Err(error) = self.recover() {
            for step in steps {
                step(Err(&error));
            }
            return;
        }
        let mut batch = Batch::new(&self.work.table, &self.work.unreadable);
        let replies: Vec<Reply> = steps
            .into_iter()
            .filter_map(|step| attempt(step, &mut batch))
            .collect();
        let outcome = match batch.into_writes() {
            Some(writes) => self.commit(writes),
            None => Ok(()),
        };
        for reply in replies {
            reply(&outcome);
        }
    }

    fn commit(&mut self, writes: Writes) -> Result<(), StoreError> {
        let work = &mut self.work;
        let now = work.stamp();
        let committed = caught(|| {
            work.disk.commit(&writes, &work.timeline, now)?;
            work.disk.check_place()
        });
        if let Err(cause) = committed {
            return Err(self.fails(cause));
        }
        for (key, row) in writes {
            self.work.unreadable.remove(&key);
            let write = row.map_or(Write::Remove, Write::Store);
            self.work.table.write(&key, |_| (write, ()));
        }
        Ok(())
    }
}

impl Work {
    /// The present moment, by the clocks that a file keeps.
    pub(super) fn stamp(&self) -> Stamp {
        let now = self.lease.now();
        Stamp {
            wall: now.wall,
            lease: self.timeline.in_file(now.lease),
        }
    }
}

/// Takes a step; one that panics is left out, and the others go on.
fn attempt(step: Step, batch: &mut Batch<'_>) -> Option<Reply> {
    let taken = catch_unwind(AssertUnwindSafe(|| step(Ok(batch))));
    taken.unwrap_or_else(|_| {
        error!("a write panicked and is left out");
        None
    })
}

/// Takes a panic of the database for what it is: it can't go on until the file is opened anew.
fn caught<T>(call: impl FnOnce() -> Result<T, RepairError>) -> Result<T, RepairError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(RepairError::Panicked))
}
