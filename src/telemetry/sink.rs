//! Where log lines go without anybody waiting for them.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tracing_subscriber::fmt::MakeWriter;

/// Takes lines at once and has a thread write them. When nobody reads them they are dropped and counted, and serving
/// goes on.
#[derive(Clone)]
pub(crate) struct Sink(Arc<Shared>);

struct Shared {
    pending: Mutex<Pending>,
    /// Wakes the writing thread.
    came: Condvar,
    /// Wakes those who wait until everything is written.
    written: Condvar,
    dropped: Counter,
}

#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    writing: bool,
}

impl Sink {
    /// The most bytes that wait to be written.
    const MOST_PENDING: usize = 4 * 1024 * 1024;
    /// The pause after a write, in which lines gather for the next.
    const PAUSE: Duration = Duration::from_millis(5);

    /// Starts the writing thread.
    pub(super) fn start(target: impl Write + Send + 'static, metrics: &mut Registry) -> Self {
        let dropped = Counter::default();
        metrics.register(
            "discovery_log_lines_dropped",
            "Log lines that were dropped because nobody read them",
            dropped.clone(),
        );
        let sink = Self(Arc::new(Shared {
            pending: Mutex::default(),
            came: Condvar::new(),
            written: Condvar::new(),
            dropped,
        }));
        let writer = sink.clone();
        let thread = thread::Builder::new().name("log".to_owned());
        thread
            .spawn(move || writer.write_forever(target))
            .expect("a thread can be started at start-up");
        sink
    }

    /// Waits until everything is written, but not for ever.
    pub(crate) fn flush(&self, patience: Duration) {
        let busy = |pending: &mut Pending| pending.writing || !pending.bytes.is_empty();
        let flushed = self
            .0
            .written
            .wait_timeout_while(self.pending(), patience, busy);
        drop(flushed);
    }

    fn write_forever(&self, mut target: impl Write) {
        let (mut batch, mut reported) = (Vec::new(), 0);
        loop {
            self.next_batch(&mut batch);
            let written = target.write_all(&batch).and_then(|()| target.flush());
            self.pending().writing = false;
            self.0.written.notify_all();
            let dropped = self.0.dropped.get();
            if written.is_ok() && dropped > reported {
                let lines = dropped - reported;
                tracing::warn!(lines, "log lines were dropped because nobody read them");
                reported = dropped;
            }
            thread::sleep(Self::PAUSE);
        }
    }

    /// Waits for lines and takes all there are.
    fn next_batch(&self, batch: &mut Vec<u8>) {
        batch.clear();
        let idle = |pending: &mut Pending| pending.bytes.is_empty();
        let mut pending = self
            .0
            .came
            .wait_while(self.pending(), idle)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut pending.bytes, batch);
        pending.writing = true;
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0
            .pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &Sink {
    /// Takes a line as a whole, or drops it as a whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut pending = self.pending();
        if pending.bytes.len() + line.len() > Sink::MOST_PENDING {
            self.0.dropped.inc();
            return Ok(line.len());
        }
        let idle = pending.bytes.is_empty();
        pending.bytes.extend_from_slice(line);
        drop(pending);
        if idle {
            self.0.came.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}
