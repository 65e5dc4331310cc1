//! Lists as clients see them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use discovery_bench::Result;
use discovery_bench::client::Connection;
use discovery_bench::fleet::{get, list_path};

/// The addresses on a list.
pub(crate) type Addresses = BTreeSet<IpAddr>;

/// Reads a list; any answer but 200 is an error.
pub(crate) async fn read(connection: &mut Connection, service: &str) -> Result<Addresses> {
    let reply = connection.send(&get(&list_path(service))).await?;
    match reply.status {
        200 => addresses(reply.body),
        status => Err(format!("the list of {service} was answered {status}").into()),
    }
}

/// The addresses in the body of a list.
pub(crate) fn addresses(body: &[u8]) -> Result<Addresses> {
    let list: serde_json::Value = serde_json::from_slice(body)?;
    let hosts = list["hosts"].as_array().ok_or("a list has no hosts")?;
    let address =
        |host: &serde_json::Value| Ok(host["ip_address"].as_str().ok_or("no address")?.parse()?);
    hosts.iter().map(address).collect()
}
