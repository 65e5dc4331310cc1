//! Clocks that are moved under a running node, by Debian's libfaketime: nothing in the node knows of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use discovery_bench::Result;
use tempfile::TempDir;

use crate::launch::Launch;

/// How long after a move every node surely lives by it.
pub(crate) const LAG: Duration = Duration::from_millis(1500);

/// The clock of the nodes that are started by it.
pub(crate) struct Clock {
    folder: TempDir,
    library: PathBuf,
    /// Whether the monotonic clock moves, too, as it does where a machine is suspended.
    monotonic: bool,
}

impl Clock {
    /// A wall clock that is right so far; the monotonic clock stays right.
    pub(crate) fn of_the_wall() -> Result<Self> {
        Self::new(false)
    }

    /// All clocks of a machine, right so far.
    pub(crate) fn of_the_machine() -> Result<Self> {
        Self::new(true)
    }

    fn new(monotonic: bool) -> Result<Self> {
        let clock = Self {
            folder: TempDir::new()?,
            library: library()?,
            monotonic,
        };
        clock.show(0)?;
        Ok(clock)
    }

    /// Puts it so many seconds before or behind the real one. Nodes look within a second: see [`LAG`].
    pub(crate) fn show(&self, seconds: i64) -> Result<()> {
        let written = self.folder.path().join("next");
        fs::write(&written, format!("{seconds:+}\n"))?;
        Ok(fs::rename(written, self.file())?)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}

impl Launch {
    /// Lives by that clock.
    #[must_use]
    pub(crate) fn by(self, clock: &Clock) -> Self {
        let monotonic = if clock.monotonic { "0" } else { "1" };
        self.with("LD_PRELOAD", &clock.library)
            .with("FAKETIME_TIMESTAMP_FILE", clock.file())
            .with("FAKETIME_CACHE_DURATION", "1")
            .with("FAKETIME_DONT_FAKE_MONOTONIC", monotonic)
    }
}

/// Removes what libfaketime leaves of a process that is killed.
pub(crate) fn forget(process: u32) {
    for name in ["faketime_shm", "sem.faketime_sem"] {
        // Most processes had nothing there.
        let _ = fs::remove_file(format!("/dev/shm/{name}_{process}"));
    }
}

/// Where Debian puts the library for programs with several threads.
fn library() -> Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib")?.flatten();
    let paths = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let mut installed = paths.filter(|path| Path::is_file(path));
    installed
        .next()
        .ok_or_else(|| "faketime is not installed: `just faults` does that".into())
}
