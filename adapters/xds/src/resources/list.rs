//! All clusters there are, as one immutable list that streams compare and share.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use discovery_domain::ServiceName;

use crate::kind::Kind;
use crate::resource::{Resource, answer};
use crate::version::Version;

/// Resources ordered by name.
#[derive(Debug, Default)]
pub(crate) struct List {
    resources: Vec<Arc<Resource>>,
    version: Version,
    answer: OnceLock<Bytes>,
}

/// What a newer list has that an older one had not.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    pub(crate) changed: Vec<Arc<Resource>>,
    pub(crate) removed: Vec<Arc<str>>,
}

impl List {
    /// The resource of every service, in the order of names; those of the list before are kept.
    pub(crate) fn of(
        services: &[&ServiceName],
        before: Option<&Self>,
        resource: impl Fn(&ServiceName) -> Resource,
    ) -> Self {
        let kept = |service: &ServiceName| before?.get(service.as_str()).cloned();
        let resources = services
            .iter()
            .map(|service| kept(service).unwrap_or_else(|| Arc::new(resource(service))));
        let mut resources: Vec<_> = resources.collect();
        resources.sort_by(|a, b| a.name().cmp(b.name()));
        Self {
            version: resources.iter().map(|resource| resource.version()).sum(),
            resources,
            answer: OnceLock::new(),
        }
    }

    /// Every resource, ordered by name.
    pub(crate) fn resources(&self) -> &[Arc<Resource>] {
        &self.resources
    }

    /// The version of all together.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// A whole discovery response in JSON that holds them all.
    pub(crate) fn answer(&self) -> &Bytes {
        let jsons = || self.resources.iter().map(|resource| resource.json());
        self.answer
            .get_or_init(|| answer(Kind::Clusters, self.version, jsons()))
    }

    /// The resource of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        let found = self
            .resources
            .binary_search_by(|resource| (**resource.name()).cmp(name));
        found.ok().map(|at| &self.resources[at])
    }

    /// What has changed since an older list.
    pub(crate) fn since(&self, older: &Self) -> Difference {
        let mut difference = Difference::default();
        let mut old = older.resources.iter().peekable();
        for new in &self.resources {
            while let Some(gone) = old.next_if(|old| old.name() < new.name()) {
                difference.removed.push(Arc::clone(gone.name()));
            }
            let before = old.next_if(|old| old.name().cmp(new.name()) == Ordering::Equal);
            if before.is_none_or(|before| before.version() != new.version()) {
                difference.changed.push(Arc::clone(new));
            }
        }
        difference
            .removed
            .extend(old.map(|gone| Arc::clone(gone.name())));
        difference
    }
}
