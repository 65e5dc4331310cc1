//! The services without hosts that a node remembers across a restart, in a small file whose body is one line of JSON a
//! service.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use discovery_domain::ServiceName;
use serde::{Deserialize, Serialize};

use crate::checked_file::{self, FileError};

const FORMAT: &str = "discovery services without hosts 1";

/// Keeps such services in a file, which is written when they change.
#[derive(Debug)]
pub struct GoneFile {
    path: PathBuf,
    services: Mutex<BTreeMap<ServiceName, DateTime<Utc>>>,
}

/// What the header says beside: nothing.
#[derive(Serialize, Deserialize)]
struct Nothing {}

#[derive(Serialize, Deserialize)]
struct Line {
    service: String,
    /// Microseconds of wall time.
    since: i64,
}

impl GoneFile {
    /// Reads what is remembered at a path: nothing, where there is no file. One that can't be used is written anew when
    /// the services change; why it can't be is returned beside.
    pub fn open(path: PathBuf) -> (Self, Option<FileError>) {
        let (services, error) = match load(&path) {
            Ok(services) => (services, None),
            Err(error) if error.is_missing() => (BTreeMap::new(), None),
            Err(error) => (BTreeMap::new(), Some(error)),
        };
        let services = Mutex::new(services);
        (Self { path, services }, error)
    }

    /// Every service, and since when it has no hosts.
    pub fn all(&self) -> Vec<(ServiceName, DateTime<Utc>)> {
        let services = self.services();
        services
            .iter()
            .map(|(service, since)| (service.clone(), *since))
            .collect()
    }

    /// Remembers a service, in the place of what was remembered of it before.
    pub fn remember(&self, service: &ServiceName, since: DateTime<Utc>) -> io::Result<()> {
        let mut services = self.services();
        services.insert(service.clone(), since);
        self.write(&services)
    }

    /// Forgets a service as it was remembered; one that was remembered anew stays.
    pub fn forget(&self, service: &ServiceName, since: DateTime<Utc>) -> io::Result<()> {
        let mut services = self.services();
        if services.get(service) != Some(&since) {
            return Ok(());
        }
        services.remove(service);
        self.write(&services)
    }

    fn write(&self, services: &BTreeMap<ServiceName, DateTime<Utc>>) -> io::Result<()> {
        let mut body = Vec::new();
        for (service, since) in services {
            let (service, since) = (service.to_string(), since.timestamp_micros());
            serde_json::to_writer(&mut body, &Line { service, since })?;
            body.push(b'\n');
        }
        checked_file::write(&self.path, FORMAT, Nothing {}, &body)
    }

    fn services(&self) -> MutexGuard<'_, BTreeMap<ServiceName, DateTime<Utc>>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load(path: &Path) -> Result<BTreeMap<ServiceName, DateTime<Utc>>, FileError> {
    let (Nothing {}, body) = checked_file::read(path, FORMAT)?;
    body.lines().map(read).collect()
}

fn read(line: &str) -> Result<(ServiceName, DateTime<Utc>), FileError> {
    let Line { service, since } = serde_json::from_str(line).map_err(FileError::damaged)?;
    let service = ServiceName::parse(&service).map_err(FileError::damaged)?;
    let since = DateTime::from_timestamp_micros(since);
    let since = since.ok_or_else(|| FileError::damaged("a time is out of range"))?;
    Ok((service, since))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use discovery_testkit::hosts::service;
    use tempfile::tempdir;

    use super::*;

    fn time(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).expect("a year near ours")
    }

    fn open(path: &Path) -> GoneFile {
        let (file, error) = GoneFile::open(path.to_owned());
        assert!(error.is_none(), "{error:?}");
        file
    }

    #[test]
    fn what_is_remembered_is_there_after_a_restart_until_it_is_forgotten() {
        let folder = tempdir().expect("a folder");
        let path = folder.path().join("gone");
        let (users, orders) = (service("users"), service("orders"));
        let file = open(&path);
        assert_eq!(file.all(), []);
        file.remember(&users, time(1)).expect("it is written");
        file.remember(&orders, time(2)).expect("it is written");
        file.forget(&orders, time(1))
            .expect("there is nothing to do");
        let file = open(&path);
        assert_eq!(
            file.all(),
            [(orders.clone(), time(2)), (users.clone(), time(1))]
        );
        file.forget(&orders, time(2)).expect("it is written");
        assert_eq!(open(&path).all(), [(users, time(1))]);
    }

    #[test]
    fn a_file_that_is_damaged_is_not_used_but_written_anew() {
        let folder = tempdir().expect("a folder");
        let path = folder.path().join("gone");
        let users = service("users");
        open(&path)
            .remember(&users, time(1))
            .expect("it is written");
        let whole = fs::read_to_string(&path).expect("it is there");
        for damaged in [
            "",
            "{}\n",
            &whole[..whole.len() - 2],
            &whole.replace("users", "orders"),
        ] {
            fs::write(&path, damaged).expect("it is written");
            let (file, error) = GoneFile::open(path.clone());
            assert!(matches!(error, Some(FileError::Damaged(_))), "{damaged}");
            assert_eq!(file.all(), []);
            file.remember(&users, time(1)).expect("it is written");
            assert_eq!(open(&path).all(), [(users.clone(), time(1))]);
        }
    }

    #[test]
    fn a_pipe_in_its_place_is_not_waited_for() {
        let folder = tempdir().expect("a folder");
        let path = folder.path().join("gone");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo runs").success());
        let (_, error) = GoneFile::open(path);
        assert!(matches!(error, Some(FileError::Damaged(_))), "{error:?}");
    }
}
