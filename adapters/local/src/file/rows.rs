//! How a row is written in the file.
//!
//! The key is the service's name, a zero byte (no name holds one) and the 4 or 16 bytes of the address. The value is a
//! version byte, the check-in in microseconds by wall time and by the file's own lease time, the port, and the texts:
//! service repo, revision, tags. Numbers are little-endian; tags are kept to the letter.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chrono::DateTime;
use discovery_domain::{
    Host, HostAddress, HostKey, Port, Revision, ServiceName, ServiceRepoName, Tags,
};

/// The version of the encoding.
const VERSION: u8 = 1;

/// A row as the file has it.
#[derive(Debug, PartialEq)]
pub(super) struct FileRow {
    /// The host.
    pub(super) host: Host,
    /// When its age was zero, in microseconds of the file's lease time.
    pub(super) renewed: i64,
}

/// Writes the key of a host in place of what `bytes` holds.
pub(super) fn write_key(host: &HostKey, bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend_from_slice(host.service().as_str().as_bytes());
    bytes.push(0);
    match host.address().ip() {
        IpAddr::V4(ip) => bytes.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => bytes.extend_from_slice(&ip.octets()),
    }
}

/// Reads a key; a host of `kin`'s service shares its name.
pub(super) fn read_key(bytes: &[u8], kin: Option<&Host>) -> Option<HostKey> {
    let name = bytes.split(|byte| *byte == 0).next()?;
    let address = bytes.get(name.len() + 1..)?;
    let kin = kin.map(|host| host.key.service());
    let service = match kin.filter(|kin| kin.as_str().as_bytes() == name) {
        Some(kin) => kin.clone(),
        None => ServiceName::parse(str::from_utf8(name).ok()?).ok()?,
    };
    let ip: IpAddr = match address.len() {
        4 => Ipv4Addr::from_octets(address.try_into().ok()?).into(),
        16 => Ipv6Addr::from_octets(address.try_into().ok()?).into(),
        _ => return None,
    };
    Some(HostKey::new(service, HostAddress::from(ip)))
}

/// Writes the value of a host in place of what `bytes` holds.
pub(super) fn write_value(host: &Host, renewed: i64, bytes: &mut Vec<u8>) {
    let (repo, revision) = (host.service_repo_name.as_str(), host.revision.as_str());
    bytes.clear();
    bytes.push(VERSION);
    bytes.extend_from_slice(&host.last_check_in.timestamp_micros().to_le_bytes());
    bytes.extend_from_slice(&renewed.to_le_bytes());
    bytes.extend_from_slice(&host.port.get().to_le_bytes());
    for text in [repo, revision] {
        let length = u16::try_from(text.len()).expect("limits keep these texts below 64 KiB");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.extend_from_slice(host.tags.as_str().as_bytes());
}

/// Reads a value; what equals a text of `kin` shares it. Says what is wrong with a value that can't be read.
pub(super) fn read_value(
    key: HostKey,
    bytes: &[u8],
    kin: Option<&Host>,
) -> Result<FileRow, &'static str> {
    let mut fields = Fields(bytes);
    if fields.array()? != [VERSION] {
        return Err("it has an unknown version");
    }
    let check_in = i64::from_le_bytes(fields.array()?);
    let last_check_in =
        DateTime::from_timestamp_micros(check_in).ok_or("its check-in is out of range")?;
    let renewed = i64::from_le_bytes(fields.array()?);
    let port = u16::from_le_bytes(fields.array()?);
    let port = Port::try_from(port).map_err(|_| "its port is out of range")?;
    let host = Host {
        key,
        service_repo_name: repo(fields.text()?, kin)?,
        port,
        revision: revision(fields.text()?, kin)?,
        last_check_in,
        tags: Tags::from_stored(fields.rest()?).ok_or("its tags are no JSON object")?,
    };
    Ok(FileRow { host, renewed })
}

fn repo(text: &str, kin: Option<&Host>) -> Result<ServiceRepoName, &'static str> {
    let kin = kin.map(|host| &host.service_repo_name);
    match kin.filter(|kin| kin.as_str() == text) {
        Some(kin) => Ok(kin.clone()),
        None => ServiceRepoName::parse(text).map_err(|_| "its service repo is no name"),
    }
}

fn revision(text: &str, kin: Option<&Host>) -> Result<Revision, &'static str> {
    let kin = kin.map(|host| &host.revision);
    match kin.filter(|kin| kin.as_str() == text) {
        Some(kin) => Ok(kin.clone()),
        None => Revision::parse(text).map_err(|_| "its revision is empty or too long"),
    }
}

/// What is still to be read of a value.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (array, rest) = self.0.split_first_chunk().ok_or("it is cut short")?;
        self.0 = rest;
        Ok(*array)
    }

    fn text(&mut self) -> Result<&'a str, &'static str> {
        let length = u16::from_le_bytes(self.array()?).into();
        let (text, rest) = self.0.split_at_checked(length).ok_or("it is cut short")?;
        self.0 = rest;
        str::from_utf8(text).map_err(|_| "it holds broken text")
    }

    fn rest(self) -> Result<&'a str, &'static str> {
        str::from_utf8(self.0).map_err(|_| "it holds broken text")
    }
}

#[cfg(test)]
mod tests;
