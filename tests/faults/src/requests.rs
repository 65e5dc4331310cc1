//! Requests for a few hosts of one service, and what a list shows of them.

use std::collections::HashMap;
use std::net::IpAddr;

use discovery_bench::Result;
use discovery_bench::fleet::list_path;

/// The service that they belong to.
pub(crate) const SERVICE: &str = "web";

/// A host by its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Host(pub(crate) u8);

impl Host {
    /// Where it is.
    pub(crate) fn ip(self) -> IpAddr {
        [10, 1, 0, self.0].into()
    }

    /// The request by which it registers with a weight.
    pub(crate) fn check_in(self, weight: u32) -> Vec<u8> {
        let ip = self.ip();
        let tags = format!(
            r#"{{"az": "a", "region": "r", "instance_id": "i", "load_balancing_weight": {weight}}}"#
        );
        let body = format!(
            r#"{{"ip": "{ip}", "port": 80, "revision": "r", "service_repo_name": "{SERVICE}-repo", "tags": {tags}}}"#
        );
        post(&list_path(SERVICE), &body)
    }

    /// The request that sets its weight.
    pub(crate) fn weigh(self, weight: u32) -> Vec<u8> {
        let path = format!("/v1/loadbalancing/{SERVICE}/{}", self.ip());
        post(&path, &format!(r#"{{"load_balancing_weight": {weight}}}"#))
    }

    /// The request that removes it.
    pub(crate) fn delete(self) -> Vec<u8> {
        let path = format!("{}/{}", list_path(SERVICE), self.ip());
        format!("DELETE {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
    }
}

/// Where the hosts of their repo are listed.
pub(crate) fn repo_path() -> String {
    format!("/v1/registration/repo/{SERVICE}-repo")
}

/// The weights that a list shows.
pub(crate) fn weights(body: &[u8]) -> Result<HashMap<IpAddr, u32>> {
    let list: serde_json::Value = serde_json::from_slice(body)?;
    let hosts = list["hosts"]
        .as_array()
        .ok_or_else(|| format!("not a list: {list}"))?;
    let weight = |host: &serde_json::Value| {
        let address = host["ip_address"].as_str().ok_or("a host has no address")?;
        let weight = host["tags"]["load_balancing_weight"]
            .as_u64()
            .ok_or("a host has no weight")?;
        Ok((address.parse()?, u32::try_from(weight)?))
    };
    hosts.iter().map(weight).collect()
}

fn post(path: &str, body: &str) -> Vec<u8> {
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
