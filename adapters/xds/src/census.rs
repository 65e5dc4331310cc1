//! Finds out which services there are: all of them now and then, new ones at once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use discovery_domain::{Registry, ServiceName};
use futures_util::stream::{self, StreamExt};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::catalogue::Catalogue;
use crate::feed::{Feed, GATHERING, READERS};
use crate::metrics::XdsMetrics;
use crate::resources::Resources;

/// Keeps the catalogue and has clusters made of it.
pub(crate) struct Census {
    registry: Arc<Registry>,
    resources: Arc<Resources>,
    feed: Arc<Feed>,
    catalogue: Mutex<Catalogue>,
    /// Services that have changed and are not in the catalogue, or missing from the store as far as it knows.
    strangers: Mutex<BTreeSet<ServiceName>>,
    stranger_came: Notify,
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
            missed: Notify::new(),
            pace,
            metrics,
        }
    }

    /// Takes in that a service has changed: it may be a new one.
    pub(crate) fn changed(&self, service: &ServiceName) {
        if !self.catalogue().finds(service) {
            self.strangers().insert(service.clone());
            self.stranger_came.notify_one();
        }
    }

    /// Takes in that any service may have changed.
    pub(crate) fn missed_changes(&self) {
        self.missed.notify_one();
    }

    /// Keeps the catalogue for ever.
    pub(crate) async fn keep(&self) {
        tokio::join!(self.keep_scanning(), self.keep_meeting());
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

    /// Has the store name all services; tells whether it did.
    async fn scan(&self, failing: &mut bool) -> bool {
        let services = match self.registry.watch_all().await {
            Ok(services) => services,
            Err(error) => {
                if !std::mem::replace(failing, true) {
                    let error = &error as &dyn std::error::Error;
                    warn!(error, "services can't be looked for, those known stay");
                }
                return false;
            }
        };
        *failing = false;
        let now = self.registry.lease().instant();
        let mut catalogue = self.catalogue();
        if catalogue.scanned(&services, now, self.pace.retention) {
            self.publish(&catalogue);
        }
        self.feed.forget_all_but(|service| catalogue.has(service));
        true
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

    /// Adds those strangers that have hosts; tells whether all could be read. The others stay strangers.
    async fn meet_strangers(&self) -> bool {
        let strangers = std::mem::take(&mut *self.strangers());
        let read = |service: ServiceName| async move {
            let answer = self.registry.hosts_of(&service).await;
            (
                service,
                answer.map(|answer| !answer.listing.listed.is_empty()),
            )
        };
        let read = stream::iter(strangers).map(read).buffer_unordered(READERS);
        let answers: Vec<_> = read.collect().await;
        let mut catalogue = self.catalogue();
        let (mut changed, mut all_read) = (false, true);
        for (service, has_hosts) in answers {
            match has_hosts {
                Ok(true) => changed |= catalogue.meets(&service),
                Ok(false) => {}
                Err(_) => {
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
