//! Reads the endpoints that are to be told: each service that somebody subscribes to once, however many do.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Answer, LeaseInstant, Registry, ServiceName, StoreError};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tracing::debug;

use crate::metrics::XdsMetrics;
use crate::resource::Resource;
use crate::resources::{Full, Interest, Mailbox, Resources};
use crate::snapshots::Snapshots;
use crate::xds::Origin;

/// Keeps the endpoints of subscribed services current.
pub(crate) struct Feed {
    registry: Arc<Registry>,
    resources: Arc<Resources>,
    snapshots: Snapshots,
    /// Bounds how many services are read at a time.
    readers: Semaphore,
    /// After how long a service is read again without news of it.
    reread: Duration,
    metrics: XdsMetrics,
}

/// How long news is gathered before it is acted on, so that a burst makes one change.
pub(crate) const GATHERING: Duration = Duration::from_millis(2);
/// How many services are read at a time.
pub(crate) const READERS: usize = 32;

impl Feed {
    /// The pause after a reading that failed or was stale.
    const RETRY: Duration = Duration::from_secs(1);
    /// What is waited beyond the moment at which a list ceases to hold.
    const SETTLING: Duration = Duration::from_millis(20);

    /// A feed that reads nothing until it is asked to.
    pub(crate) fn new(
        registry: Arc<Registry>,
        resources: Arc<Resources>,
        reread: Duration,
        metrics: XdsMetrics,
    ) -> Self {
        Self {
            registry,
            resources,
            snapshots: Snapshots::default(),
            readers: Semaphore::new(READERS),
            reread,
            metrics,
        }
    }

    /// Where it puts what it reads.
    pub(crate) fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The present moment.
    pub(crate) fn now(&self) -> LeaseInstant {
        self.registry.lease().instant()
    }

    /// Takes in that a service has changed.
    pub(crate) fn changed(&self, service: &ServiceName, origin: Origin) {
        let interest = self.resources.interest(service);
        if let Some(interest) = interest {
            interest.changed(origin);
        }
    }

    /// Takes in that any service may have changed.
    pub(crate) fn missed_changes(&self) {
        for interest in self.resources.interests() {
            interest.changed(Origin::Elsewhere);
        }
    }

    /// Has a stream told of services, from now on, unless that made too many.
    pub(crate) fn watch(
        self: &Arc<Self>,
        mailbox: &Arc<Mailbox>,
        names: &[Arc<str>],
    ) -> Result<(), Full> {
        for interest in self.resources.watch(mailbox, names)? {
            tokio::spawn(Arc::clone(self).keep(interest));
        }
        Ok(())
    }

    /// The endpoints of a service as they are now, for whoever polls, and whether they are merely what was last read.
    pub(crate) async fn poll(
        &self,
        service: &ServiceName,
    ) -> Result<(Arc<Resource>, bool), StoreError> {
        let answer = self.registry.hosts_of(service).await?;
        let stale = answer.stale.is_some();
        if stale {
            self.metrics.stale_answers.inc();
        }
        Ok((self.snapshots.show(service, &answer.listing), stale))
    }

    /// Forgets how services looked that do not exist.
    pub(crate) fn forget_all_but(&self, exists: impl Fn(&ServiceName) -> bool) {
        self.snapshots.retain(exists);
    }

    /// Reads a service for as long as anybody wants to be told of it.
    async fn keep(self: Arc<Self>, interest: Arc<Interest>) {
        self.metrics.watched_services.inc();
        let mut not_before = None;
        while !interest.has_ended() {
            let pause = self.read(&interest, not_before).await;
            not_before = self.next_reading(&interest, pause).await;
        }
        self.metrics.watched_services.dec();
    }

    /// Waits for news or for the end of the pause; returns how old the next reading may be at most. What this node has
    /// changed shows in any.
    async fn next_reading(&self, interest: &Interest, pause: Duration) -> Option<LeaseInstant> {
        let anew = tokio::select! {
            () = sleep(pause) => true,
            () = interest.wake() => {
                sleep(GATHERING).await;
                interest.take_elsewhere()
            }
        };
        anew.then(|| self.now())
    }

    /// Reads a service and publishes it; returns how long that will do. What can't be read stays as it was told.
    async fn read(&self, interest: &Arc<Interest>, not_before: Option<LeaseInstant>) -> Duration {
        let service = interest.service();
        match self.answer(service, not_before).await {
            Ok(answer) => {
                let resource = self.snapshots.show(service, &answer.listing);
                let is_stale = answer.stale.is_some();
                if self.resources.publish(interest, &resource, is_stale) {
                    debug!(%service, version = %resource.version(), "endpoints changed");
                }
                self.holds_for(&answer)
            }
            Err(error) => {
                self.metrics.failed_reads.inc();
                let error = &error as &dyn std::error::Error;
                debug!(%service, error, "endpoints can't be read");
                Self::RETRY
            }
        }
    }

    async fn answer(
        &self,
        service: &ServiceName,
        not_before: Option<LeaseInstant>,
    ) -> Result<Answer, StoreError> {
        let _reader = self.readers.acquire().await;
        match not_before {
            None => self.registry.hosts_of(service).await,
            Some(moment) => self.registry.hosts_of_since(service, moment).await,
        }
    }

    /// How long a reading is to be told: until it is read again anyway, or a host on it expires.
    fn holds_for(&self, answer: &Answer) -> Duration {
        if answer.stale.is_some() {
            self.metrics.stale_answers.inc();
            return Self::RETRY;
        }
        let left = answer.listing.holds_until().since(self.now());
        left.saturating_add(Self::SETTLING).min(self.reread)
    }
}
