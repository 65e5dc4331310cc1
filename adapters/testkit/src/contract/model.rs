//! A store beside a plain map.
#![expect(
    missing_docs,
    reason = "each name is the sentence that it holds a store to"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{CheckIn, Host, HostKey, Row};

use super::{Store, hosts_in};
use crate::hosts::{key, port, repo, service, tags_with, weight};

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).expect("a small number fits")]
    }
}

const SERVICES: [&str; 3] = ["web", "api", "wéb"];
const REPOS: [&str; 3] = ["ours", "theirs", ""];
const IPS: [&str; 4] = ["10.0.0.1", "10.0.0.2", "10.0.0.10", "2001:db8::1"];

/// The store, and what it should hold.
struct Twin {
    store: Store,
    rows: BTreeMap<HostKey, Row>,
}

pub async fn any_sequence_of_calls_answers_as_a_plain_map_would(store: Store) {
    let (mut numbers, calls) = (Numbers(1), store.races * 3);
    let rows = BTreeMap::new();
    let mut twin = Twin { store, rows };
    for _ in 0..calls {
        let host = key(numbers.pick(&SERVICES), numbers.pick(&IPS));
        match numbers.below(10) {
            0..4 => twin.check_in(&host, &mut numbers).await,
            4 => twin.set_weight(&host, &mut numbers).await,
            5 => twin.set_weight_of_service(&host, &mut numbers).await,
            6 => twin.delete(&host).await,
            7 => twin.delete_unrenewed(&host, &mut numbers).await,
            8 => twin.store.pass(Duration::from_secs(numbers.below(90))),
            _ => {
                twin.compare(numbers.pick(&SERVICES), numbers.pick(&REPOS[..2]))
                    .await;
            }
        }
    }
    for (service, repo) in SERVICES.iter().zip(REPOS) {
        twin.compare(service, repo).await;
    }
}

impl Twin {
    async fn check_in(&mut self, host: &HostKey, numbers: &mut Numbers) {
        let tag = numbers.pick(&["a", "b", "c", "load_balancing_weight"]);
        let value = (1 + numbers.below(9)).to_string();
        let check_in = CheckIn {
            service_repo_name: repo(numbers.pick(&REPOS)),
            port: port(8000 + u16::from(numbers.below(2) == 0)),
            tags: tags_with(tag, &value),
            spared: numbers.below(8) == 0,
            ..self
                .store
                .check_in(host.service().as_str(), &host.address().to_string())
        };
        let stored = self.rows.get(host);
        let expected = check_in
            .onto(stored)
            .expect("few tags are within their limits");
        let change = self.store.accept(check_in).await;
        assert_eq!(change.row.host, expected.host);
        assert_eq!(
            change.previous.map(|row| row.host),
            stored.map(|row| row.host.clone())
        );
        self.rows.insert(host.clone(), expected);
    }

    async fn set_weight(&mut self, host: &HostKey, numbers: &mut Numbers) {
        let weight = weight(1 + numbers.below(9));
        let change = self.store.repository.set_weight(host, weight).await;
        let expected = self.rows.get(host).map(|row| weighted(row, weight));
        let change = change.expect("a store sets a weight");
        assert_eq!(
            change.map(|change| change.row.host),
            expected.as_ref().map(|row| row.host.clone())
        );
        self.rows.extend(expected.map(|row| (host.clone(), row)));
    }

    async fn set_weight_of_service(&mut self, host: &HostKey, numbers: &mut Numbers) {
        let weight = weight(1 + numbers.below(9));
        let changes = self
            .store
            .repository
            .set_weight_of_service(host.service(), weight)
            .await;
        let changes = changes.expect("a store sets the weight of a service");
        let mut answered: Vec<_> = changes.into_iter().map(|change| change.row.host).collect();
        answered.sort_by(|a, b| a.key.cmp(&b.key));
        let mut expected = Vec::new();
        for row in self
            .rows
            .values_mut()
            .filter(|row| row.host.key.service() == host.service())
        {
            if row.host.tags.weight() != Some(weight) {
                *row = weighted(row, weight);
                expected.push(row.host.clone());
            }
        }
        assert_eq!(answered, expected);
    }

    async fn delete(&mut self, host: &HostKey) {
        let removed = self.store.repository.delete(host).await;
        let removed = removed.expect("a store deletes a host");
        let removed = removed.map(|removed| removed.row.expect("the row could be read").host);
        assert_eq!(removed, self.rows.remove(host).map(|row| row.host));
    }

    async fn delete_unrenewed(&mut self, host: &HostKey, numbers: &mut Numbers) {
        let Some(seen) = self.store.row(host).await else {
            return assert!(!self.rows.contains_key(host));
        };
        let renewed = numbers.below(2) == 0;
        if renewed {
            self.check_in(host, numbers).await;
        }
        let removed = self.store.repository.delete_unrenewed(&seen).await;
        assert_eq!(removed.expect("a store looks at a row"), !renewed);
        if !renewed {
            self.rows.remove(host);
        }
    }

    async fn compare(&self, service_name: &str, repo_name: &str) {
        let expected = |listed: &dyn Fn(&Host) -> bool| -> Vec<Arc<Host>> {
            let hosts = self.rows.values().map(|row| row.host.clone());
            hosts.filter(|host| listed(host)).collect()
        };
        let of_service = hosts_in(&self.store.rows_of(service_name).await);
        assert_eq!(
            of_service,
            expected(&|host| *host.key.service() == service(service_name))
        );
        if let Some(at_hand) = self.store.at_hand(service_name) {
            assert_eq!(hosts_in(&at_hand), of_service);
        }
        let of_repo = hosts_in(&self.store.rows_of_repo(repo_name).await);
        let is_listed =
            |host: &Host| !repo_name.is_empty() && host.service_repo_name == repo(repo_name);
        assert_eq!(of_repo, expected(&is_listed));
    }
}

fn weighted(row: &Row, weight: discovery_domain::LoadBalancingWeight) -> Row {
    let tags = row.host.tags.with_weight(weight);
    let host = Host {
        tags,
        ..Host::clone(&row.host)
    };
    row.with(Arc::new(host))
}
