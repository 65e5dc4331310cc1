//! A progress bar on standard error, where somebody watches.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinHandle;
use tokio::time::{Duration, interval};

/// Counts what is done; a task of its own draws it a few times a second until this is dropped.
pub struct Progress {
    done: Arc<AtomicU64>,
    drawing: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts counting to `total`.
    pub fn new(label: &'static str, total: u64) -> Self {
        let done = Arc::new(AtomicU64::new(0));
        let drawing = stderr()
            .is_terminal()
            .then(|| tokio::spawn(draw(label, total, Arc::clone(&done))));
        Self { done, drawing }
    }

    /// Counts one more.
    pub fn tick(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(drawing) = &self.drawing {
            drawing.abort();
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

async fn draw(label: &'static str, total: u64, done: Arc<AtomicU64>) {
    const WIDTH: u64 = 30;
    let (start, mut ticks) = (crate::now(), interval(Duration::from_millis(100)));
    loop {
        ticks.tick().await;
        let done = done.load(Ordering::Relaxed).min(total);
        let filled = usize::try_from(done * WIDTH / total.max(1)).unwrap_or(0);
        let bar = format!("{}{}", "#".repeat(filled), ".".repeat(30 - filled));
        let rate = u128::from(done) * 1000 / start.elapsed().as_millis().max(1);
        let _ = write!(
            stderr(),
            "\r\x1b[K{label:<12} [{bar}] {done}/{total} {rate}/s"
        );
    }
}
