//! Resources that a client subscribes to one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Told, View};
use crate::resources::Lookup;
use crate::version::Version;

/// The names that a client wants, and what it was told of each.
#[derive(Debug, Default)]
pub(crate) struct Named {
    names: BTreeMap<Arc<str>, Entry>,
    /// The names to look at before the next response.
    due: BTreeSet<Arc<str>>,
}

#[derive(Debug, Default)]
struct Entry {
    told: Option<Tale>,
    /// Whether it is to be told even if it is the same.
    again: bool,
}

/// What a client knows of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tale {
    /// That there is none.
    Absent,
    /// This version.
    Version(Version),
    /// Some version that is not of ours.
    Foreign,
}

impl Named {
    /// A response gets no more resources once it has that many bytes.
    const ENOUGH: usize = 1024 * 1024;

    /// Subscribes to a resource of which the client may know something, and returns its name if it is new. One that is
    /// subscribed to already is told again, for the client may have dropped it meanwhile.
    pub(crate) fn subscribe(&mut self, name: &str, known: Option<Tale>) -> Option<Arc<str>> {
        if let Some((name, _)) = self.names.get_key_value(name) {
            let name = Arc::clone(name);
            self.repeat(&name);
            return None;
        }
        let name: Arc<str> = name.into();
        self.due.insert(Arc::clone(&name));
        let entry = Entry {
            told: known,
            again: false,
        };
        self.names.insert(Arc::clone(&name), entry);
        Some(name)
    }

    /// Ends a subscription, and returns its name if there was one.
    pub(crate) fn unsubscribe(&mut self, name: &str) -> Option<Arc<str>> {
        self.due.remove(name);
        self.names.remove_entry(name).map(|(name, _)| name)
    }

    /// Subscribes to these names and no others; tells what that changed.
    pub(crate) fn replace(&mut self, names: &[String]) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let wanted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let kept = self
            .names
            .keys()
            .filter(|name| wanted.contains(&***name))
            .count();
        if kept == wanted.len() && kept == self.names.len() {
            return (Vec::new(), Vec::new());
        }
        let gone = self.names.keys().filter(|name| !wanted.contains(&***name));
        let gone: Vec<_> = gone.cloned().collect();
        for name in &gone {
            self.unsubscribe(name);
        }
        let new = wanted
            .into_iter()
            .filter(|name| !self.contains(name))
            .collect::<Vec<_>>();
        let new = new
            .into_iter()
            .filter_map(|name| self.subscribe(name, None))
            .collect();
        (new, gone)
    }

    /// Whether the client wants that resource.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Every name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.keys()
    }

    /// Has a resource looked at again.
    pub(crate) fn note(&mut self, name: &Arc<str>) {
        if self.contains(name) {
            self.due.insert(Arc::clone(name));
        }
    }

    /// Has every resource told again.
    pub(crate) fn repeat_all(&mut self) {
        self.due = self.names.keys().cloned().collect();
        self.names.values_mut().for_each(|entry| entry.again = true);
    }

    /// Has a resource told again.
    pub(crate) fn repeat(&mut self, name: &Arc<str>) {
        if let Some(entry) = self.names.get_mut(name) {
            entry.again = true;
            self.due.insert(Arc::clone(name));
        }
    }

    /// Tells what is due, or enough of it. What is not read yet is told when there is news of it.
    pub(crate) fn tell(&mut self, view: &View<'_>, told: &mut Told) {
        let mut bytes = 0;
        while bytes < Self::ENOUGH {
            let Some(name) = self.due.pop_first() else {
                break;
            };
            let Some(entry) = self.names.get_mut(&name) else {
                continue;
            };
            let (is, resource) = match view.lookup(&name) {
                Lookup::Unread => continue,
                Lookup::Absent => (Tale::Absent, None),
                Lookup::Found(resource) => (Tale::Version(resource.version()), Some(resource)),
            };
            let was = entry.told.replace(is);
            let again = std::mem::take(&mut entry.again);
            if was == Some(is) && !again {
                continue;
            }
            if was.is_some_and(|was| was != is) {
                told.replaced.push(Arc::clone(&name));
            }
            match resource {
                None => told.removed.push(name),
                Some(resource) => {
                    bytes += resource.field().len();
                    told.resources.push(resource);
                }
            }
        }
    }

    /// Takes it that the client knows everything as it is, if that has this version.
    pub(crate) fn settle(&mut self, view: &View<'_>, version: Version) {
        let versions = self.names.keys().map(|name| match view.lookup(name) {
            Lookup::Found(resource) => Some(resource.version()),
            Lookup::Unread | Lookup::Absent => None,
        });
        let Some(versions) = versions.collect::<Option<Vec<_>>>() else {
            return;
        };
        if versions.iter().copied().sum::<Version>() != version {
            return;
        }
        for (entry, version) in self.names.values_mut().zip(versions) {
            entry.told = Some(Tale::Version(version));
        }
        let names = &self.names;
        self.due.retain(|name| names[name].again);
    }

    /// The version of all that the client was told.
    pub(crate) fn version(&self) -> Version {
        let told = self.names.values().filter_map(|entry| match entry.told {
            Some(Tale::Version(version)) => Some(version),
            _ => None,
        });
        told.sum()
    }
}
