//! The subscription to everything of a kind, in changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::named::{Named, Tale};
use super::{Told, View};
use crate::resources::{Difference, List};
use crate::version::Version;

/// Whether a client wants everything, and what it was told of it. Names that it wants one by one are left to those.
#[derive(Debug, Default)]
pub(crate) struct Wildcard {
    on: bool,
    due: bool,
    told: Option<Arc<List>>,
    /// What the client has from an earlier stream, until it is told something.
    known: BTreeMap<Arc<str>, Tale>,
    /// Names to be told again, or that there is none.
    again: BTreeSet<Arc<str>>,
}

impl Wildcard {
    /// Subscribes to everything, of which the client may have something already.
    pub(crate) fn subscribe(&mut self, known: BTreeMap<Arc<str>, Tale>) {
        (self.on, self.due) = (true, true);
        self.known = known;
    }

    /// Ends the subscription: the client forgets what it has not named.
    pub(crate) fn unsubscribe(&mut self) {
        *self = Self::default();
    }

    /// Has everything looked at again.
    pub(crate) fn note(&mut self) {
        self.due = self.on;
    }

    /// Has a resource told again that the client has just stopped to name.
    pub(crate) fn repeat(&mut self, name: &Arc<str>) {
        if self.on {
            self.due = true;
            self.again.insert(Arc::clone(name));
        }
    }

    /// How many names it keeps that are the client's own.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.known.keys().chain(&self.again)
    }

    /// The version of everything that was told.
    pub(crate) fn version(&self) -> Version {
        self.told
            .as_ref()
            .map(|list| list.version())
            .unwrap_or_default()
    }

    /// Tells what has changed; the first time it is to be told even if that is nothing, which this returns.
    pub(crate) fn tell(&mut self, view: &View<'_>, named: &Named, told: &mut Told) -> bool {
        let Some(list) = self.due.then(|| view.list()).flatten() else {
            return false;
        };
        self.due = false;
        let known = std::mem::take(&mut self.known);
        let mut difference = match &self.told {
            Some(before) => list.since(before),
            None => since_known(&list, &known),
        };
        for name in std::mem::take(&mut self.again) {
            repeat(&list, name, &mut difference);
        }
        let Difference { changed, removed } = difference;
        let changed = changed
            .into_iter()
            .filter(|resource| !named.contains(resource.name()));
        told.resources.extend(changed);
        told.removed
            .extend(removed.into_iter().filter(|name| !named.contains(name)));
        let replaced = told
            .resources
            .iter()
            .filter(|resource| known.contains_key(resource.name()));
        told.replaced
            .extend(replaced.map(|resource| Arc::clone(resource.name())));
        self.told.replace(list).is_none()
    }
}

/// What a list has that a client has not.
fn since_known(list: &List, known: &BTreeMap<Arc<str>, Tale>) -> Difference {
    let resources = list.resources().iter();
    let changed = resources
        .filter(|resource| known.get(resource.name()) != Some(&Tale::Version(resource.version())));
    let removed = known.keys().filter(|name| list.get(name).is_none());
    Difference {
        changed: changed.cloned().collect(),
        removed: removed.cloned().collect(),
    }
}

/// Adds a resource to a difference, unless it is there.
fn repeat(list: &List, name: Arc<str>, difference: &mut Difference) {
    match list.get(&name) {
        Some(resource) if !difference.changed.iter().any(|other| *other.name() == name) => {
            difference.changed.push(Arc::clone(resource));
        }
        None if !difference.removed.contains(&name) => difference.removed.push(name),
        _ => {}
    }
}
