//! The storage contract on the store in a file.

use std::path::PathBuf;
use std::sync::Arc;

use discovery_domain::{Clock, LeaseClock};
use discovery_local::InFileHostRepository;
use discovery_testkit::{
    ManualClock, Store, durable_storage_contract, local_storage_contract, storage_contract,
};
use tempfile::TempDir;

fn file_in(folder: &TempDir) -> PathBuf {
    folder.path().join("hosts.redb")
}

/// Opens the file of a folder as a process would that has just started.
fn opened(folder: TempDir, clock: Arc<ManualClock>) -> Store {
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    let by: Arc<dyn Clock> = clock.clone();
    let repository = InFileHostRepository::open(&file_in(&folder), Arc::clone(&lease), by);
    let repository = Arc::new(repository.expect("the file opens"));
    let mut store = Store::new(repository, lease, clock);
    store.keep = Box::new(folder);
    store
}

async fn in_file() -> Store {
    let folder = tempfile::tempdir().expect("a temporary folder");
    opened(folder, ManualClock::new())
}

async fn reopened(store: Store) -> Store {
    let Store {
        repository,
        clock,
        keep,
        ..
    } = store;
    drop(repository);
    let folder = keep.downcast().expect("the store keeps its folder");
    opened(*folder, clock)
}

storage_contract!(in_file);
local_storage_contract!(in_file);
durable_storage_contract!(in_file, reopened);
