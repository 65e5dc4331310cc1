//! The kinds of values that settings have, each read from text.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use discovery_xds::LbPolicy;
use ipnet::IpNet;
use poem::http::Uri;
use tracing_subscriber::filter::LevelFilter;

/// A value that a setting can have.
pub(crate) trait Value: Sized {
    /// Whether empty text is as good as none, so that what would count without it does.
    const EMPTY_IS_UNSET: bool = false;

    /// Reads it from text, blanks around it left out where they mean nothing.
    fn from_text(text: &str) -> Option<Self>;

    /// The text as it is used, fit for showing.
    fn shown(text: &str) -> String {
        text.trim().to_owned()
    }
}

/// Where hosts are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BackendStorage {
    /// In a DynamoDB table.
    DynamoDb,
    /// In a file of this node.
    InFile,
    /// Nowhere but in this process.
    InMemory,
}

/// Whether lists are served without asking the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheType {
    /// They never are.
    Null,
    /// They are, for a while.
    Simple,
}

/// How important a log line must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogLevel(pub(crate) LevelFilter);

/// The name of a cluster of Envoy's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterName(pub(crate) String);

/// A set of addresses: those in one of these networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Networks(pub(crate) Vec<IpNet>);

/// Sets of metadata keys by which subsets of hosts can be picked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubsetKeys(pub(crate) Vec<Vec<String>>);

/// The URL of a store; shown without what could be a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoreUrl(String);

impl StoreUrl {
    /// The whole URL.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

/// Hides what could be the user and password of a URL, or of what was meant as one: everything before the last `@`,
/// whatever a password holds, but for the scheme.
pub(super) fn masked(text: &str) -> String {
    let Some(end) = text.rfind('@') else {
        return text.to_owned();
    };
    let is_scheme = |scheme: &&str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let scheme = text[..end].split_once("://").map(|(scheme, _)| scheme);
    match scheme.filter(is_scheme) {
        Some(scheme) => format!("{scheme}://***{}", &text[end..]),
        None => format!("***{}", &text[end..]),
    }
}

impl Value for String {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn shown(text: &str) -> String {
        text.to_owned()
    }
}

impl Value for PathBuf {
    const EMPTY_IS_UNSET: bool = true;

    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.into())
    }

    fn shown(text: &str) -> String {
        text.to_owned()
    }
}

impl Value for bool {
    /// Empty text is false, as it always was.
    fn from_text(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" | "" => Some(false),
            _ => None,
        }
    }

    fn shown(text: &str) -> String {
        let meant = Self::from_text(text).map(|meant| meant.to_string());
        meant.unwrap_or_else(|| text.trim().to_owned())
    }
}

impl<T: Value> Value for Option<T> {
    /// Empty text means that nothing is set.
    fn from_text(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(None);
        }
        T::from_text(text).map(Some)
    }

    fn shown(text: &str) -> String {
        if text.trim().is_empty() {
            return String::new();
        }
        T::shown(text)
    }
}

impl Value for f64 {
    fn from_text(text: &str) -> Option<Self> {
        text.trim()
            .parse()
            .ok()
            .filter(|number: &Self| number.is_finite())
    }
}

macro_rules! parsed {
    ($($type:ty)+) => {$(
        impl Value for $type {
            fn from_text(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }
        }
    )+};
}

parsed! { IpAddr u16 u64 i64 usize LbPolicy }

impl Value for BackendStorage {
    fn from_text(text: &str) -> Option<Self> {
        match text.trim() {
            "DynamoDB" => Some(Self::DynamoDb),
            "InFile" => Some(Self::InFile),
            "InMemory" => Some(Self::InMemory),
            _ => None,
        }
    }
}

impl fmt::Display for BackendStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DynamoDb => "DynamoDB",
            Self::InFile => "InFile",
            Self::InMemory => "InMemory",
        })
    }
}

impl Value for CacheType {
    fn from_text(text: &str) -> Option<Self> {
        match text.trim() {
            "null" => Some(Self::Null),
            "simple" => Some(Self::Simple),
            _ => None,
        }
    }
}

impl Value for LogLevel {
    const EMPTY_IS_UNSET: bool = true;

    /// Takes the names of Python's logging, too.
    fn from_text(text: &str) -> Option<Self> {
        Some(Self(match text.trim().to_ascii_uppercase().as_str() {
            "TRACE" => LevelFilter::TRACE,
            "DEBUG" => LevelFilter::DEBUG,
            "INFO" => LevelFilter::INFO,
            "WARN" | "WARNING" => LevelFilter::WARN,
            "ERROR" | "CRITICAL" => LevelFilter::ERROR,
            "OFF" => LevelFilter::OFF,
            _ => return None,
        }))
    }
}

impl Value for ClusterName {
    fn from_text(text: &str) -> Option<Self> {
        let name = text.trim();
        let is_name = !name.is_empty() && !name.contains(char::is_control);
        is_name.then(|| Self(name.to_owned()))
    }
}

impl Value for Networks {
    fn from_text(text: &str) -> Option<Self> {
        let list = match text.trim() {
            "any" => "0.0.0.0/0,::/0",
            "none" => return Some(Self(Vec::new())),
            list => list,
        };
        list.split(',')
            .map(network)
            .collect::<Option<_>>()
            .map(Self)
    }
}

impl Value for SubsetKeys {
    fn from_text(text: &str) -> Option<Self> {
        let keys = |set: &str| {
            let keys = set.split(',').map(|key| key.trim().to_owned());
            let keys: Vec<String> = keys.collect();
            keys.iter().all(|key| !key.is_empty()).then_some(keys)
        };
        match text.trim() {
            "none" => Some(Self(Vec::new())),
            sets => sets.split(';').map(keys).collect::<Option<_>>().map(Self),
        }
    }
}

/// A network, or an address that stands for itself.
fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| single()).ok()
}

impl Value for StoreUrl {
    /// Takes no query and no fragment, which an endpoint has no use for: where they seem to be, a password holds a
    /// character that is not percent-encoded.
    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let uri: Uri = text.parse().ok()?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        let is_url = known && !text.contains(['?', '#']) && has_place(&uri);
        is_url.then(|| Self(text.to_owned()))
    }

    fn shown(text: &str) -> String {
        masked(text.trim())
    }
}

/// Whether a URL names a host and, if anything more, a port.
fn has_place(uri: &Uri) -> bool {
    let Some(authority) = uri.authority() else {
        return false;
    };
    let (host, place) = (authority.host(), authority.as_str());
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let port = place.strip_prefix(host).and_then(|rest| match rest {
        "" => Some(true),
        rest => Some(rest.strip_prefix(':')?.parse::<u16>().is_ok()),
    });
    !host.is_empty() && port == Some(true)
}
