//! A store that a test breaks and mends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, HostKey, HostRepository, LeaseInstant, LoadBalancingWeight,
    Reading, Removed, Row, ServiceName, ServiceRepoName, StoreError,
};
use tokio::sync::Notify;

/// What a [`Faulty`] store does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Passes it on.
    None,
    /// Answers at once that it is unavailable.
    Refuse,
    /// Answers at once that it is broken for good.
    Break,
    /// Answers nothing until it is mended.
    Hang,
}

/// A wrapper that lets calls through, refuses them or lets them hang, and counts the reads of lists.
pub struct Faulty {
    inner: Arc<dyn HostRepository>,
    fault: Mutex<Fault>,
    /// The only service whose list the fault is about, where it is not about everything.
    only: Mutex<Option<ServiceName>>,
    mended: Notify,
    lists: AtomicUsize,
}

impl Faulty {
    /// A store that works until it is broken.
    pub fn new(inner: Arc<dyn HostRepository>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            fault: Mutex::new(Fault::None),
            only: Mutex::default(),
            mended: Notify::new(),
            lists: AtomicUsize::new(0),
        })
    }

    /// Breaks or mends the store; calls that hang go on by the new fault.
    pub fn set(&self, fault: Fault) {
        *self.only.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.mended.notify_waiters();
    }

    /// Breaks the store where it is asked for the list of that service, and mends the rest.
    pub fn set_for_list(&self, service: ServiceName, fault: Fault) {
        self.set(fault);
        *self.only.lock().unwrap_or_else(PoisonError::into_inner) = Some(service);
    }

    fn is_spared(&self, service: Option<&ServiceName>) -> bool {
        let only = self.only.lock().unwrap_or_else(PoisonError::into_inner);
        only.is_some() && only.as_ref() != service
    }

    /// How many lists were asked for.
    pub fn lists(&self) -> usize {
        self.lists.load(Ordering::SeqCst)
    }

    async fn pass(&self) -> Result<(), StoreError> {
        self.pass_for(None).await
    }

    async fn pass_for(&self, service: Option<&ServiceName>) -> Result<(), StoreError> {
        loop {
            if self.is_spared(service) {
                return Ok(());
            }
            let mended = self.mended.notified();
            let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
            match fault {
                Fault::None => return Ok(()),
                Fault::Refuse => {
                    return Err(StoreError::Unavailable {
                        what: "a test broke it".into(),
                        source: None,
                    });
                }
                Fault::Break => {
                    return Err(StoreError::Broken {
                        what: "a test broke it".into(),
                        source: None,
                    });
                }
                Fault::Hang => mended.await,
            }
        }
    }
}

#[async_trait]
impl HostRepository for Faulty {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        self.pass().await?;
        self.inner.check_in(check_in).await
    }

    async fn hosts_of(
        &self,
        service: &ServiceName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.pass_for(Some(service)).await?;
        self.inner.hosts_of(service, not_before).await
    }

    fn hosts_at_hand(&self, _: &ServiceName, _: LeaseInstant) -> Option<Reading> {
        None
    }

    async fn hosts_of_repo(
        &self,
        repo: &ServiceRepoName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.pass().await?;
        self.inner.hosts_of_repo(repo, not_before).await
    }

    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        self.pass().await?;
        self.inner.get(key).await
    }

    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError> {
        self.pass().await?;
        self.inner.set_weight(key, weight).await
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        self.pass().await?;
        self.inner.set_weight_of_service(service, weight).await
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        self.pass().await?;
        self.inner.delete(key).await
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        self.pass().await?;
        self.inner.delete_unrenewed(seen).await
    }

    async fn renew(&self, seen: &Row, to: &Row) -> Result<bool, StoreError> {
        self.pass().await?;
        self.inner.renew(seen, to).await
    }

    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        self.pass().await?;
        self.inner.services().await
    }

    async fn prove(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.pass().await?;
        self.inner.prove(now).await
    }
}
