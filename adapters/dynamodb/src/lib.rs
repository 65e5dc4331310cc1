//! The hosts in a DynamoDB table: the one that lyft/discovery uses, so that old and new nodes may share it.
//!
//! Every write is one request, conditional on what it was made from; a read is one `Query` a page.

mod announcements;
mod announcer;
mod call;
mod check_ins;
mod client;
mod clocks;
mod date;
mod error;
mod expression;
mod gone;
mod item;
mod known;
mod left_out;
mod metrics;
mod order;
mod proof;
mod reading;
mod recent;
mod removal;
mod schema;
mod silence;
mod survey;
mod table;
mod weights;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use discovery_domain::{
    Change, CheckIn, CheckInError, History, HostKey, HostRepository, LeaseClock, LeaseInstant,
    LoadBalancingWeight, Reading, Removed, Row, ServiceName, ServiceRepoName, StoreError,
};
use prometheus_client::registry::Registry;
use tokio::sync::OnceCell;
use tokio::time::timeout;

pub use announcements::News;
pub use announcer::{Announcer, Listener};
pub use client::DynamoDbSettings;
use known::KnownRows;
use left_out::LeftOut;
use metrics::Metrics;
use order::Order;
use proof::Records;
use recent::RecentWrites;
use table::Table;

/// Keeps hosts in a DynamoDB table.
pub struct DynamoDbHostRepository {
    table: Arc<Table>,
    create_table: bool,
    checked: OnceCell<()>,
    recalled: OnceCell<()>,
    surveyed: OnceCell<()>,
    records: Records,
    lease: Arc<LeaseClock>,
    known: KnownRows,
    recent: RecentWrites,
    left_out: LeftOut,
    history: Arc<History>,
    order: Order,
}

impl DynamoDbHostRepository {
    /// The longest that a write may take, with all the requests it takes.
    const LONGEST_WRITE: Duration = Duration::from_secs(5);

    /// Makes the client. The store is not asked yet, so that a node starts also while it can't be reached.
    pub async fn open(
        settings: DynamoDbSettings,
        lease: Arc<LeaseClock>,
        metrics: &mut Registry,
    ) -> Self {
        let client = client::connect(&settings).await;
        let metrics = Metrics::registered(metrics);
        Self {
            table: Arc::new(Table {
                client,
                name: settings.table,
                metrics,
            }),
            create_table: settings.create_table,
            checked: OnceCell::new(),
            recalled: OnceCell::new(),
            surveyed: OnceCell::new(),
            records: Records::new(),
            known: KnownRows::new(Arc::clone(&lease)),
            lease,
            recent: RecentWrites::default(),
            left_out: LeftOut::new(),
            history: Arc::new(History::new(0)),
            order: Order::new(),
        }
    }

    /// This repository, remembering there which rows can't be read.
    #[must_use]
    pub fn remembering(mut self, history: Arc<History>) -> Self {
        self.history = history;
        self
    }

    /// The two ends of what nodes tell each other of their changes.
    pub fn other_nodes(&self) -> (Announcer, Listener) {
        announcer::pair(&self.table, &self.lease)
    }

    /// Makes sure that the table is there and of the right schema, and creates it if the settings say so; once that
    /// is known, it is not asked again. The first proof and the first scan wait for this.
    pub async fn check_table(&self) -> Result<(), StoreError> {
        let check = || self.table.ensure(self.create_table);
        self.checked.get_or_try_init(check).await.copied()
    }

    /// Whether the table has ever answered, if only to a read.
    pub fn has_answered(&self) -> bool {
        self.recalled.initialized()
    }

    /// Ends a write that takes too long with everything it had to do again.
    async fn in_time<T, E: From<StoreError>>(
        &self,
        write: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let write = async {
            self.survey().await?;
            self.record_outage().await?;
            write.await
        };
        timeout(Self::LONGEST_WRITE, write)
            .await
            .unwrap_or_else(|_| {
                let (table, seconds) = (&self.table.name, Self::LONGEST_WRITE.as_secs());
                Err(E::from(StoreError::Unavailable {
                    what: format!(
                        "dynamodb table {table:?} took more than {seconds} s for a write"
                    ),
                    source: None,
                }))
            })
    }
}

#[async_trait]
impl HostRepository for DynamoDbHostRepository {
    async fn check_in(&self, check_in: CheckIn) -> Result<Change, CheckInError> {
        self.in_time(self.store_check_in(&check_in)).await
    }

    async fn hosts_of(
        &self,
        service: &ServiceName,
        not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        self.survey().await?;
        self.list_service(service, not_before).await
    }

    /// Never: the table is elsewhere.
    fn hosts_at_hand(&self, _: &ServiceName, _: LeaseInstant) -> Option<Reading> {
        None
    }

    async fn hosts_of_repo(
        &self,
        repo: &ServiceRepoName,
        _not_before: LeaseInstant,
    ) -> Result<Reading, StoreError> {
        self.survey().await?;
        self.list_repo(repo).await
    }

    async fn get(&self, key: &HostKey) -> Result<Option<Row>, StoreError> {
        self.survey().await?;
        self.get_row(key).await
    }

    async fn set_weight(
        &self,
        key: &HostKey,
        weight: LoadBalancingWeight,
    ) -> Result<Option<Change>, StoreError> {
        self.in_time(self.store_weight(key, weight, None)).await
    }

    async fn set_weight_of_service(
        &self,
        service: &ServiceName,
        weight: LoadBalancingWeight,
    ) -> Result<Vec<Change>, StoreError> {
        self.in_time(self.store_weight_of_service(service, weight))
            .await
    }

    async fn delete(&self, key: &HostKey) -> Result<Option<Removed>, StoreError> {
        self.in_time(self.remove(key)).await
    }

    async fn delete_unrenewed(&self, seen: &Row) -> Result<bool, StoreError> {
        self.in_time(self.remove_unrenewed(seen)).await
    }

    async fn renew(&self, seen: &Row, to: &Row) -> Result<bool, StoreError> {
        self.in_time(self.store_renewal(seen, to)).await
    }

    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        self.check_table().await?;
        self.scan_services().await
    }

    async fn prove(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.check_table().await?;
        self.survey().await?;
        self.record(now).await
    }
}
