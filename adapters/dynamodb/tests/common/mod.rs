//! A repository on an emulated table, behind a proxy.

#![expect(dead_code, reason = "no test file uses everything")]

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use discovery_domain::{Change, CheckIn, History, HostRepository, LeaseClock, LeaseInstant, Row};
use discovery_dynamodb::{DynamoDbHostRepository, DynamoDbSettings};
use discovery_testkit::emulator::{Emulator, Item};
use discovery_testkit::proxy::Proxy;
use discovery_testkit::{ManualClock, hosts};
use prometheus_client::registry::Registry;

/// The name of every test's table.
pub(crate) const TABLE: &str = "hosts";

/// As the original stored it.
pub(crate) const LITERAL: [(&str, &str); 7] = [
    ("service", "reg-happy"),
    ("ip_address", "10.0.0.1"),
    ("service_repo_name", "rp"),
    ("port", "8080"),
    ("revision", "abc123"),
    ("last_check_in", "2026-11-22T12:56:11.177285+0000"),
    (
        "tags",
        r#"{"az": "us-east-1a", "region": "us-east-1", "instance_id": "i-0001"}"#,
    ),
];

/// The original's item with some attributes of another value.
pub(crate) fn literal_with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let value = |name: &str| changes.iter().find(|(changed, _)| *changed == name);
    let literal = LITERAL.into_iter();
    literal
        .map(|(name, kept)| value(name).copied().unwrap_or((name, kept)))
        .collect()
}

pub(crate) fn literal_without(name: &str) -> Vec<(&str, &str)> {
    LITERAL
        .into_iter()
        .filter(|(known, _)| *known != name)
        .collect()
}

/// What all nodes share.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) clock: Arc<ManualClock>,
}

/// One node.
pub(crate) struct Node {
    pub(crate) repository: Arc<DynamoDbHostRepository>,
    pub(crate) lease: Arc<LeaseClock>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) proxy: Proxy,
    pub(crate) metrics: Registry,
    pub(crate) history: Arc<History>,
}

impl World {
    /// An emulator with the original's table.
    pub(crate) async fn new() -> Self {
        let world = Self::without_table().await;
        world.emulator.create_table(TABLE).await;
        world
    }

    /// An emulator without a table.
    pub(crate) async fn without_table() -> Self {
        Self {
            emulator: Emulator::start().await,
            clock: ManualClock::new(),
        }
    }

    /// A node with a proxy of its own.
    pub(crate) async fn node(&self) -> Node {
        Node::start(self.emulator.url(), &self.clock, false).await
    }

    /// A node that creates the table when it is missing.
    pub(crate) async fn creating_node(&self) -> Node {
        Node::start(self.emulator.url(), &self.clock, true).await
    }

    pub(crate) async fn item(&self, service: &str, address: &str) -> Option<Item> {
        self.emulator.get(TABLE, service, address).await
    }

    /// Stores an item of text attributes, `port` being a number.
    pub(crate) async fn put(&self, attributes: &[(&str, &str)]) {
        let item = discovery_testkit::emulator::item(attributes);
        self.emulator.put(TABLE, item).await;
    }
}

impl Node {
    pub(crate) async fn start(
        upstream: &str,
        clock: &Arc<ManualClock>,
        create_table: bool,
    ) -> Self {
        let proxy = Proxy::start(upstream).await;
        let lease = Arc::new(LeaseClock::new(clock.clone()));
        let settings = DynamoDbSettings {
            table: TABLE.into(),
            url: Some(proxy.url().into()),
            create_table,
            connection_pool_size: 100,
        };
        let mut metrics = Registry::default();
        let open = DynamoDbHostRepository::open(settings, Arc::clone(&lease), &mut metrics);
        let history = Arc::new(History::new(100));
        let repository = Arc::new(open.await.remembering(Arc::clone(&history)));
        if !create_table {
            // Whatever comes first reads what the store remembers; where there is no table, that fails.
            let _ = repository.get(&hosts::key("nobody", "10.0.0.1")).await;
            proxy.reset_counts();
        }
        Self {
            repository,
            lease,
            clock: Arc::clone(clock),
            proxy,
            metrics,
            history,
        }
    }

    /// A check-in of a sample host, one microsecond after the one made before.
    pub(crate) fn check_in(&self, service: &str, ip: &str) -> CheckIn {
        self.clock.advance(std::time::Duration::from_micros(1));
        hosts::check_in(hosts::registration(service, ip), self.lease.now())
    }

    pub(crate) async fn accept(&self, check_in: CheckIn) -> Change {
        let change = self.repository.check_in(check_in).await;
        change.expect("a check-in is stored")
    }

    pub(crate) async fn register(&self, service: &str, ip: &str) -> Row {
        self.accept(self.check_in(service, ip)).await.row
    }

    /// The rows of a service as a reader gets them, who takes what lags.
    pub(crate) async fn list(&self, service: &str) -> Vec<Row> {
        let (service, past) = (hosts::service(service), LeaseInstant::DISTANT_PAST);
        let reading = self.repository.hosts_of(&service, past).await;
        reading.expect("a list is read").list.rows().to_vec()
    }

    /// The rows of a service as they are now.
    pub(crate) async fn list_now(&self, service: &str) -> Vec<Row> {
        let (service, now) = (hosts::service(service), self.lease.instant());
        let reading = self.repository.hosts_of(&service, now).await;
        reading.expect("a list is read").list.rows().to_vec()
    }

    pub(crate) async fn list_repo(&self, repo: &str) -> Vec<Row> {
        let (repo, past) = (hosts::repo(repo), LeaseInstant::DISTANT_PAST);
        let reading = self.repository.hosts_of_repo(&repo, past).await;
        reading.expect("a list is read").list.rows().to_vec()
    }

    /// The requests since the last time this was asked, as `GetItem 1, Query 2`.
    pub(crate) fn requests(&self) -> String {
        let counts = self.proxy.counts();
        self.proxy.reset_counts();
        let counts = counts.iter().map(|(name, count)| format!("{name} {count}"));
        counts.collect::<Vec<_>>().join(", ")
    }

    /// The metrics as a scraper reads them.
    pub(crate) fn scrape(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics)
            .expect("a string takes whatever is written");
        text
    }
}

/// The text of an attribute.
pub(crate) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    match item.get(name) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text,
        other => panic!("{name} is {other:?}"),
    }
}
