//! What becomes of a file, and of what was acknowledged, when things go wrong.

mod disk_trouble;
mod faulty;
mod flipped;
mod foreign;
mod moved;
mod queue;
mod truncated;
mod unreadable;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use discovery_domain::{Clock, Host, LeaseClock};
use discovery_testkit::{ManualClock, Store};
use tempfile::TempDir;

use super::{InFileHostRepository, OpenError};

/// A folder with the path of a file in it.
struct Place {
    folder: TempDir,
    clock: Arc<ManualClock>,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            clock: ManualClock::new(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("hosts.redb")
    }

    /// Opens the file as a process would that has just started.
    fn open(&self) -> Result<InFileHostRepository, OpenError> {
        self.open_at(&self.path())
    }

    fn open_at(&self, path: &Path) -> Result<InFileHostRepository, OpenError> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let lease = Arc::new(LeaseClock::new(clock.clone()));
        InFileHostRepository::open(path, lease, clock)
    }

    /// A store over an open file, for what the test kit can do with it.
    fn store(&self, repository: Arc<InFileHostRepository>) -> Store {
        let lease = Arc::new(LeaseClock::new(self.clock.clone()));
        Store::new(repository, lease, self.clock.clone())
    }

    fn opened(&self) -> Store {
        self.store(Arc::new(self.open().expect("the file opens")))
    }

    /// The names of all files in the folder.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder is there");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a plain name")
        };
        entries.map(name).collect()
    }
}

/// The hosts of the service "web".
async fn web(store: &Store) -> Vec<Arc<Host>> {
    discovery_testkit::contract::hosts_in(&store.rows_of("web").await)
}

#[tokio::test]
async fn a_new_file_gets_its_folders_and_leaves_nothing_else_behind() {
    let place = Place::new();
    let path = place.folder.path().join("a/b/hosts.redb");
    drop(place.open_at(&path).expect("the file is made"));
    drop(place.open_at(&path).expect("the file opens again"));
    assert_eq!(place.files(), ["a"]);
    let beside = std::fs::read_dir(path.parent().expect("a folder"))
        .expect("it is there")
        .count();
    assert_eq!(beside, 1);
}

#[tokio::test]
async fn a_copy_made_while_the_file_is_written_holds_what_was_acknowledged() {
    let place = Place::new();
    let store = place.opened();
    for number in 0..100 {
        store.register("web", &format!("10.0.0.{number}")).await;
        if number % 20 == 19 {
            let copy = place.folder.path().join("copy");
            std::fs::copy(place.path(), &copy).expect("the file is copied");
            let copied = place.store(Arc::new(place.open_at(&copy).expect("the copy opens")));
            assert_eq!(web(&copied).await, web(&store).await);
        }
    }
}

#[tokio::test]
async fn a_second_opener_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    let store = place.opened();
    store.register("web", "10.0.0.1").await;
    let refused = place.open().err().expect("the file is in use");
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    assert!(
        refused
            .to_string()
            .contains("hosts.redb is in use by another process")
    );
    store.register("web", "10.0.0.2").await;
    drop(store);
    assert_eq!(web(&place.opened()).await.len(), 2);
}

#[tokio::test]
async fn of_many_that_make_the_file_at_once_one_gets_it() {
    let place = Place::new();
    let opened: Vec<_> = std::thread::scope(|scope| {
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| place.open())).collect();
        openers
            .into_iter()
            .map(|opener| opener.join().expect("no panic"))
            .collect()
    });
    let refused = opened.iter().filter_map(|opened| opened.as_ref().err());
    for error in refused {
        assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    }
    assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
    assert_eq!(place.files(), ["hosts.redb"]);
}
