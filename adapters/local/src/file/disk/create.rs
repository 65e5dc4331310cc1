//! Making a file, and telling ours from others' before anything is written to it.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use redb::{Builder, Database, DatabaseError, ReadableDatabase, StorageError, TableError};

use super::{
    CACHE_BYTES, FORMAT, HOSTS, META, META_COMMITTED, META_FORMAT, META_LEASE, META_PRODUCT,
    PRODUCT,
};
use crate::file::open_error::OpenError;

/// How every file of the database begins.
const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";

/// The database at a path, its checksums checked.
pub(in crate::file) fn open_checked(path: &Path) -> Result<Database, DatabaseError> {
    builder().set_check_integrity_on_open(true).open(path)
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Refuses what is there but can't be a file of ours.
pub(super) fn check(path: &Path) -> Result<(), OpenError> {
    // Not of the open file, for opening a pipe waits for a writer.
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error(path, "read", error)),
    };
    if !metadata.is_file() {
        let what = if metadata.is_dir() {
            "a folder"
        } else {
            "no regular file"
        };
        return Err(foreign(path, &format!("is {what}")));
    }
    if metadata.len() == 0 {
        return Err(foreign(path, "is empty"));
    }
    let mut beginning = [0; MAGIC.len()];
    match File::open(path).and_then(|mut file| file.read_exact(&mut beginning)) {
        Ok(()) if beginning == MAGIC => Ok(()),
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
            Err(io_error(path, "read", error))
        }
        _ => Err(foreign(path, "was written by another program")),
    }
}

/// Refuses a database that another program, or a later version of this one, has made.
pub(super) fn check_ours(path: &Path, database: &Database) -> Result<(), OpenError> {
    let damaged = |error: redb::Error| damaged(path, error);
    let transaction = database
        .begin_read()
        .map_err(|error| damaged(error.into()))?;
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::Storage(error)) => return Err(damaged(error.into())),
        Err(_) => return Err(foreign(path, "is another program's database")),
    };
    let text = |name| -> Result<String, OpenError> {
        let text = meta.get(name).map_err(|error| damaged(error.into()))?;
        Ok(text.map_or_else(String::new, |text| text.value().to_owned()))
    };
    if text(META_PRODUCT)? != PRODUCT {
        return Err(foreign(path, "is another program's database"));
    }
    let format = text(META_FORMAT)?;
    if format != FORMAT.to_string() {
        let (path, readable) = (path.to_owned(), FORMAT);
        return Err(OpenError::Newer {
            path,
            format,
            readable,
        });
    }
    Ok(())
}

/// Makes a file. It gets its name when it is complete, so that a file of that name is never half made; if another
/// process makes one meanwhile, that one stays.
pub(super) fn create(path: &Path, now: DateTime<Utc>) -> Result<(), OpenError> {
    let folder = folder(path);
    fs::create_dir_all(folder).map_err(|error| io_error(folder, "create the folder", error))?;
    let unfinished = unfinished(path);
    let made = fill(&unfinished, now)
        .map_err(|error| open_error(path, error))
        .and_then(|()| name(&unfinished, path).map_err(|error| io_error(path, "create", error)))
        .and_then(|()| sync(folder).map_err(|error| io_error(folder, "write to", error)));
    let removed = fs::remove_file(&unfinished);
    match removed {
        Err(error) if made.is_ok() && error.kind() != ErrorKind::NotFound => {
            Err(io_error(&unfinished, "remove", error))
        }
        _ => made,
    }
}

/// The folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    let folder = path.parent();
    let named = folder.filter(|folder| !folder.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

/// A name beside the file that no other process chooses.
fn unfinished(path: &Path) -> PathBuf {
    let chance = RandomState::new().hash_one(path);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{chance:016x}.new"));
    name.into()
}

fn fill(path: &Path, now: DateTime<Utc>) -> Result<(), DatabaseError> {
    let storage = |error: redb::Error| match error {
        redb::Error::Io(error) => DatabaseError::Storage(StorageError::Io(error)),
        error => DatabaseError::Storage(StorageError::Corrupted(error.to_string())),
    };
    let database = builder().create(path)?;
    fill_tables(&database, now).map_err(storage)?;
    database.close()
}

fn fill_tables(database: &Database, now: DateTime<Utc>) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(HOSTS)?;
    let mut meta = transaction.open_table(META)?;
    meta.insert(META_PRODUCT, PRODUCT)?;
    meta.insert(META_FORMAT, &*FORMAT.to_string())?;
    meta.insert(META_COMMITTED, &*now.timestamp_micros().to_string())?;
    meta.insert(META_LEASE, "0")?;
    drop(meta);
    transaction.commit()?;
    Ok(())
}

/// Gives a file its name, unless that is taken; a file system without hard links takes the risk of a race.
fn name(unfinished: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(unfinished, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(_) if !path.exists() => fs::rename(unfinished, path),
        linked => linked,
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What an opening that failed says about the file.
pub(super) fn open_error(path: &Path, error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            let path = path.to_owned();
            OpenError::InUse { path }
        }
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() != ErrorKind::UnexpectedEof =>
        {
            io_error(path, "open", error)
        }
        DatabaseError::UpgradeRequired(_) => foreign(path, "is another program's database"),
        error => damaged(path, error),
    }
}

/// What a failed reading of an open file says about it.
pub(in crate::file) fn damaged(
    path: &Path,
    source: impl std::error::Error + Send + Sync + 'static,
) -> OpenError {
    OpenError::Damaged {
        path: path.to_owned(),
        source: Box::new(source),
    }
}

fn foreign(path: &Path, what: &str) -> OpenError {
    OpenError::Foreign {
        path: path.to_owned(),
        what: what.to_owned(),
    }
}

pub(super) fn io_error(path: &Path, what: &'static str, source: io::Error) -> OpenError {
    let path = path.to_owned();
    OpenError::Io { path, what, source }
}
