//! A disk that fails, or waits, when a test says so.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use redb::backends::FileBackend;
use redb::{BackendError, Database, DatabaseError, StorageBackend};

use crate::file::disk::Opener;

/// What a disk does when it is told to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Nothing can be written any more.
    Full,
    /// What was written can't be made sure of.
    SyncFails,
    /// Syncs do not end.
    Hangs,
}

/// The test's hand on a disk.
#[derive(Debug)]
pub(super) struct Faults {
    fault: Mutex<Fault>,
    changed: Condvar,
    pub(super) syncs: AtomicUsize,
}

impl Faults {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            fault: Mutex::new(Fault::None),
            changed: Condvar::new(),
            syncs: AtomicUsize::new(0),
        })
    }

    pub(super) fn set(&self, fault: Fault) {
        *self.fault() = fault;
        self.changed.notify_all();
    }

    /// Opens files on this disk.
    pub(super) fn opener(self: &Arc<Self>) -> Opener {
        let faults = Arc::clone(self);
        Box::new(move |path| faults.open(path))
    }

    pub(super) fn open(self: &Arc<Self>, path: &Path) -> Result<Database, DatabaseError> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let file = FileBackend::new(file)?;
        let faults = Arc::clone(self);
        Database::builder().create_with_backend(Backend { file, faults })
    }

    fn fault(&self) -> MutexGuard<'_, Fault> {
        self.fault
            .lock()
            .expect("no test panics while it holds this")
    }

    fn written(&self) -> io::Result<()> {
        match *self.fault() {
            Fault::Full => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn synced(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        let fault = self
            .changed
            .wait_while(self.fault(), |fault| *fault == Fault::Hangs);
        match *fault.expect("no test panics while it holds this") {
            Fault::SyncFails => Err(io::Error::from_raw_os_error(5)),
            _ => Ok(()),
        }
    }
}

#[derive(Debug)]
struct Backend {
    file: FileBackend,
    faults: Arc<Faults>,
}

type Bound = std::ops::Bound<u64>;

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.faults.written()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.faults.synced()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.faults.written()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound, end: Bound) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound, end: Bound) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}
