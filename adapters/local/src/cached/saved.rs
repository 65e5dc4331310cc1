//! The lists a node knows, saved to a file, so that it can serve them after a restart while the store is down.
//!
//! The body of the file is one line of JSON a list.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use discovery_domain::{
    Host, HostAddress, HostKey, InvalidValue, LeaseInstant, Port, Revision, Row, ServiceName,
    ServiceRepoName, Tags,
};
use serde::{Deserialize, Serialize};

use super::entry::ReadAt;
use super::{Cached, Key};
use crate::checked_file::{self, FileError};

const FORMAT: &str = "discovery lists 2";

/// What a file of saved lists held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// How many lists there were.
    pub lists: usize,
    /// When they were saved.
    pub saved_at: DateTime<Utc>,
}

/// Why saved lists were not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not there, or not what was saved.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file holds lists of another store.
    #[error("holds the lists of {found}, and this node's hosts are in {store}")]
    OtherStore {
        /// The store that it names.
        found: String,
        /// The one that was expected.
        store: String,
    },
    /// The file says too little about the present.
    #[error("is too old: saved at {saved_at}, and {max_age:?} is the oldest accepted")]
    TooOld {
        /// When it was saved.
        saved_at: DateTime<Utc>,
        /// What is accepted.
        max_age: Duration,
    },
}

/// What the header of the file says.
#[derive(Serialize, Deserialize)]
struct Saved {
    store: String,
    saved_at: i64,
}

#[derive(Serialize, Deserialize)]
struct SavedList {
    service: Option<String>,
    repo: Option<String>,
    read_at: i64,
    hosts: Vec<SavedHost>,
}

#[derive(Serialize, Deserialize)]
struct SavedHost {
    service: String,
    ip_address: String,
    service_repo_name: String,
    port: u16,
    revision: String,
    last_check_in: i64,
    tags: String,
    /// Its age in microseconds of lease time when the list was read.
    age: u64,
}

impl Cached {
    /// Saves the lists this node knows, as many as fit into `max_bytes`; returns how many. `store` says where their hosts
    /// are kept. Where there are none, what was saved before stays: this node may have read nothing in all its life, or
    /// have been started with a wrong setting.
    pub fn save(&self, path: &Path, store: &str, max_bytes: usize) -> io::Result<usize> {
        let mut body = Vec::new();
        let mut lists = 0;
        for entry in &self.0.lists {
            let Some((read, rows)) = entry.value().exported() else {
                continue;
            };
            // After a restart nobody could tell a service without hosts from one that is not known.
            if rows.is_empty() {
                continue;
            }
            let line = serde_json::to_vec(&SavedList::of(entry.key(), &read, &rows))?;
            if body.len() + line.len() < max_bytes {
                body.extend_from_slice(&line);
                body.push(b'\n');
                lists += 1;
            }
        }
        if lists == 0 {
            return Ok(0);
        }
        let saved = Saved {
            store: store.into(),
            saved_at: self.0.clock.wall().timestamp_micros(),
        };
        checked_file::write(path, FORMAT, saved, &body)?;
        Ok(lists)
    }

    /// Loads saved lists of that store as last known ones: they are served, with their age, only while the store can't be
    /// read.
    pub fn load_saved(
        &self,
        path: &Path,
        store: &str,
        max_age: Duration,
    ) -> Result<Loaded, LoadError> {
        let (saved, body): (Saved, _) = checked_file::read(path, FORMAT)?;
        if saved.store != store {
            let (found, store) = (saved.store, store.to_owned());
            return Err(LoadError::OtherStore { found, store });
        }
        let saved_at = time(saved.saved_at);
        if self.since(saved_at) > max_age {
            return Err(LoadError::TooOld { saved_at, max_age });
        }
        let lists = body.lines().map(serde_json::from_str);
        let lists: Vec<SavedList> = lists
            .collect::<Result<_, _>>()
            .map_err(FileError::damaged)?;
        // While the store fails a node may save what it has read once again and again.
        let age = |list: &SavedList| self.since(time(list.read_at));
        let young = lists.iter().filter(|list| age(list) <= max_age);
        let read = young.filter(|list| !list.hosts.is_empty());
        let read = read.map(|list| self.read_saved(list));
        let lists: Vec<_> = read.collect::<Result<_, _>>().map_err(FileError::damaged)?;
        let count = lists.len();
        for (key, rows, read) in lists {
            let entry = self.0.entry(&key);
            entry.restored(rows, read);
            self.0.lists.insert(key, entry);
        }
        Ok(Loaded {
            lists: count,
            saved_at,
        })
    }

    /// How long ago something was, by the wall clock.
    fn since(&self, then: DateTime<Utc>) -> Duration {
        (self.0.clock.wall() - then).to_std().unwrap_or_default()
    }

    fn read_saved(&self, list: &SavedList) -> Result<(Key, Vec<Row>, ReadAt), InvalidValue> {
        let now = self.0.lease.instant();
        let key = match (&list.service, &list.repo) {
            (Some(service), _) => Key::Service(ServiceName::parse(service)?),
            (None, repo) => Key::Repo(ServiceRepoName::parse(repo.as_deref().unwrap_or_default())?),
        };
        let rows = list
            .hosts
            .iter()
            .map(|host| host.row(now))
            .collect::<Result<Vec<Row>, _>>()?;
        let wall = time(list.read_at);
        let read = ReadAt {
            lease: now,
            monotonic: self.0.clock.monotonic(),
            wall,
            doubted: true,
        };
        Ok((key, rows, read))
    }
}

impl SavedList {
    fn of(key: &Key, read: &ReadAt, rows: &[Row]) -> Self {
        let (service, repo) = match key {
            Key::Service(service) => (Some(service.to_string()), None),
            Key::Repo(repo) => (None, Some(repo.to_string())),
        };
        let hosts = rows
            .iter()
            .map(|row| SavedHost::of(row, read.lease))
            .collect();
        Self {
            service,
            repo,
            read_at: read.wall.timestamp_micros(),
            hosts,
        }
    }
}

impl SavedHost {
    fn of(row: &Row, read: LeaseInstant) -> Self {
        let host = &row.host;
        Self {
            service: host.key.service().to_string(),
            ip_address: host.key.address().to_string(),
            service_repo_name: host.service_repo_name.to_string(),
            port: host.port.get(),
            revision: host.revision.to_string(),
            last_check_in: host.last_check_in.timestamp_micros(),
            tags: host.tags.as_str().to_owned(),
            age: u64::try_from(read.since(row.renewed).as_micros()).unwrap_or(u64::MAX),
        }
    }

    fn row(&self, now: LeaseInstant) -> Result<Row, InvalidValue> {
        let address = HostAddress::parse(&self.ip_address)?;
        let host = Host {
            key: HostKey::new(ServiceName::parse(&self.service)?, address),
            service_repo_name: ServiceRepoName::parse(&self.service_repo_name)?,
            port: Port::try_from(self.port)?,
            revision: Revision::parse(&self.revision)?,
            last_check_in: time(self.last_check_in),
            tags: Tags::from_stored(&self.tags)
                .ok_or_else(|| InvalidValue::new("tags are no JSON object"))?,
        };
        let renewed = now - Duration::from_micros(self.age);
        Ok(Row::checked_in(Arc::new(host), renewed))
    }
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
