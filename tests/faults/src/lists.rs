//! Lists and metrics as clients see them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use discovery_bench::Result;
use discovery_bench::client::{Connection, Target};
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

/// The addresses in the body of a list. Looks for no more than that, for it is done thousands of times a second.
pub(crate) fn addresses(body: &[u8]) -> Result<Addresses> {
    let body = str::from_utf8(body)?;
    let begins =
        body.starts_with('{') && body.trim_end().ends_with('}') && body.contains("\"hosts\"");
    if !begins {
        return Err(format!("not a list: {body:?}").into());
    }
    let hosts = body.split("\"ip_address\"").skip(1);
    let address = |host: &str| {
        Ok(host
            .split('"')
            .nth(1)
            .ok_or("a host has no address")?
            .parse()?)
    };
    hosts.map(address).collect()
}

/// The value of a metric.
pub(crate) async fn metric(target: Target, name: &str) -> Result<f64> {
    let mut connection = Connection::open(target).await?;
    let reply = connection.send(&get("/metrics")).await?;
    let metrics = str::from_utf8(reply.body)?;
    let values = metrics.lines().filter_map(|line| line.strip_prefix(name));
    let mut values = values.filter_map(|value| value.strip_prefix(' '));
    let value = values
        .next()
        .ok_or_else(|| format!("no metric is called {name}"))?;
    Ok(value.parse()?)
}
