//! The lines that a process writes while a test looks on.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What a process has logged so far, and whether there will be more.
#[derive(Clone, Default)]
pub struct Log(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Default)]
struct Lines {
    all: Vec<String>,
    ended: bool,
}

impl Log {
    /// Reads everything that comes from there, on a thread of its own.
    pub fn of(source: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                writer.change(|lines| lines.all.push(line));
            }
            writer.change(|lines| lines.ended = true);
        });
        log
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.state().all.clone()
    }

    /// Waits for the first line that holds `text`; fails with all lines there are when the log has ended without one, or
    /// patience has.
    pub fn wait_for(&self, text: &str, patience: Duration) -> Result<String, Vec<String>> {
        let found = |lines: &Lines| lines.all.iter().find(|line| line.contains(text)).cloned();
        let lacking = |lines: &mut Lines| found(lines).is_none() && !lines.ended;
        let waited = self.0.1.wait_timeout_while(self.state(), patience, lacking);
        let (lines, _) = waited.unwrap_or_else(PoisonError::into_inner);
        found(&lines).ok_or_else(|| lines.all.clone())
    }

    fn state(&self) -> MutexGuard<'_, Lines> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.state());
        self.0.1.notify_all();
    }
}
