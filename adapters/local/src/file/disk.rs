//! The file itself: an embedded database with a table of hosts and a table of what is known of the file.

mod create;
mod repair;

pub(super) use create::{damaged, open_checked};
pub(super) use repair::RepairError;

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use discovery_domain::{HostKey, Row};
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};

use super::open_error::OpenError;
use super::rows;
use super::timeline::Timeline;

/// The only format there is so far.
pub(super) const FORMAT: u32 = 1;
/// What tells our files from those of other programs.
pub(super) const PRODUCT: &str = "discovery host registry";
/// How much of the file the database keeps in memory; the rows are all in the store's own table.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

pub(super) const HOSTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("hosts");
pub(super) const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
pub(super) const META_PRODUCT: &str = "product";
pub(super) const META_FORMAT: &str = "format";
/// Who has the file open: a word that each opening chooses by chance.
const META_SESSION: &str = "session";
/// Wall time of the last commit, in microseconds.
const META_COMMITTED: &str = "committed";
/// The file's lease time at the last commit, in microseconds.
const META_LEASE: &str = "lease";

/// Opens the database at a path; a test opens one whose disk fails.
pub(super) type Opener = Box<dyn Fn(&Path) -> Result<Database, DatabaseError> + Send>;

/// The open file.
pub(super) struct Disk {
    path: PathBuf,
    opener: Opener,
    session: String,
    /// The session that had the file before.
    session_found: String,
    /// Not there while the file is closed after a failure.
    database: Option<Database>,
    /// The same file, to find out whether it is still the one at the path.
    handle: Option<File>,
    /// The disk that the folder is on.
    device: u64,
    /// Whether the file was made in the place of one that was removed, and does not hold every row yet.
    is_anew: bool,
}

/// When a commit was made, by the clocks that a file keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Wall time.
    pub(super) wall: DateTime<Utc>,
    /// The file's lease time, in microseconds.
    pub(super) lease: i64,
}

/// The writes of one commit: what is to be stored under each key, or nothing.
pub(super) type Writes = HashMap<HostKey, Option<Row>>;

impl Disk {
    /// Opens a file, or makes one where there is none.
    pub(super) fn open(path: &Path, opener: Opener, now: DateTime<Utc>) -> Result<Self, OpenError> {
        create::check(path)?;
        if !path.exists() {
            create::create(path, now)?;
        }
        let unreadable = |error| create::io_error(path, "open", error);
        let handle = File::open(path).map_err(unreadable)?;
        let database = opener(path).map_err(|error| create::open_error(path, error))?;
        create::check_ours(path, &database)?;
        let device = folder_of(path).map_err(unreadable)?.dev();
        let mut disk = Self {
            path: path.to_owned(),
            opener,
            session: format!("{:016x}", RandomState::new().hash_one(path)),
            session_found: String::new(),
            database: Some(database),
            handle: Some(handle),
            device,
            is_anew: false,
        };
        disk.session_found = disk
            .session_in_file()
            .map_err(|error| damaged(path, error))?;
        Ok(disk)
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// When the last commit was made.
    pub(super) fn last_commit(&self) -> Result<Stamp, redb::Error> {
        let meta = self.database()?.begin_read()?.open_table(META)?;
        let number = |name| -> Result<i64, redb::Error> {
            let text = meta.get(name)?;
            let number = text.and_then(|text| text.value().parse().ok());
            number.ok_or_else(|| redb::Error::Corrupted(format!("it does not say its {name}")))
        };
        let wall = DateTime::from_timestamp_micros(number(META_COMMITTED)?).unwrap_or_default();
        let lease = number(META_LEASE)?;
        Ok(Stamp { wall, lease })
    }

    /// Reads the keys and values of all rows, those of one service together.
    pub(super) fn read(&self, mut row: impl FnMut(&[u8], &[u8])) -> Result<(), redb::Error> {
        let hosts = self.database()?.begin_read()?.open_table(HOSTS)?;
        for entry in hosts.iter()? {
            let (key, value) = entry?;
            row(key.value(), value.value());
        }
        Ok(())
    }

    /// Stores the writes, all or none; they are on the disk when it returns.
    pub(super) fn commit(
        &self,
        writes: &Writes,
        timeline: &Timeline,
        now: Stamp,
    ) -> Result<(), redb::Error> {
        let transaction = self.begin()?;
        {
            let mut hosts = transaction.open_table(HOSTS)?;
            let (mut key, mut value) = (Vec::new(), Vec::new());
            for (host, row) in writes {
                rows::write_key(host, &mut key);
                if let Some(row) = row {
                    rows::write_value(&row.host, timeline.in_file(row.renewed), &mut value);
                    hosts.insert(&*key, &*value)?;
                } else {
                    hosts.remove(&*key)?;
                }
            }
        }
        self.stamp(&transaction, now)?;
        transaction.commit()?;
        Ok(())
    }

    /// Makes sure that what was committed is where the next start looks for it: somebody may have removed the file, or
    /// put another in its place.
    pub(super) fn check_place(&self) -> Result<(), RepairError> {
        let there = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(RepairError::Gone);
            }
            there => there?,
        };
        let ours = self.handle.as_ref().map(File::metadata).transpose()?;
        let place = |file: &Metadata| (file.dev(), file.ino());
        (ours.as_ref().map(place) == Some(place(&there)))
            .then_some(())
            .ok_or(RepairError::Replaced)
    }

    /// Closes the file, so that the next opening has nothing to recover.
    pub(super) fn close(mut self) -> Result<(), DatabaseError> {
        self.database.take().map_or(Ok(()), Database::close)
    }

    fn begin(&self) -> Result<WriteTransaction, redb::Error> {
        let mut transaction = self.database()?.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        Ok(transaction)
    }

    /// Notes when the commit is made, and by whom.
    fn stamp(&self, transaction: &WriteTransaction, now: Stamp) -> Result<(), redb::Error> {
        let mut meta = transaction.open_table(META)?;
        let wall = now.wall.timestamp_micros().to_string();
        meta.insert(META_COMMITTED, &*wall)?;
        meta.insert(META_LEASE, &*now.lease.to_string())?;
        meta.insert(META_SESSION, &*self.session)?;
        Ok(())
    }

    fn database(&self) -> Result<&Database, redb::Error> {
        self.database.as_ref().ok_or(redb::Error::DatabaseClosed)
    }
}

/// What is known of the folder that a file is in.
fn folder_of(path: &Path) -> io::Result<Metadata> {
    fs::metadata(create::folder(path))
}
