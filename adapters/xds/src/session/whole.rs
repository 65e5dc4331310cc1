//! The kinds of which a response in full states holds all that the client wants: what is missing is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Told, View};
use crate::resource::Resource;
use crate::resources::Lookup;
use crate::version::Version;

/// What a client wants of such a kind, and which version of that it was told.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    wildcard: bool,
    /// Whether the client has ever named anything: until then no names mean all, afterwards none.
    naming: bool,
    names: BTreeSet<Arc<str>>,
    told: Option<Version>,
    due: Due,
    /// Whether the client has resources of an earlier stream.
    returning: bool,
}

/// What is to be done before the next response.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Due {
    #[default]
    Nothing,
    /// To tell what has changed.
    News,
    /// To tell everything, even if it is the same.
    All,
}

impl Whole {
    /// Stands for every resource of the kind.
    pub(crate) const ALL: &str = "*";

    /// Takes what the client has from an earlier stream.
    pub(crate) fn resume(&mut self, version: Option<Version>) {
        self.told = version;
        self.returning = true;
    }

    /// Takes the names that the client wants; tells whether they are others than before. Other names are always
    /// answered.
    pub(crate) fn replace(&mut self, names: &[String]) -> bool {
        self.naming |= !names.is_empty();
        let wildcard = !self.naming || names.iter().any(|name| name == Self::ALL);
        let wanted = names.iter().filter(|name| *name != Self::ALL);
        let wanted: BTreeSet<Arc<str>> = wanted.map(|name| name.as_str().into()).collect();
        let changed = wildcard != self.wildcard || wanted != self.names;
        if changed {
            (self.wildcard, self.names) = (wildcard, wanted);
            // Who returns may have exactly that.
            self.due = if self.returning { Due::News } else { Due::All };
        }
        changed
    }

    /// The names that the client wants one by one.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.iter()
    }

    /// Has everything looked at again.
    pub(crate) fn note(&mut self) {
        if self.due == Due::Nothing {
            self.due = Due::News;
        }
    }

    /// Has everything told again.
    pub(crate) fn repeat(&mut self) {
        self.due = Due::All;
    }

    /// Tells everything, if it is another than what was told.
    pub(crate) fn tell(&mut self, view: &View<'_>) -> Option<Told> {
        if self.due == Due::Nothing || !(self.wildcard || self.naming) {
            return None;
        }
        let resources = self.wanted(view)?;
        let version = resources.iter().map(|resource| resource.version()).sum();
        let due = std::mem::take(&mut self.due);
        let known = self.told.replace(version) == Some(version);
        let returning = std::mem::take(&mut self.returning);
        if known && due == Due::News {
            return None;
        }
        let replaced = resources.iter().filter(|_| returning);
        Some(Told {
            replaced: replaced
                .map(|resource| Arc::clone(resource.name()))
                .collect(),
            resources,
            version,
            ..Told::default()
        })
    }

    /// Everything that the client wants, each once; None while it is not known.
    fn wanted(&self, view: &View<'_>) -> Option<Vec<Arc<Resource>>> {
        let mut wanted = BTreeMap::new();
        if self.wildcard {
            let list = view.list()?;
            if self.names.is_empty() {
                return Some(list.resources().to_vec());
            }
            wanted.extend(
                list.resources()
                    .iter()
                    .map(|r| (Arc::clone(r.name()), Arc::clone(r))),
            );
        }
        for name in &self.names {
            if let Lookup::Found(resource) = view.lookup(name) {
                wanted.insert(Arc::clone(name), resource);
            }
        }
        Some(wanted.into_values().collect())
    }
}
