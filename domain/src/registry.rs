//! The use cases: what hosts, readers and operators can do.

use std::sync::Arc;

use crate::check_in::CheckIn;
use crate::guard::Guarded;
use crate::history::{Event, EventKind, History};
use crate::host::HostKey;
use crate::lease::LeaseClock;
use crate::liveness::Liveness;
use crate::repository::{Change, CheckInError, HostRepository, Removed, StoreError};
use crate::sweep::Backlogs;
use crate::tags::Tags;
use crate::values::{LoadBalancingWeight, Port, Revision, ServiceName, ServiceRepoName};
use crate::watch::{Known, Watch};

/// The registry of live hosts.
pub struct Registry {
    pub(crate) repository: Arc<dyn HostRepository>,
    pub(crate) lease: Arc<LeaseClock>,
    pub(crate) liveness: Liveness,
    pub(crate) guarded: Guarded,
    pub(crate) watch: Watch,
    pub(crate) backlogs: Backlogs,
    history: Arc<History>,
}

/// A host's own account of itself.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Which host it is.
    pub key: HostKey,
    /// The repository its service is built from.
    pub service_repo_name: ServiceRepoName,
    /// Where it serves.
    pub port: Port,
    /// What it runs.
    pub revision: Revision,
    /// Everything else about it.
    pub tags: Tags,
}

/// Why a host could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// There is no such host.
    #[error("host not found")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Registry {
    /// A registry over a store, without a memory. `lease` is the clock by which the store, too, tells the age of what
    /// it reads.
    pub fn new(
        repository: Arc<dyn HostRepository>,
        lease: Arc<LeaseClock>,
        liveness: Liveness,
    ) -> Self {
        Self {
            repository,
            lease,
            liveness,
            guarded: Guarded::default(),
            watch: Watch::default(),
            backlogs: Backlogs::default(),
            history: Arc::new(History::new(0)),
        }
    }

    /// This registry, remembering there what happens to hosts.
    #[must_use]
    pub fn remembering(mut self, history: Arc<History>) -> Self {
        self.history = history;
        self
    }

    /// Registers a host or renews it, which are the same call. Once answered it is stored.
    pub async fn register(&self, registration: Registration) -> Result<Change, CheckInError> {
        let Registration {
            key,
            service_repo_name,
            port,
            revision,
            tags,
        } = registration;
        self.look_for_a_guard(key.service()).await;
        let spared = self.guarded.spares(&key);
        let (at, host_ttl) = (self.lease.now(), self.liveness.host_ttl);
        let check_in = CheckIn {
            key,
            service_repo_name,
            port,
            revision,
            tags,
            at,
            host_ttl,
            spared,
        };
        let change = self.repository.check_in(check_in).await;
        let change = change.inspect_err(|error| match error {
            CheckInError::Store(error) => self.doubt(error),
            CheckInError::Tags(_) => {}
        })?;
        if change.recorded {
            self.lease.prove();
        }
        if change.previous.is_none() {
            self.watch
                .host_came(change.row.host.key.service(), change.row.renewed + host_ttl);
        }
        if self.guarded.holds(change.row.host.key.service()) {
            // Enough hosts may be back: the sweep finds out, and does not read the service again for each of them.
            let soon = at.lease + LeaseClock::LONGEST_GAP;
            self.watch.look_by(change.row.host.key.service(), soon);
        }
        Ok(change)
    }

    /// Removes a host, whatever its age.
    pub async fn deregister(&self, key: &HostKey) -> Result<Removed, HostError> {
        let removed = self.repository.delete(key).await;
        let removed = removed.inspect_err(|error| self.doubt(error))?;
        let removed = removed.ok_or(HostError::NotFound)?;
        self.lease.prove();
        self.watch.host_left(key.service());
        Ok(removed)
    }

    /// Sets how much of the traffic a host gets.
    pub async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Change, HostError> {
        let change = self.repository.set_weight(key, weight).await;
        let change = change.inspect_err(|error| self.doubt(error))?;
        let change = change.ok_or(HostError::NotFound)?;
        self.lease.prove();
        Ok(change)
    }

    /// Sets the weight of every host of a service; one without hosts is no error.
    pub async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        let changes = self
            .repository
            .set_weight_of_service(service, weight)
            .await
            .inspect_err(|error| self.doubt(error))?;
        if !changes.is_empty() {
            self.lease.prove();
        }
        Ok(changes)
    }

    /// How many services and hosts this node knows.
    pub fn known(&self) -> Known {
        self.watch.known()
    }

    /// The services whose lists the guard against mass expiry holds up, with how many hosts it keeps on each.
    pub fn guarded(&self) -> Vec<(ServiceName, usize)> {
        self.guarded.services()
    }

    /// What happened to hosts. Whatever this node does by itself is on it already; what a request does is put there by
    /// whoever answers it, for the registry does not know requests.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Remembers that something has just happened to a host, by a request or by itself.
    pub fn remember(&self, key: &HostKey, what: EventKind, request_id: Option<Arc<str>>) {
        self.history.record(Event {
            at: self.lease.now().wall,
            key: key.clone(),
            what,
            request_id,
        });
    }

    /// The clock by which this registry judges.
    pub fn lease(&self) -> &LeaseClock {
        &self.lease
    }

    /// Judges a service whose hosts may have expired unseen: the guard may have begun to hold them up, and a check-in
    /// of one that it lists merges its tags (liveness rule 10). One that was never judged is left to the sweep, so that
    /// no check-in waits for the first reading of a list from a store that hangs.
    async fn look_for_a_guard(&self, service: &ServiceName) {
        let is_on = self.liveness.guard_minimum_live > 0.0;
        if is_on && self.watch.may_have_expired(service, self.lease.instant()) {
            // Where the list can't be read, what is known of the guard has to do.
            let _ = self.hosts_of(service).await;
        }
    }

    /// Takes in that the store could not record a change.
    fn doubt(&self, error: &StoreError) {
        if matches!(error, StoreError::Unavailable { .. }) {
            self.lease.doubt();
        }
    }
}
