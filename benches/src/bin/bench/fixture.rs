//! The hosts that measurements are made with.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use discovery_bench::client::{Connection, Target};
use discovery_bench::fleet::{Fleet, get, list_path};
use discovery_bench::pace::register;
use discovery_bench::server::Server;
use discovery_bench::{Result, process};

use crate::wrk::{Aim, What};

/// How many connections everyone is measured with.
pub(crate) const READERS: u32 = 32;
/// How many hosts beat at the same moment.
pub(crate) const WRITERS: u32 = 64;

/// The service of so many hosts.
pub(crate) fn service(hosts: u32) -> String {
    format!("bench-{hosts}")
}

/// Services of these sizes and, beside them, a fleet of so many hosts in all.
pub(crate) fn fleet(sizes: &[u32], hosts: u32) -> Fleet {
    let rest = Fleet::zipf(hosts.saturating_sub(sizes.iter().sum()).max(1));
    let fixed = sizes.iter().map(|size| (service(*size), *size));
    let rest_sizes =
        (0..rest.services().len()).map(|rank| (rest.service(rank).to_owned(), rest.size(rank)));
    Fleet::of(fixed.chain(rest_sizes))
}

/// Starts a registry with these settings and registers a fleet on it.
pub(crate) async fn registry(settings: &[(&str, String)], fleet: &Fleet) -> Result<Server> {
    let server = Server::start(settings).await?;
    register(server.target, fleet).await?;
    Ok(server)
}

/// Keeps a list as a file of the same path, so that a file server gives the same bytes.
pub(crate) async fn keep_list(target: Target, path: &str, folder: &Path) -> Result<()> {
    let mut connection = Connection::open(target).await?;
    let reply = connection.send(&get(path)).await?;
    let file = folder.join(path.trim_start_matches('/'));
    fs::create_dir_all(file.parent().unwrap_or(folder))?;
    fs::write(file, reply.body)?;
    Ok(())
}

/// A header of the answer to a GET.
pub(crate) async fn header_of(target: Target, path: &str, name: &str) -> Result<String> {
    let mut connection = Connection::open(target).await?;
    let reply = connection.send(&get(path)).await?;
    let value = reply
        .header(name)
        .ok_or_else(|| format!("the answer has no {name}"))?;
    Ok(value.to_owned())
}

/// Writes up to 20,000 heartbeats of hosts from all over a fleet for wrk.
pub(crate) fn beats(
    fleet: &Fleet,
    hosts: impl ExactSizeIterator<Item = u32>,
    file: PathBuf,
) -> Result<What> {
    const MOST: usize = 20_000;
    let every = hosts.len().div_ceil(MOST).max(1);
    let mut lines = std::io::BufWriter::new(fs::File::create(&file)?);
    for number in hosts.step_by(every) {
        let host = fleet.host(number);
        writeln!(lines, "{} {}", list_path(host.service), host.form())?;
    }
    lines.flush()?;
    Ok(What::Post { lines: file })
}

/// Aims at a server with GETs of the list of so many hosts.
pub(crate) fn get_list(server: &Server, hosts: u32, headers: &[String]) -> Aim {
    let path = list_path(&service(hosts));
    aim(
        server,
        READERS,
        What::Get {
            path,
            headers: headers.to_vec(),
        },
    )
}

/// Aims at a server.
pub(crate) fn aim(server: &Server, connections: u32, what: What) -> Aim {
    let (target, pid) = (server.target, server.process.id());
    Aim {
        target,
        pid,
        connections,
        what,
    }
}

/// How much memory a server holds, in bytes.
#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
pub(crate) fn resident(server: &Server) -> Result<f64> {
    Ok(process::resident(server.process.id())? as f64)
}
