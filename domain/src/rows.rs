//! Rows in the order of their keys, cheap to share between a store that changes them and those who read them.

use std::mem::replace;
use std::sync::Arc;

use crate::host::{Host, HostKey, Row};

/// Rows ordered by key. A clone shares them all, at the cost of a pointer for every few dozen; a change copies only its
/// neighbours, and those only where they are shared.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Runs of rows, none of them empty.
    runs: Vec<Arc<Vec<Row>>>,
    len: usize,
}

/// The most rows of a run.
const FULL: usize = 64;

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = &Row> + Clone {
        self.runs.iter().flat_map(|run| run.iter())
    }

    /// Their hosts in order.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> + Clone {
        self.iter().map(|row| &row.host)
    }

    /// A list of them all, for once.
    pub fn to_vec(&self) -> Vec<Row> {
        self.iter().cloned().collect()
    }

    /// The row of one host.
    pub fn get(&self, key: &HostKey) -> Option<&Row> {
        let run = self.runs.get(self.run_of(key))?;
        Some(&run[position(run, key).ok()?])
    }

    /// Stores a row and returns the one that it replaces.
    pub fn put(&mut self, row: Row) -> Option<Row> {
        let number = self.run_of(&row.host.key);
        let Some(run) = self.runs.get_mut(number).map(Arc::make_mut) else {
            self.runs.push(Arc::new(vec![row]));
            self.len += 1;
            return None;
        };
        match position(run, &row.host.key) {
            Ok(there) => return Some(replace(&mut run[there], row)),
            Err(gap) => run.insert(gap, row),
        }
        self.len += 1;
        if run.len() > FULL {
            let halves = [&run[..FULL / 2], &run[FULL / 2..]];
            let halves = halves.map(|half| Arc::new(half.to_vec()));
            self.runs.splice(number..=number, halves);
        }
        None
    }

    /// Removes the row of a host and returns it.
    pub fn take(&mut self, key: &HostKey) -> Option<Row> {
        let number = self.run_of(key);
        let run = self.runs.get_mut(number)?;
        let there = position(run, key).ok()?;
        let row = Arc::make_mut(run).remove(there);
        if run.is_empty() {
            self.runs.remove(number);
        }
        self.len -= 1;
        Some(row)
    }

    /// The number of the run that has the row of a host, if any does.
    fn run_of(&self, key: &HostKey) -> usize {
        let begins_before = |run: &Arc<Vec<Row>>| run[0].host.key <= *key;
        self.runs.partition_point(begins_before).saturating_sub(1)
    }
}

impl From<Vec<Row>> for Rows {
    /// Takes the rows of different hosts in any order.
    fn from(mut rows: Vec<Row>) -> Self {
        rows.sort_by(|a, b| a.host.key.cmp(&b.host.key));
        let runs = rows.chunks(FULL).map(|run| Arc::new(run.to_vec()));
        Self {
            runs: runs.collect(),
            len: rows.len(),
        }
    }
}

fn position(run: &[Row], key: &HostKey) -> Result<usize, usize> {
    run.binary_search_by(|row| row.host.key.cmp(key))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::lease::LeaseInstant;
    use crate::tags::Tags;
    use crate::values::{HostAddress, Port, Revision, ServiceName, ServiceRepoName};

    fn key(number: u8) -> HostKey {
        let service = ServiceName::parse("web").expect("a name");
        let ip = Ipv4Addr::new(10, 0, 0, number);
        HostKey::new(service, HostAddress::from(std::net::IpAddr::from(ip)))
    }

    fn row(number: u8, port: u16) -> Row {
        let tags = r#"{"az": "a", "region": "b", "instance_id": "c"}"#;
        let host = Host {
            key: key(number),
            service_repo_name: ServiceRepoName::parse("").expect("none"),
            port: Port::try_from(port).expect("a port"),
            revision: Revision::parse("1").expect("a revision"),
            last_check_in: DateTime::UNIX_EPOCH,
            tags: Tags::parse(tags).expect("tags"),
        };
        Row::checked_in(Arc::new(host), LeaseInstant::DISTANT_FUTURE)
    }

    fn ports<'r>(rows: impl Iterator<Item = &'r Row>) -> Vec<(HostAddress, u16)> {
        rows.map(|row| (row.host.key.address(), row.host.port.get()))
            .collect()
    }

    proptest! {
        #[test]
        fn they_are_a_sorted_map_and_clones_keep_what_they_had(
            steps in prop::collection::vec((any::<bool>(), any::<u8>(), 1_u16..), 0..600)
        ) {
            let (mut rows, mut model) = (Rows::default(), BTreeMap::new());
            let mut clones = Vec::new();
            for (stores, number, port) in steps {
                clones.push((rows.clone(), ports(rows.iter())));
                let (was, should) = if stores {
                    (rows.put(row(number, port)), model.insert(number, port))
                } else {
                    (rows.take(&key(number)), model.remove(&number))
                };
                prop_assert_eq!(was.map(|row| row.host.port.get()), should);
                prop_assert_eq!(rows.len(), model.len());
                let found = rows.get(&key(number)).map(|row| row.host.port.get());
                prop_assert_eq!(found, model.get(&number).copied());
            }
            let expected = model.iter().map(|(number, port)| (key(*number).address(), *port));
            prop_assert_eq!(ports(rows.iter()), expected.collect::<Vec<_>>());
            for (clone, had) in clones.iter().step_by(50) {
                prop_assert_eq!(&ports(clone.iter()), had);
            }
        }

        #[test]
        fn they_can_be_made_of_rows_in_any_order(numbers in prop::collection::hash_set(any::<u8>(), 0..256)) {
            let rows = Rows::from(numbers.iter().map(|number| row(*number, 1)).collect::<Vec<_>>());
            let mut sorted: Vec<_> = numbers.into_iter().map(|number| key(number).address()).collect();
            sorted.sort();
            prop_assert_eq!(rows.len(), sorted.len());
            prop_assert_eq!(rows.is_empty(), sorted.is_empty());
            let listed: Vec<_> = rows.hosts().map(|host| host.key.address()).collect();
            prop_assert_eq!(listed, sorted);
        }
    }
}
