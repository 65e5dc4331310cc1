//! The services without hosts that a restart must not forget, for their clusters would be taken away.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{ServiceName, StoreError};

/// Where services without hosts are remembered, for this node's next start and for whoever shares its store.
#[async_trait]
pub trait GoneServices: Send + Sync {
    /// Every service that is remembered.
    async fn all(&self) -> Result<Vec<GoneService>, StoreError>;

    /// Remembers a service, in the place of what was remembered of it before.
    async fn remember(&self, gone: &GoneService) -> Result<(), StoreError>;

    /// Forgets a service as it was remembered; one that was remembered anew meanwhile stays.
    async fn forget(&self, gone: &GoneService) -> Result<(), StoreError>;
}

/// A service, and the wall time since which it has no hosts.
pub type GoneService = (ServiceName, DateTime<Utc>);
