//! What readers see: lists, judged by the rules of liveness.

use std::collections::HashSet;
use std::sync::Arc;

use crate::history::EventKind;
use crate::host::{HostKey, Row};
use crate::lease::LeaseInstant;
use crate::list::Listing;
use crate::liveness::Liveness;
use crate::registry::Registry;
use crate::repository::{Reading, Stale, StoreError};
use crate::values::{ServiceName, ServiceRepoName};

/// What a reader gets.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The listed hosts; the same `Arc` as long as nothing changes.
    pub listing: Arc<Listing>,
    /// Set when the store could not be asked and this is what it said before.
    pub stale: Option<Stale>,
}

impl Answer {
    /// Whether the listing is true at that moment, or can't be made truer.
    fn stands_at(&self, now: LeaseInstant) -> bool {
        self.listing.holds_at(now) || self.stale.is_some()
    }
}

impl Registry {
    /// Lists the hosts of a service. A list is judged as it was read; when a host on it would be expired by now, the
    /// store is asked again first, and only if it can't answer does the old judgement stand (liveness rule 5).
    pub async fn hosts_of(&self, service: &ServiceName) -> Result<Answer, StoreError> {
        let any_time = LeaseInstant::DISTANT_PAST;
        let reading = match self.repository.hosts_at_hand(service, any_time) {
            Some(at_hand) => at_hand,
            None => self.repository.hosts_of(service, any_time).await?,
        };
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

    /// The same where the list is at hand, current and as judged before, so that nothing has to be waited for; `None`
    /// says nothing of the service.
    pub fn hosts_at_hand(&self, service: &ServiceName) -> Option<Answer> {
        let any_time = LeaseInstant::DISTANT_PAST;
        let reading = self.repository.hosts_at_hand(service, any_time)?;
        let now = self.lease.instant();
        let answer = self.judge_service(service, &reading, now);
        answer.listing.holds_at(now).then_some(answer)
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
                self.remember_expiry(before.as_deref(), news);
                let removals = news.expired.iter().map(|row| self.ripens(row));
                let latest = removals.min().unwrap_or(now + self.liveness.host_ttl);
                self.watch.judged(service, news, latest);
            });
        Answer {
            listing,
            stale: reading.stale.clone(),
        }
    }

    /// Remembers which hosts have expired, and whether the guard holds them up, and which have come back.
    fn remember_expiry(&self, before: Option<&Listing>, news: &Listing) {
        let was = |is: fn(&Listing, &HostKey) -> bool, key: &HostKey| {
            before.is_some_and(|before| is(before, key))
        };
        for host in &news.spared {
            if !was(Listing::spares, &host.key) {
                self.remember(&host.key, EventKind::Guarded, None);
            }
        }
        let host_ttl = self.liveness.host_ttl;
        for row in news.lately_unlisted(host_ttl) {
            if !was(Listing::unlists, &row.host.key) {
                let silent = news.judged_at.since(row.renewed);
                self.remember(&row.host.key, EventKind::Unlisted(silent), None);
            }
        }
        let Some(before) = before else {
            return;
        };
        let unlisted = before.lately_unlisted(host_ttl).map(|row| &row.host.key);
        let silent = before.spared.iter().map(|host| &host.key).chain(unlisted);
        for key in silent.filter(|key| news.lists_as_live(key)) {
            self.remember(key, EventKind::Returned, None);
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

    /// Adds the expired hosts of a repo that the guard keeps on the lists of their services. A service that can't be
    /// read is judged by those of its hosts that are of the repo, which mostly are all.
    async fn with_spared(&self, listing: &Listing) -> Result<Arc<Listing>, StoreError> {
        let services: HashSet<&ServiceName> = listing
            .expired
            .iter()
            .map(|row| row.host.key.service())
            .collect();
        let mut spared = Vec::new();
        for service in services {
            let guarded = match self.hosts_of(service).await {
                Ok(answer) => answer.listing,
                Err(error) if error.is_passing() => Arc::new(self.judge_part(service, listing)),
                Err(broken) => return Err(broken),
            };
            let is_spared =
                |row: &&Row| row.host.key.service() == service && guarded.lists(&row.host.key);
            spared.extend(listing.expired.iter().filter(is_spared).cloned());
        }
        Ok(Arc::new(listing.sparing(spared)))
    }

    /// Judges a service by those of its rows that a judgement of a repo, without the guard, has found.
    fn judge_part(&self, service: &ServiceName, of: &Listing) -> Listing {
        let rows = of.listed.iter().chain(&of.expired);
        let rows = rows.filter(|row| row.host.key.service() == service);
        let rows: Vec<Row> = rows.cloned().collect();
        self.liveness.judge(&rows.into(), of.judged_at)
    }
}
