//! Where log lines go without anybody waiting for them.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

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
            "Log lines that were dropped, for nobody read them or they could not be written",
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
            if written.is_err() {
                self.0.dropped.inc_by(lines_in(&batch));
            }
            let dropped = self.0.dropped.get();
            if written.is_ok() && dropped > reported {
                let lines = dropped - reported;
                tracing::warn!(
                    lines,
                    "log lines were dropped, for nobody read them or they could not be written"
                );
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

fn lines_in(batch: &[u8]) -> u64 {
    batch.iter().map(|byte| u64::from(*byte == b'\n')).sum()
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A pipe whose reader decides when a write is taken.
    struct Pipe {
        written: Sender<Vec<u8>>,
        taken: Receiver<()>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.taken.recv().map_err(io::Error::other)?;
            self.written
                .send(bytes.to_vec())
                .map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn piped() -> (Sink, Receiver<Vec<u8>>, Sender<()>) {
        let ((written, reader), (take, taken)) = (channel(), channel());
        let sink = Sink::start(Pipe { written, taken }, &mut Registry::default());
        (sink, reader, take)
    }

    #[test]
    fn lines_are_written_whole_and_in_order() {
        let (sink, reader, take) = piped();
        (0..10).for_each(|_| take.send(()).expect("the pipe is open"));
        let lines: Vec<String> = (0..1000).map(|number| format!("line {number}\n")).collect();
        for line in &lines {
            (&sink)
                .write_all(line.as_bytes())
                .expect("a sink takes all");
        }
        let expected = lines.concat().into_bytes();
        let mut written = Vec::new();
        while written.len() < expected.len() {
            written.extend(reader.recv().expect("the writer lives"));
        }
        assert_eq!(written, expected);
        assert_eq!(sink.0.dropped.get(), 0);
    }

    #[test]
    fn nobody_waits_for_a_reader_and_what_does_not_fit_is_counted() {
        let (sink, reader, take) = piped();
        let line = vec![b'x'; 64 * 1024];
        let fits = Sink::MOST_PENDING / line.len();
        for _ in 0..3 * fits {
            (&sink).write_all(&line).expect("a sink takes all");
        }
        let dropped = usize::try_from(sink.0.dropped.get()).expect("a small number");
        // One batch may be with the writer, which is stuck.
        assert!((fits..=2 * fits).contains(&dropped), "{dropped}");
        sink.flush(Duration::from_millis(10));
        take.send(()).expect("the pipe is open");
        assert!(!reader.recv().expect("the writer lives").is_empty());
    }

    #[test]
    fn lines_that_can_not_be_written_are_counted() {
        let (sink, reader, take) = piped();
        drop(reader);
        take.send(()).expect("the pipe is open");
        (&sink).write_all(b"one\ntwo\n").expect("a sink takes all");
        let deadline = Duration::from_secs(20);
        let mut waited = Duration::ZERO;
        while sink.0.dropped.get() < 2 && waited < deadline {
            thread::sleep(Sink::PAUSE);
            waited += Sink::PAUSE;
        }
        assert_eq!(sink.0.dropped.get(), 2);
    }

    #[test]
    fn a_flush_waits_until_all_is_written() {
        let (sink, reader, take) = piped();
        take.send(()).expect("the pipe is open");
        (&sink)
            .write_all(b"last words\n")
            .expect("a sink takes all");
        sink.flush(Duration::from_mins(1));
        assert_eq!(reader.try_recv().expect("it is written"), b"last words\n");
    }
}
