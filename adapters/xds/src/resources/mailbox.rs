//! How a change reaches the streams that want it, and the wish to be told reaches whoever reads.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use discovery_domain::ServiceName;
use tokio::sync::Notify;

use crate::xds::Origin;

/// The news for one stream. Names, not contents: a slow stream finds what is current when it comes to look, and never
/// more than one item a name.
#[derive(Debug)]
pub(crate) struct Mailbox {
    id: u64,
    news: Mutex<News>,
    arrived: Notify,
}

/// What a stream has to look at again.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Services whose endpoints have changed.
    pub(crate) names: BTreeSet<Arc<str>>,
    /// Whether the catalogue has.
    pub(crate) clusters: bool,
    /// Whether the stream has to end.
    pub(crate) stopped: bool,
}

/// That somebody wants to be told of the endpoints of a service.
#[derive(Debug)]
pub(crate) struct Interest {
    service: ServiceName,
    woken: Notify,
    elsewhere: AtomicBool,
    ended: AtomicBool,
}

impl Mailbox {
    pub(crate) fn new(id: u64) -> Self {
        Self {
            id,
            news: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    /// Which stream it belongs to.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Adds to the news.
    pub(crate) fn post(&self, add: impl FnOnce(&mut News)) {
        add(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.arrived.notify_one();
    }

    /// Waits until something has been posted since this was last called. Nothing is lost when it is cancelled.
    pub(crate) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Takes the news out.
    pub(crate) fn take(&self) -> News {
        std::mem::take(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl News {
    pub(crate) fn name(&mut self, name: &Arc<str>) {
        self.names.insert(Arc::clone(name));
    }

    pub(crate) fn clusters(&mut self) {
        self.clusters = true;
    }

    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }
}

impl Interest {
    pub(crate) fn new(service: ServiceName) -> Self {
        Self {
            service,
            woken: Notify::new(),
            elsewhere: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// The service in question.
    pub(crate) fn service(&self) -> &ServiceName {
        &self.service
    }

    /// Says that the service has changed.
    pub(crate) fn changed(&self, origin: Origin) {
        if origin == Origin::Elsewhere {
            self.elsewhere.store(true, Ordering::Release);
        }
        self.woken.notify_one();
    }

    /// Says that nobody watches any more.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.woken.notify_one();
    }

    /// Whether nobody watches any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Waits for a change, or the end. Nothing is lost when it is cancelled.
    pub(crate) async fn wake(&self) {
        self.woken.notified().await;
    }

    /// Whether another node has made a change since this was last asked.
    pub(crate) fn take_elsewhere(&self) -> bool {
        self.elsewhere.swap(false, Ordering::AcqRel)
    }
}
