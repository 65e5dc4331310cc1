//! Looks whether every host that was acknowledged is on its list.

use std::collections::{HashMap, HashSet};

use discovery_bench::Result;
use discovery_bench::client::{Connection, Target};
use discovery_bench::fleet::{get, list_path};

use crate::herd::Herd;

/// What the lists say in the end.
#[derive(Debug, Default)]
pub(crate) struct RollCall {
    /// How many hosts are listed.
    pub(crate) listed: usize,
    /// How many living hosts are not.
    pub(crate) missing: usize,
    /// How many are listed that left without a word, and have not expired yet.
    pub(crate) silent: usize,
    /// How many are listed that nobody knows, or that were deregistered.
    pub(crate) unknown: usize,
}

/// Reads the list of every service.
pub(crate) async fn call(target: Target, herd: &Herd) -> Result<RollCall> {
    let mut connection = Connection::open(target).await?;
    let mut alive: HashMap<usize, HashSet<String>> = HashMap::new();
    for (service, host) in herd.alive() {
        alive
            .entry(service)
            .or_default()
            .insert(host.ip().to_string());
    }
    let mut total = RollCall::default();
    for (rank, service) in herd.fleet.services().enumerate() {
        let reply = connection.send(&get(&list_path(service))).await?;
        if reply.status != 200 {
            return Err(format!("the list of {service} was answered {}", reply.status).into());
        }
        let listed = addresses(str::from_utf8(reply.body)?);
        let alive = alive.remove(&rank).unwrap_or_default();
        let present = alive
            .iter()
            .filter(|ip| listed.contains(ip.as_str()))
            .count();
        total.listed += listed.len();
        total.missing += alive.len() - present;
        total.unknown += listed.len() - present;
    }
    total.silent = herd.silent().min(total.unknown);
    total.unknown -= total.silent;
    Ok(total)
}

/// The addresses on a list.
fn addresses(list: &str) -> HashSet<&str> {
    let hosts = list.split("\"ip_address\": \"").skip(1);
    hosts.filter_map(|host| host.split('"').next()).collect()
}
