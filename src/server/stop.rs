//! The order to stop, and who hears it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// How long the last line of a process that ends at once may take to be written.
const LINE_PATIENCE: Duration = Duration::from_millis(50);

/// Whether the server stops. Cheap to ask at every request.
#[derive(Default)]
pub(super) struct Stop {
    on: AtomicBool,
    heard: Notify,
}

impl Stop {
    /// Tells everybody.
    pub(super) fn order(&self) {
        self.on.store(true, Ordering::SeqCst);
        self.heard.notify_waiters();
    }

    /// Whether it has been ordered.
    pub(super) fn is_ordered(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Waits until it is ordered.
    pub(super) async fn ordered(&self) {
        let mut heard = std::pin::pin!(self.heard.notified());
        heard.as_mut().enable();
        if !self.on.load(Ordering::SeqCst) {
            heard.await;
        }
    }
}

/// The signals that end the process, each as the node decides.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Told to a process whose file has become as large as it may, as the write is that fails: that is enough.
    _too_large: Signal,
}

impl Signals {
    /// Catches them from now on.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _too_large: signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?,
        })
    }

    /// Waits for the next one and tells which.
    pub(crate) async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }
}

/// Ends the process at the next signal, whatever is under way, and says why.
pub(crate) async fn exit_at_the_next(mut signals: Signals, why: &'static str) {
    let signal = signals.next().await.as_raw_value();
    tracing::warn!(signal, "{why}");
    // The line is written by a thread of its own.
    tokio::time::sleep(LINE_PATIENCE).await;
    std::process::exit(128 + signal);
}
