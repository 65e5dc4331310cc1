//! Finds out which services there are: all of them now and then, new ones at once.

mod departures;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use discovery_domain::{LeaseInstant, Registry, ServiceName, StoreError};
use futures_util::stream::{self, StreamExt};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::catalogue::Catalogue;
use crate::feed::{Feed, GATHERING, READERS};
use crate::gone::{GoneService, GoneServices};
use crate::metrics::XdsMetrics;
use crate::resources::Resources;
use crate::xds::Origin;
use departures::Departures;

/// Keeps the catalogue and has clusters made of it.
pub(crate) struct Census {
    registry: Arc<Registry>,
    resources: Arc<Resources>,
    feed: Arc<Feed>,
    catalogue: Mutex<Catalogue>,
    /// Services that have changed and are not in the catalogue, or missing from the store as far as it knows.
    strangers: Mutex<BTreeSet<ServiceName>>,
    stranger_came: Notify,
    /// None where nothing outlives the process.
    departures: Option<Departures>,
    missed: Notify,
    pace: Pace,
    metrics: XdsMetrics,
}

/// When services are looked for, and how long they are remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// After how long all services are named again.
    pub(crate) scan: Duration,
    /// How long a service without rows stays in the catalogue.
    pub(crate) retention: Duration,
}

impl Census {
    /// The pause after a scan that failed.
    const RETRY: Duration = Duration::from_secs(5);
    /// The shortest pause after one that did not: a scan of a large table costs something.
    const REST: Duration = Duration::from_mins(1);

    /// A census that has not begun.
    pub(crate) fn new(
        registry: Arc<Registry>,
        resources: Arc<Resources>,
        feed: Arc<Feed>,
        pace: Pace,
        metrics: XdsMetrics,
    ) -> Self {
        Self {
            registry,
            resources,
            feed,
            catalogue: Mutex::default(),
            strangers: Mutex::default(),
            stranger_came: Notify::new(),
            departures: None,
            missed: Notify::new(),
            pace,
            metrics,
        }
    }

    /// Has services without hosts remembered there.
    pub(crate) fn remember_in(&mut self, store: Arc<dyn GoneServices>) {
        self.departures = Some(Departures::new(store));
    }

    /// Takes in that a service has changed: it may be a new one, or its last host may have gone by way of this node.
    pub(crate) fn changed(&self, service: &ServiceName, origin: Origin) {
        if !self.catalogue().finds(service) {
            self.strangers().insert(service.clone());
            self.stranger_came.notify_one();
        } else if origin == Origin::Here
            && let Some(departures) = &self.departures
        {
            departures.suspect(service);
        }
    }

    /// Takes in that any service may have changed.
    pub(crate) fn missed_changes(&self) {
        self.missed.notify_one();
    }

    /// Keeps the catalogue for ever.
    pub(crate) async fn keep(&self) {
        tokio::join!(
            self.keep_scanning(),
            self.keep_meeting(),
            self.keep_parting()
        );
    }

    async fn keep_scanning(&self) {
        let mut failing = false;
        loop {
            if !self.scan(&mut failing).await {
                sleep(Self::RETRY).await;
                continue;
            }
            let rest = Self::REST.min(self.pace.scan);
            sleep(rest).await;
            tokio::select! {
                () = sleep(self.pace.scan.saturating_sub(rest)) => {}
                () = self.missed.notified() => {}
            }
        }
    }

    /// Has the store name all services; tells whether it did. Those that are remembered are asked for first, so that none
    /// of them is taken away because this node has just started.
    async fn scan(&self, failing: &mut bool) -> bool {
        let found = async {
            let remembered = self.remembered().await?;
            Ok::<_, StoreError>((remembered, self.registry.watch_all().await?))
        };
        let (remembered, services) = match found.await {
            Ok(found) => found,
            Err(error) => {
                if !std::mem::replace(failing, true) {
                    let error = &error as &dyn std::error::Error;
                    warn!(error, "services can't be looked for, those known stay");
                }
                return false;
            }
        };
        *failing = false;
        self.take_in(&remembered, &services);
        self.settle(&remembered).await;
        true
    }

    fn take_in(&self, remembered: &[GoneService], found: &[ServiceName]) {
        let now = self.registry.lease().now();
        let mut catalogue = self.catalogue();
        let mut changed = false;
        for (service, since) in remembered {
            let age = (now.wall - *since).to_std().unwrap_or_default();
            changed |= catalogue.recalls(service, now.lease - age);
        }
        changed |= catalogue.scanned(found, now.lease, self.pace.retention);
        if changed {
            self.publish(&catalogue);
        }
        self.feed.forget_all_but(|service| catalogue.has(service));
    }

    /// Adds new services as they come.
    async fn keep_meeting(&self) {
        loop {
            self.stranger_came.notified().await;
            sleep(GATHERING).await;
            while !self.meet_strangers().await {
                sleep(Self::RETRY).await;
            }
        }
    }

    /// Adds those strangers that have hosts by now; tells whether all could be read. The others stay strangers.
    async fn meet_strangers(&self) -> bool {
        let strangers = std::mem::take(&mut *self.strangers());
        let now = self.registry.lease().instant();
        let read = async |service| (self.has_hosts_since(now, &service).await, service);
        let read = stream::iter(strangers).map(read).buffer_unordered(READERS);
        let answers: Vec<_> = read.collect().await;
        let mut catalogue = self.catalogue();
        let (mut changed, mut all_read) = (false, true);
        for (has_hosts, service) in answers {
            match has_hosts {
                Some(true) => changed |= catalogue.meets(&service),
                Some(false) => {}
                None => {
                    all_read = false;
                    self.strangers().insert(service);
                }
            }
        }
        if changed {
            self.publish(&catalogue);
        }
        all_read
    }

    /// Whether a service has hosts, as the store has it at a moment or later; None where it can't be asked. What was
    /// read before says nothing of one that another node has just announced.
    async fn has_hosts_since(&self, moment: LeaseInstant, service: &ServiceName) -> Option<bool> {
        let answer = self.registry.hosts_of_since(service, moment).await.ok()?;
        let is_fresh = answer.stale.is_none();
        is_fresh.then(|| !answer.listing.listed.is_empty())
    }

    fn publish(&self, catalogue: &Catalogue) {
        let Some(services) = catalogue.services() else {
            return;
        };
        debug!(services = services.len(), "the catalogue changed");
        self.metrics
            .clusters
            .set(i64::try_from(services.len()).unwrap_or(i64::MAX));
        self.resources.publish_catalogue(services);
    }

    fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        self.catalogue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn strangers(&self) -> MutexGuard<'_, BTreeSet<ServiceName>> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
