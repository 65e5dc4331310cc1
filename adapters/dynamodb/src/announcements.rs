//! What nodes tell each other of their changes, free of requests (liveness rule 16).

use std::collections::{BTreeSet, HashMap, VecDeque};

use discovery_domain::ServiceName;

/// The changes of this node that others may not have read yet, numbered from 1 on.
#[derive(Debug, Default)]
pub(crate) struct Ours {
    /// The number of the last change that is kept no more.
    forgotten: u64,
    /// The changes after that, each with the writing it was first part of.
    kept: VecDeque<(u64, ServiceName)>,
    writing: u64,
}

/// What a node's row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announced {
    /// The number of the last change that it says nothing of.
    pub(crate) after: u64,
    /// The services of the changes since, in their order.
    pub(crate) services: Vec<ServiceName>,
}

/// What other nodes have changed since they were last asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// The services that they name.
    pub services: BTreeSet<ServiceName>,
    /// Set when some names were missed: any service may have changed.
    pub incomplete: bool,
}

/// How far the changes of every other node are known.
#[derive(Debug, Default)]
pub(crate) struct Theirs {
    known: Option<HashMap<String, u64>>,
}

impl Ours {
    /// For how many writings a change stays in the row; one lasts a second or longer.
    const KEPT_FOR: u64 = 10;
    /// The most changes in a row, which keeps it within some write units.
    const MOST: usize = 500;

    /// Notes a change.
    pub(crate) fn changed(&mut self, service: ServiceName) {
        let unwritten = self.kept.iter().rev();
        let mut unwritten = unwritten.take_while(|(writing, _)| *writing == self.writing);
        if unwritten.any(|(_, known)| *known == service) {
            return;
        }
        self.kept.push_back((self.writing, service));
        if self.kept.len() > Self::MOST {
            self.forget(1);
        }
    }

    /// Notes that changes were missed: nobody can be told what they were, only that they were.
    pub(crate) fn missed(&mut self) {
        self.forgotten += self.kept.len() as u64 + 1;
        self.kept.clear();
    }

    /// What the row is to say now.
    pub(crate) fn announced(&self) -> Announced {
        Announced {
            after: self.forgotten,
            services: self
                .kept
                .iter()
                .map(|(_, service)| service.clone())
                .collect(),
        }
    }

    /// Notes that the row is written. What was first said long ago is left out next time.
    pub(crate) fn written(&mut self) {
        self.writing += 1;
        let is_old = |(since, _): &&(u64, ServiceName)| since + Self::KEPT_FOR < self.writing;
        let old = self.kept.iter().take_while(is_old).count();
        self.forget(old);
    }

    fn forget(&mut self, oldest: usize) {
        self.kept.drain(..oldest);
        self.forgotten += oldest as u64;
    }
}

impl Theirs {
    /// Takes in what the rows of the other nodes say.
    pub(crate) fn read(&mut self, rows: HashMap<String, Announced>) -> News {
        let mut news = News::default();
        let mut known = HashMap::with_capacity(rows.len());
        for (node, row) in rows {
            let until = row.after + row.services.len() as u64;
            let from = match &self.known {
                None => row.after,
                Some(known) => known.get(&node).copied().unwrap_or(0),
            };
            news.incomplete |= from < row.after || from > until;
            let named = usize::try_from(from.saturating_sub(row.after)).unwrap_or(usize::MAX);
            news.services.extend(row.services.into_iter().skip(named));
            known.insert(node, until);
        }
        self.known = Some(known);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> ServiceName {
        ServiceName::parse(name).expect("a good name")
    }

    fn told(news: &News) -> Vec<&str> {
        news.services.iter().map(ServiceName::as_str).collect()
    }

    fn read(theirs: &mut Theirs, ours: &Ours) -> News {
        theirs.read(HashMap::from([("one".to_owned(), ours.announced())]))
    }

    /// A node, and another that has read its row before anything was in it.
    fn pair() -> (Ours, Theirs) {
        let (ours, mut theirs) = (Ours::default(), Theirs::default());
        assert_eq!(theirs.read(HashMap::new()), News::default());
        (ours, theirs)
    }

    #[test]
    fn a_change_is_told_once_to_each_reader() {
        let (mut ours, mut theirs) = pair();
        ours.changed(service("a"));
        ours.changed(service("a"));
        ours.changed(service("b"));
        assert_eq!(told(&read(&mut theirs, &ours)), ["a", "b"]);
        assert_eq!(read(&mut theirs, &ours), News::default());
        ours.written();
        ours.changed(service("a"));
        let news = read(&mut theirs, &ours);
        assert_eq!((told(&news), news.incomplete), (vec!["a"], false));
        assert_eq!(told(&read(&mut Theirs::default(), &ours)), ["a", "b"]);
    }

    #[test]
    fn a_reader_that_comes_too_late_learns_that_names_are_missing() {
        let (mut ours, mut theirs) = pair();
        ours.changed(service("a"));
        for _ in 0..=Ours::KEPT_FOR {
            ours.written();
        }
        ours.changed(service("b"));
        let news = read(&mut theirs, &ours);
        assert_eq!((told(&news), news.incomplete), (vec!["b"], true));
        assert_eq!(read(&mut theirs, &ours), News::default());
    }

    #[test]
    fn a_change_is_told_for_ten_writings_and_no_longer() {
        let mut ours = Ours::default();
        ours.changed(service("a"));
        for _ in 0..Ours::KEPT_FOR {
            ours.written();
            assert_eq!(ours.announced().services, [service("a")]);
        }
        ours.written();
        let empty = Announced {
            after: 1,
            services: Vec::new(),
        };
        assert_eq!(ours.announced(), empty);
    }

    #[test]
    fn a_row_is_bounded() {
        let (mut ours, mut theirs) = pair();
        for number in 0..2 * Ours::MOST {
            ours.changed(service(&format!("s{number}")));
        }
        assert_eq!(ours.announced().services.len(), Ours::MOST);
        assert!(read(&mut theirs, &ours).incomplete);
    }

    #[test]
    fn what_a_node_has_missed_itself_is_missed_by_all() {
        let (mut ours, mut theirs) = pair();
        ours.changed(service("a"));
        assert_eq!(told(&read(&mut theirs, &ours)), ["a"]);
        ours.missed();
        assert!(read(&mut theirs, &ours).incomplete);
        assert_eq!(read(&mut theirs, &ours), News::default());
    }

    #[test]
    fn a_row_that_counts_anew_is_news() {
        let (mut ours, mut theirs) = pair();
        ours.changed(service("a"));
        ours.changed(service("b"));
        read(&mut theirs, &ours);
        let mut anew = Ours::default();
        anew.changed(service("c"));
        let news = read(&mut theirs, &anew);
        assert!(news.incomplete);
    }
}
