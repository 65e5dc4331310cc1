//! Hosts as items of the table, to the letter of what lyft/discovery writes and as tolerant as it reads.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Host, HostAddress, HostKey, Port, Revision, ServiceName, ServiceRepoName, Tags,
};

use crate::date;

/// What the table keeps under one key.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) const SERVICE: &str = "service";
pub(crate) const IP_ADDRESS: &str = "ip_address";
pub(crate) const SERVICE_REPO_NAME: &str = "service_repo_name";
pub(crate) const PORT: &str = "port";
pub(crate) const REVISION: &str = "revision";
pub(crate) const LAST_CHECK_IN: &str = "last_check_in";
pub(crate) const TAGS: &str = "tags";

/// Everything of a host but its key.
pub(crate) const FIELDS: [&str; 5] = [SERVICE_REPO_NAME, PORT, REVISION, LAST_CHECK_IN, TAGS];

/// A host that was read.
pub(crate) struct StoredHost {
    pub(crate) host: Arc<Host>,
    /// The stored text of its check-in, where ours would be another.
    pub(crate) check_in_text: Option<Box<str>>,
}

/// Why an item is no host that a list could show (liveness rule 8).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(String);

/// The key of a host's item.
pub(crate) fn key_of(key: &HostKey) -> Item {
    Item::from([
        (SERVICE.into(), text(key.service().as_str())),
        (IP_ADDRESS.into(), text(key.address().to_string())),
    ])
}

/// A host's whole item.
pub(crate) fn item_of(host: &Host) -> Item {
    let mut item = key_of(&host.key);
    for (name, value) in fields_of(host) {
        item.extend(value.map(|value| (name.into(), value)));
    }
    item
}

/// Every attribute of a host but its key; `None` for one that is absent.
pub(crate) fn fields_of(host: &Host) -> [(&'static str, Option<AttributeValue>); 5] {
    let repo = &host.service_repo_name;
    [
        (
            SERVICE_REPO_NAME,
            (!repo.is_empty()).then(|| text(repo.as_str())),
        ),
        (PORT, Some(AttributeValue::N(host.port.to_string()))),
        (REVISION, Some(text(host.revision.as_str()))),
        (LAST_CHECK_IN, Some(text(date::written(host.last_check_in)))),
        (TAGS, Some(text(host.tags.as_str()))),
    ]
}

/// What a row that is no host has of a host's shape, so that the original, too, passes over it.
pub(crate) fn shaped_like_a_host(
    now: DateTime<Utc>,
    what: &str,
) -> [(&'static str, AttributeValue); 4] {
    [
        (LAST_CHECK_IN, text(date::written(now))),
        (PORT, AttributeValue::N("1".into())),
        (REVISION, text(what)),
        (TAGS, text("{}")),
    ]
}

pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// Reads an item. What equals a known host's shares its memory, and is not parsed again.
pub(crate) fn read(
    item: &Item,
    known: impl FnOnce(&HostKey) -> Option<Arc<Host>>,
) -> Result<StoredHost, Unreadable> {
    let key = HostKey::new(service(item)?, address(item)?);
    let known = known(&key);
    let written = attribute(item, LAST_CHECK_IN)?;
    let as_we_write = date::parse_written(written);
    let last_check_in = as_we_write
        .or_else(|| date::parse(written))
        .ok_or_else(|| Unreadable(format!("last_check_in {written:.64?} is no time")))?;
    let host = Host {
        key: known.as_ref().map_or(key, |known| known.key.clone()),
        service_repo_name: service_repo_name(item, known.as_deref()),
        port: port(item)?,
        revision: revision(item, known.as_deref())?,
        last_check_in,
        tags: tags(item, known.as_deref())?,
    };
    Ok(StoredHost {
        check_in_text: (as_we_write.is_none() && written != date::written(last_check_in))
            .then(|| written.into()),
        host: known
            .filter(|known| **known == host)
            .unwrap_or_else(|| Arc::new(host)),
    })
}

/// An attribute that must be text.
pub(crate) fn attribute<'a>(item: &'a Item, name: &str) -> Result<&'a str, Unreadable> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        Some(_) => Err(Unreadable(format!("{name} is not text"))),
        None => Err(Unreadable(format!("{name} is missing"))),
    }
}

