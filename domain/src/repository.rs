//! The port that every store is reached through.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::check_in::CheckIn;
use crate::host::{HostKey, Row};
use crate::lease::LeaseInstant;
use crate::list::HostList;
use crate::values::{InvalidValue, LoadBalancingWeight, ServiceName, ServiceRepoName};

/// Keeps hosts. Every method is one atomic step: it takes effect at one moment between call and answer and writes back
/// nothing that was read earlier (liveness rule 9).
#[async_trait]
pub trait HostRepository: Send + Sync {
    /// Stores what the check-in makes of the row that is there ([`CheckIn::onto`]).
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError>;

    /// Lists all rows of a service, expired ones too, as they were at `not_before` or later.
    async fn hosts_of(
        &self,
        service: &ServiceName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError>;

    /// The same where it takes no asking and no waiting, which spares readers what guards and measures the asking;
    /// `None` says nothing of the service.
    fn hosts_at_hand(&self, service: &ServiceName, not_before: LeaseInstant) -> Option<Reading>;

    /// Lists all rows of a service repo, expired ones too, as they were at `not_before` or later.
    async fn hosts_of_repo(
        &self,
        repo: &ServiceRepoName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError>;

    /// Reads one row.
    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError>;

    /// Sets the weight of a host and nothing else; `None` when there is no such host.
    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError>;

    /// Sets the weight of every host that the service has, each in one atomic step, and returns those that changed.
    /// After an error some may have changed; the call is safe to repeat.
    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError>;

    /// Removes a row whatever is in it; `None` when there is none.
    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError>;

    /// Removes the row only while its stored check-in is still the one that was seen; tells whether it did.
    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError>;

    /// Gives a row a later check-in, and changes nothing else, only while its stored check-in is still the one that was
    /// seen; tells whether it did. What stores heartbeats that were held back (liveness rule 15): it creates nothing.
    async fn renew(&self, seen: &Row, to: &Row) -> Result<bool, StoreError>;

    /// Names every service that has a row.
    async fn services(&self) -> Result<Vec<ServiceName>, StoreError>;

    /// Proves that the store can record, by recording `now`; returns the latest such moment that it remembers from
    /// before (liveness rules 3 and 4).
    async fn prove(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError>;
}

/// A row that was written, and what it replaced.
#[derive(Debug, Clone)]
pub struct Change {
    /// What is stored now.
    pub row: Row,
    /// What was stored before, as far as it could be read.
    pub previous: Option<Row>,
    /// Whether the store has recorded it; a heartbeat that is held back is recorded later (liveness rule 15).
    pub recorded: bool,
}

/// A row that was removed.
#[derive(Debug, Clone)]
pub struct Removed {
    /// What was in it, as far as it could be read.
    pub row: Option<Row>,
}

/// A list as a store answered it.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The rows; the same `Arc` as before where nothing has changed.
    pub list: Arc<HostList>,
    /// The lease time at which they were so; [`LeaseInstant::DISTANT_FUTURE`] for a list that is always current.
    pub as_of: LeaseInstant,
    /// Set when the store could not be asked and this is what it said before.
    pub stale: Option<Stale>,
}

/// That a list could not be read anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Wall time of the reading that is served instead.
    pub read_at: DateTime<Utc>,
}

/// Why a store could not do what was asked. Shared by all who waited for the same answer, hence `Clone`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It did not answer, or refused for now: worth trying again.
    #[error("the store is unavailable: {what}")]
    Unavailable {
        /// What was tried and what came back.
        what: String,
        /// The cause, where there is one.
        #[source]
        source: Option<Cause>,
    },
    /// It was not asked, for it has more to do than it can: nothing was done, and it is worth trying again.
    #[error("the store has too much to do: {what}")]
    Busy {
        /// What there is too much of.
        what: String,
    },
    /// It answered with what can't be: trying again won't help.
    #[error("the store is broken: {what}")]
    Broken {
        /// What was tried and what came back.
        what: String,
        /// The cause, where there is one.
        #[source]
        source: Option<Cause>,
    },
}

/// What a store, or the way to it, said.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

impl StoreError {
    /// An unavailable store, with the cause.
    pub fn unavailable(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable {
            what: what.into(),
            source: Some(Arc::from(source.into())),
        }
    }

    /// Whether it is worth trying again.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Busy { .. } => true,
            Self::Broken { .. } => false,
        }
    }

    /// A broken store, with the cause.
    pub fn broken(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Broken {
            what: what.into(),
            source: Some(Arc::from(source.into())),
        }
    }
}

/// Why a check-in was not stored.
#[derive(Debug, thiserror::Error)]
pub enum CheckInError {
    /// The tags would outgrow their limits together with the stored ones.
    #[error("tags {0}")]
    Tags(InvalidValue),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CheckInError {
    /// Whether the check-in may be stored all the same.
    pub fn may_be_done(&self) -> bool {
        !matches!(self, Self::Tags(_) | Self::Store(StoreError::Busy { .. }))
    }
}
