//! Services whose last host goes: they stay in the catalogue for a while, also for whoever starts meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use discovery_domain::{Moment, ServiceName, StoreError};
use futures_util::stream::{self, StreamExt};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::warn;

use super::Census;
use crate::feed::{GATHERING, READERS};
use crate::gone::{GoneService, GoneServices};

/// Where services without hosts are remembered, and which services may have become such.
pub(super) struct Departures {
    store: Arc<dyn GoneServices>,
    suspects: Mutex<BTreeSet<ServiceName>>,
    suspected: Notify,
}

impl Departures {
    pub(super) fn new(store: Arc<dyn GoneServices>) -> Self {
        Self {
            store,
            suspects: Mutex::default(),
            suspected: Notify::new(),
        }
    }

    /// Takes in that a service may have lost its last host.
    pub(super) fn suspect(&self, service: &ServiceName) {
        self.suspects().insert(service.clone());
        self.suspected.notify_one();
    }

    async fn remember(&self, gone: &GoneService) {
        warn_of(self.store.remember(gone).await);
    }

    async fn forget(&self, gone: &GoneService) {
        warn_of(self.store.forget(gone).await);
    }

    fn suspects(&self) -> MutexGuard<'_, BTreeSet<ServiceName>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Census {
    /// The pause after services were looked at that may have lost their last host: one that changes all the time is
    /// not read all the time.
    const PAUSE: Duration = Duration::from_secs(1);

    /// The services without hosts that this node's last process, or another node, has remembered.
    pub(super) async fn remembered(&self) -> Result<Vec<GoneService>, StoreError> {
        match &self.departures {
            None => Ok(Vec::new()),
            Some(departures) => departures.store.all().await,
        }
    }

    /// Has remembered what a scan has found: services without hosts that nobody remembers yet, and no others. What
    /// fails is made up for after the next scan.
    pub(super) async fn settle(&self, remembered: &[GoneService]) {
        let Some(departures) = &self.departures else {
            return;
        };
        let mut missing = self.missing();
        for gone in remembered {
            if missing.remove(&gone.0).is_none() {
                departures.forget(gone).await;
            }
        }
        for gone in missing {
            departures.remember(&gone).await;
        }
    }

    /// Remembers services without hosts as they come about.
    pub(super) async fn keep_parting(&self) {
        let Some(departures) = &self.departures else {
            return;
        };
        loop {
            departures.suspected.notified().await;
            sleep(GATHERING).await;
            let suspects = std::mem::take(&mut *departures.suspects());
            let looked_at =
                stream::iter(suspects).map(|service| self.part_from(service, departures));
            looked_at.buffer_unordered(READERS).collect::<()>().await;
            sleep(Self::PAUSE).await;
        }
    }

    /// Remembers a service if it has no hosts any more. Where that can't be read, the next scan tells.
    async fn part_from(&self, service: ServiceName, departures: &Departures) {
        let Ok(answer) = self.registry.hosts_of(&service).await else {
            return;
        };
        if answer.stale.is_some() || !answer.listing.listed.is_empty() {
            return;
        }
        let now = self.registry.lease().now();
        if self.catalogue().misses(&service, now.lease) {
            departures.remember(&(service, now.wall)).await;
        }
    }

    /// The services of the catalogue that have no hosts.
    fn missing(&self) -> BTreeMap<ServiceName, DateTime<Utc>> {
        let Moment { wall, lease } = self.registry.lease().now();
        let catalogue = self.catalogue();
        let missing = catalogue.missing().map(|(service, since)| {
            let age = TimeDelta::from_std(lease.since(since)).unwrap_or_default();
            (service.clone(), wall - age)
        });
        missing.collect()
    }
}

fn warn_of(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        let error = &error as &dyn std::error::Error;
        warn!(error, "services without hosts can't be remembered");
    }
}