/// The key of the host that an item seems to be about, also where that is not spelt as it should be.
pub(crate) fn likely_key(item: &Item) -> Option<HostKey> {
    let address = HostAddress::parse(attribute(item, IP_ADDRESS).ok()?);
    Some(HostKey::new(service(item).ok()?, address.ok()?))
}

fn service(item: &Item) -> Result<ServiceName, Unreadable> {
    ServiceName::parse(attribute(item, SERVICE)?).map_err(|e| Unreadable(e.to_string()))
}

/// The address, if it is spelt as a request would spell it: a row under another spelling could never be changed.
fn address(item: &Item) -> Result<HostAddress, Unreadable> {
    let text = attribute(item, IP_ADDRESS)?;
    let address = HostAddress::parse(text).map_err(|e| Unreadable(format!("ip_address {e}")))?;
    if address.to_string() == text {
        Ok(address)
    } else {
        Err(Unreadable(format!(
            "ip_address must be spelt {address}, got {text:?}"
        )))
    }
}

fn port(item: &Item) -> Result<Port, Unreadable> {
    match item.get(PORT) {
        Some(AttributeValue::N(number)) => {
            Port::parse(number).map_err(|e| Unreadable(format!("port {e}")))
        }
        Some(_) => Err(Unreadable("port is not a number".into())),
        None => Err(Unreadable("port is missing".into())),
    }
}

/// The revision, cut to what one may have here: the original took any length.
fn revision(item: &Item, known: Option<&Host>) -> Result<Revision, Unreadable> {
    let text = attribute(item, REVISION)?;
    if let Some(known) = known.filter(|known| known.revision.as_str() == text) {
        return Ok(known.revision.clone());
    }
    let cut = text.floor_char_boundary(Revision::MAX_BYTES);
    Revision::parse(&text[..cut]).map_err(|e| Unreadable(format!("revision {e}")))
}

/// The repo; none where it is absent, or named as none may be here.
fn service_repo_name(item: &Item, known: Option<&Host>) -> ServiceRepoName {
    let text = attribute(item, SERVICE_REPO_NAME).unwrap_or_default();
    match known {
        Some(known) if known.service_repo_name.as_str() == text => known.service_repo_name.clone(),
        _ => ServiceRepoName::parse(text)
            .or_else(|_| ServiceRepoName::parse(""))
            .expect("the empty name means none"),
    }
}

fn tags(item: &Item, known: Option<&Host>) -> Result<Tags, Unreadable> {
    let text = attribute(item, TAGS)?;
    match known {
        Some(known) if known.tags.as_str() == text => Ok(known.tags.clone()),
        _ => Tags::from_stored(text).ok_or_else(|| Unreadable("tags are no JSON object".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept_text(last_check_in: &str) -> Option<Box<str>> {
        let mut item = Item::from([(PORT.into(), AttributeValue::N("80".into()))]);
        item.extend(
            [
                (SERVICE, "web"),
                (IP_ADDRESS, "10.0.0.1"),
                (REVISION, "a"),
                (LAST_CHECK_IN, last_check_in),
                (TAGS, "{}"),
            ]
            .map(|(name, value)| (name.into(), text(value))),
        );
        read(&item, |_| None).expect("a host").check_in_text
    }

    #[test]
    fn the_text_of_a_check_in_is_kept_only_where_ours_would_be_another() {
        for ours in [
            "2026-11-22T13:00:11.177285+0000",
            "+10000-01-01T00:00:00.000000+0000",
            "2016-12-31T23:59:60.000000+0000",
        ] {
            assert_eq!(kept_text(ours), None);
        }
        let other = "2026-11-22T13:00:11Z";
        assert_eq!(kept_text(other).as_deref(), Some(other));
    }
}
