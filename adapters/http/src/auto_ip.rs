//! Registration without an address: the host is where its request came from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use discovery_domain::{HostAddress, InvalidValue};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use poem::http::HeaderMap;
use poem::{Addr, FromRequest, Request, RequestBody, Result as PoemResult};

/// Which callers may leave out their address.
#[derive(Debug, Clone)]
pub struct AutoIp {
    /// The addresses that may be registered this way.
    pub ranges: Vec<IpNet>,
    /// The peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for AutoIp {
    /// Does as the original: registers 192.168.0.0/16 and believes every peer.
    fn default() -> Self {
        let private = Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16);
        let every_v4 = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);
        let every_v6 = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0);
        Self {
            ranges: vec![private.into()],
            trusted_proxies: vec![every_v4.into(), every_v6.into()],
        }
    }
}

impl AutoIp {
    /// The address of a caller: what a trusted proxy says in the last element of its header, else the peer's own.
    pub(crate) fn address(&self, caller: &Caller) -> Result<HostAddress, InvalidValue> {
        let forwarded = caller
            .forwarded
            .as_ref()
            .filter(|_| self.trusts(caller.peer));
        let address = match (forwarded, caller.peer) {
            (Some(text), _) => HostAddress::parse(text).map_err(|wrong| {
                InvalidValue::new(format!(
                    "can't be used: the last of X-Forwarded-For {wrong}"
                ))
            })?,
            (None, Some(peer)) => peer.into(),
            (None, None) => {
                return Err(InvalidValue::new("can't be used: the peer has no address"));
            }
        };
        if self
            .ranges
            .iter()
            .any(|range| range.contains(&address.ip()))
        {
            return Ok(address);
        }
        if self.ranges.is_empty() {
            return Err(InvalidValue::new("is off at this node: send the field ip"));
        }
        let ranges: Vec<String> = self.ranges.iter().map(ToString::to_string).collect();
        let ranges = ranges.join(", ");
        Err(InvalidValue::new(format!(
            "can't be used: {address} is not in the accepted ranges ({ranges})"
        )))
    }

    fn trusts(&self, peer: Option<IpAddr>) -> bool {
        peer.is_some_and(|peer| {
            self.trusted_proxies
                .iter()
                .any(|range| range.contains(&peer))
        })
    }
}

/// Where a request came from.
pub(crate) struct Caller {
    peer: Option<IpAddr>,
    /// The last element of `X-Forwarded-For` that is not empty.
    forwarded: Option<String>,
}

impl<'a> FromRequest<'a> for Caller {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> PoemResult<Self> {
        let peer = match &request.remote_addr().0 {
            Addr::SocketAddr(peer) => Some(peer.ip().to_canonical()),
            _ => None,
        };
        Ok(Self {
            peer,
            forwarded: last_forwarded(request.headers()),
        })
    }
}

fn last_forwarded(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all("x-forwarded-for").iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    let mut elements = lines.iter().flat_map(|line| line.split(',')).map(str::trim);
    elements
        .rfind(|element| !element.is_empty())
        .map(str::to_owned)
}
