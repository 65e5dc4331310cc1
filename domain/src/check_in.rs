//! What a check-in makes of the row it finds.

use std::sync::Arc;
use std::time::Duration;

use crate::host::{Host, HostKey, Row};
use crate::lease::Moment;
use crate::tags::Tags;
use crate::values::{InvalidValue, Port, Revision, ServiceRepoName};

/// A registration or a heartbeat, which are the same call.
#[derive(Debug, Clone)]
pub struct CheckIn {
    /// The host that checks in.
    pub key: HostKey,
    /// Replaces the stored one, also when empty.
    pub service_repo_name: ServiceRepoName,
    /// Replaces the stored one.
    pub port: Port,
    /// Replaces the stored one.
    pub revision: Revision,
    /// Laid over the stored ones.
    pub tags: Tags,
    /// When it arrived.
    pub at: Moment,
    /// How long a check-in keeps a host listed.
    pub host_ttl: Duration,
    /// Whether the guard against mass expiry keeps this host listed, however old its row is.
    pub spared: bool,
}

impl CheckIn {
    /// The row to store in place of `stored`. The tags merge with those of a listed row; on an expired one, which the
    /// sweep may take at any moment, they start anew (liveness rule 10).
    pub fn onto(&self, stored: Option<&Row>) -> Result<Row, InvalidValue> {
        let listed = stored.filter(|row| self.renews(row));
        let host = Host {
            key: self.key.clone(),
            service_repo_name: self.service_repo_name.clone(),
            port: self.port,
            revision: self.revision.clone(),
            last_check_in: self.at.wall,
            tags: listed.map_or(Ok(self.tags.clone()), |row| {
                row.host.tags.merged(&self.tags)
            })?,
        };
        let host = Arc::new(host.sharing(stored));
        Ok(Row::checked_in(host, self.at.lease))
    }

    /// Whether that row is still listed, so that the tags merge with its.
    pub fn renews(&self, row: &Row) -> bool {
        self.spared || !is_expired(row, self.at, self.host_ttl)
    }
}

impl Host {
    /// This host, holding what equals the stored host's in the same memory.
    fn sharing(mut self, stored: Option<&Row>) -> Self {
        let Some(stored) = stored.map(|row| &row.host) else {
            return self;
        };
        self.key = stored.key.clone();
        if self.service_repo_name == stored.service_repo_name {
            self.service_repo_name = stored.service_repo_name.clone();
        }
        if self.revision == stored.revision {
            self.revision = stored.revision.clone();
        }
        self
    }
}

/// Whether a row is older than the TTL allows: strictly older, by lease time (liveness rule 1).
pub(crate) fn is_expired(row: &Row, at: Moment, host_ttl: Duration) -> bool {
    at.lease > row.renewed + host_ttl
}
