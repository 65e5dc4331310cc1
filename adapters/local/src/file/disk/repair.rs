//! Getting back to a file that can be trusted after one that could not be written.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use redb::{ReadableDatabase, ReadableTable, Table as DiskTable};

use super::{Disk, HOSTS, META, META_SESSION, Stamp, create, folder_of};
use crate::file::open_error::OpenError;
use crate::file::rows;
use crate::file::timeline::Timeline;
use crate::table::Table;

/// Why the file can't be trusted yet.
#[derive(Debug, thiserror::Error)]
pub(in crate::file) enum RepairError {
    /// Another process may have acknowledged writes that this one does not know.
    #[error("another process has written to it since: restart this one")]
    Taken,
    /// It was removed, or its folder was.
    #[error(
        "it is no longer at its path, and is made anew from memory once its folder is on the same disk as before"
    )]
    Gone,
    /// It was removed, and another took its place.
    #[error("another file is at its path")]
    Replaced,
    /// What is at its path can't be used.
    #[error(transparent)]
    Unusable(#[from] OpenError),
    /// It can't be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It can't be opened, or not be written.
    #[error(transparent)]
    Database(#[from] redb::Error),
    /// The database met what it takes for impossible.
    #[error("the database panicked")]
    Panicked,
}

impl Disk {
    /// Opens the file anew and makes it hold what `table` holds, which is all that was ever acknowledged; returns how
    /// many rows it had otherwise. Whatever is read here has been written to the disk once more before: a file whose
    /// sync failed may be readable from memory alone. A file that is gone is made anew.
    pub(in crate::file) fn reopen(
        &mut self,
        table: &Table,
        timeline: &Timeline,
        now: Stamp,
    ) -> Result<usize, RepairError> {
        (self.database, self.handle) = (None, None);
        if !self.path.try_exists()? {
            self.make_anew(now)?;
        }
        create::check(&self.path)?;
        write_again(&self.path)?;
        let handle = File::open(&self.path)?;
        let database = (self.opener)(&self.path).map_err(redb::Error::from)?;
        create::check_ours(&self.path, &database)?;
        self.database = Some(database);
        let session = self.session_in_file()?;
        let is_ours = session == self.session
            || session == self.session_found
            || self.is_anew && session.is_empty();
        if !is_ours {
            self.database = None;
            return Err(RepairError::Taken);
        }
        let restored = self.agree(table, timeline, now)?;
        (self.handle, self.is_anew) = (Some(handle), false);
        Ok(restored)
    }

    /// Makes a file where there is none any more, but not where its disk is gone, too: one that is put back would hide
    /// it.
    fn make_anew(&mut self, now: Stamp) -> Result<(), RepairError> {
        match folder_of(&self.path) {
            Ok(folder) if folder.dev() == self.device => {}
            _ => return Err(RepairError::Gone),
        }
        create::create(&self.path, now.wall)?;
        self.is_anew = true;
        Ok(())
    }

    /// Who has written to the file last.
    pub(super) fn session_in_file(&self) -> Result<String, redb::Error> {
        let meta = self.database()?.begin_read()?.open_table(META)?;
        let session = meta.get(META_SESSION)?;
        Ok(session.map_or_else(String::new, |session| session.value().to_owned()))
    }

    /// Writes every row of which the file holds another version, or none, and removes what the table does not hold.
    fn agree(&self, table: &Table, timeline: &Timeline, now: Stamp) -> Result<usize, redb::Error> {
        let transaction = self.begin()?;
        let mut hosts = transaction.open_table(HOSTS)?;
        let restored = restore(&mut hosts, table, timeline)?;
        let removed = remove_strange(&mut hosts, table)?;
        drop(hosts);
        self.stamp(&transaction, now)?;
        transaction.commit()?;
        Ok(restored + removed)
    }
}

type Hosts<'a> = DiskTable<'a, &'static [u8], &'static [u8]>;

fn restore(
    hosts: &mut Hosts<'_>,
    table: &Table,
    timeline: &Timeline,
) -> Result<usize, redb::Error> {
    let (mut key, mut value, mut restored) = (Vec::new(), Vec::new(), 0);
    for row in table
        .services()
        .iter()
        .flat_map(|service| table.rows_of(service))
    {
        rows::write_key(&row.host.key, &mut key);
        rows::write_value(&row.host, timeline.in_file(row.renewed), &mut value);
        let same = hosts
            .get(&*key)?
            .is_some_and(|stored| stored.value() == value);
        if !same {
            hosts.insert(&*key, &*value)?;
            restored += 1;
        }
    }
    Ok(restored)
}

/// Removes readable rows that the table does not hold: writes that failed, and were answered so.
fn remove_strange(hosts: &mut Hosts<'_>, table: &Table) -> Result<usize, redb::Error> {
    let mut strange = Vec::new();
    for entry in hosts.iter()? {
        let (key, value) = entry?;
        let Some(host) = rows::read_key(key.value(), None) else {
            continue;
        };
        let unknown = table.row(&host).is_none();
        if unknown && rows::read_value(host, value.value(), None).is_ok() {
            strange.push(key.value().to_vec());
        }
    }
    for key in &strange {
        hosts.remove(&**key)?;
    }
    Ok(strange.len())
}

/// Writes every byte of a file over itself and has the disk confirm them.
fn write_again(path: &Path) -> io::Result<()> {
    const CHUNK: usize = 1024 * 1024;
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    file.try_lock()?;
    let mut chunk = vec![0; CHUNK];
    let mut offset = 0;
    loop {
        file.seek(SeekFrom::Start(offset))?;
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return file.sync_all();
        }
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(&chunk[..read])?;
        offset += read as u64;
    }
}
