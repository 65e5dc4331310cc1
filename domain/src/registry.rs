//! The use cases: what hosts, readers and operators can do.

use std::collections::HashSet;
use std::sync::Arc;

use crate::check_in::CheckIn;
use crate::guard::Guarded;
use crate::history::{Event, Happening, History};
use crate::host::HostKey;
use crate::lease::{LeaseClock, LeaseInstant};
use crate::list::Listing;
use crate::liveness::Liveness;
use crate::repository::{
    Change, CheckInError, HostRepository, Reading, Removed, Stale, StoreError,
};
use crate::sweep::Backlogs;
use crate::tags::Tags;
use crate::values::{LoadBalancingWeight, Port, Revision, ServiceName, ServiceRepoName};
use crate::watch::{Known, Watch};

/// The registry of live hosts.
pub struct Registry {
    pub(crate) repository: Arc<dyn HostRepository>,
    pub(crate) lease: Arc<LeaseClock>,
    pub(crate) liveness: Liveness,
    guarded: Guarded,
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

/// What a reader gets.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The listed hosts; the same `Arc` as long as nothing changes.
    pub listing: Arc<Listing>,
    /// Set when the store could not be asked and this is what it said before.
    pub stale: Option<Stale>,
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

impl Answer {
    /// Whether the listing is true at that moment, or can't be made truer.
    fn stands_at(&self, now: LeaseInstant) -> bool {
        self.listing.holds_at(now) || self.stale.is_some()
    }
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
        self.lease.prove();
        if change.previous.is_none() {
            self.watch
                .host_came(change.row.host.key.service(), change.row.renewed + host_ttl);
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

    /// Lists the hosts of a service. A list is judged as it was read; when a host on it would be expired by now, the
    /// store is asked again first, and only if it can't answer does the old judgement stand (liveness rule 5).
    pub async fn hosts_of(&self, service: &ServiceName) -> Result<Answer, StoreError> {
        let reading = self
            .repository
            .hosts_of(service, LeaseInstant::DISTANT_PAST)
            .await?;
        let now = self.lease.instant();
        let answer = self.judge_service(service, &reading, now);
        if answer.stands_at(now) {
            return Ok(answer);
        }
        match self.repository.hosts_of(service, now).await {
            Ok(fresh) => Ok(self.judge_service(service, &fresh, now)),
            Err(error) if error.is_passing() => Ok(answer),
            Err(broken) => Err(broken),
        }
    }

    /// Lists the hosts of a service as the store has them at `not_before` or later, for whoever has heard of a change
    /// that another node made.
    pub async fn hosts_of_since(
        &self,
        service: &ServiceName,
        not_before: LeaseInstant,
    ) -> Result<Answer, StoreError> {
        let reading = self.repository.hosts_of(service, not_before).await?;
        Ok(self.judge_service(service, &reading, self.lease.instant()))
    }

    /// Lists the hosts of a service repo, by the same rules as each host's own service.
    pub async fn hosts_of_repo(&self, repo: &ServiceRepoName) -> Result<Answer, StoreError> {
        let reading = self
            .repository
            .hosts_of_repo(repo, LeaseInstant::DISTANT_PAST)
            .await?;
        let now = self.lease.instant();
        let mut answer = self.judge_repo(&reading, now);
        if !answer.stands_at(now) {
            match self.repository.hosts_of_repo(repo, now).await {
                Ok(fresh) => answer = self.judge_repo(&fresh, now),
                Err(error) if error.is_passing() => {}
                Err(broken) => return Err(broken),
            }
        }
        if !answer.listing.expired.is_empty() && self.liveness.guard_minimum_live > 0.0 {
            answer.listing = self.with_spared(&answer.listing).await?;
        }
        Ok(answer)
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
    pub fn remember(&self, key: &HostKey, what: Happening, request_id: Option<Arc<str>>) {
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
    /// of one that it lists merges its tags (liveness rule 10).
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

    pub(crate) fn judge_service(
        &self,
        service: &ServiceName,
        reading: &Reading,
        now: LeaseInstant,
    ) -> Answer {
        let listing = reading
            .list
            .listing(&self.liveness, reading.as_of.min(now), |news| {
                let before = self.guarded.note(service, news);
                self.remember_guard(before.as_deref(), news);
                let latest = if news.expired.is_empty() {
                    now + self.liveness.host_ttl
                } else {
                    LeaseInstant::DISTANT_PAST
                };
                self.watch.judged(service, news, latest);
            });
        Answer {
            listing,
            stale: reading.stale.clone(),
        }
    }

    /// Remembers which hosts the guard has begun to hold up or to leave out, and which have come back.
    fn remember_guard(&self, before: Option<&Listing>, news: &Listing) {
        let was = |is: fn(&Listing, &HostKey) -> bool, key: &HostKey| {
            before.is_some_and(|before| is(before, key))
        };
        for host in &news.spared {
            if !was(Listing::spares, &host.key) {
                self.remember(&host.key, Happening::Guarded, None);
            }
        }
        for row in &news.unlisted {
            if !was(Listing::unlists, &row.host.key) {
                let silent = news.judged_at.since(row.renewed);
                self.remember(&row.host.key, Happening::Unlisted(silent), None);
            }
        }
        let held = before.into_iter().flat_map(Listing::held);
        for key in held.filter(|key| news.lists_as_live(key)) {
            self.remember(key, Happening::Returned, None);
        }
    }

    /// Judges each host of a repo by its TTL alone, because the guard counts whole services.
    fn judge_repo(&self, reading: &Reading, now: LeaseInstant) -> Answer {
        let listing = reading
            .list
            .listing(&self.unguarded(), reading.as_of.min(now), |_| ());
        Answer {
            listing,
            stale: reading.stale.clone(),
        }
    }

    /// The rules without the guard.
    pub(crate) fn unguarded(&self) -> Liveness {
        Liveness {
            guard_minimum_live: 0.0,
            ..self.liveness.clone()
        }
    }

    /// Adds the expired hosts of a repo that the guard keeps on the lists of their services.
    async fn with_spared(&self, listing: &Listing) -> Result<Arc<Listing>, StoreError> {
        let services: HashSet<&ServiceName> = listing
            .expired
            .iter()
            .map(|row| row.host.key.service())
            .collect();
        let mut spared = Vec::new();
        for service in services {
            let guarded = self.hosts_of(service).await?.listing;
            let expired = listing.expired.iter().map(|row| &row.host);
            spared.extend(
                expired
                    .filter(|host| host.key.service() == service && guarded.lists(&host.key))
                    .cloned(),
            );
        }
        Ok(Arc::new(listing.sparing(spared)))
    }
}
