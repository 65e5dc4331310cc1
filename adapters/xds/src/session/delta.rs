//! The protocol in changes: each request holds names to add and to drop, each response what has changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dialogue::Dialogue;
use super::named::{Named, Tale};
use super::whole::Whole;
use super::wildcard::Wildcard;
use super::{Reaction, Request, Subscription, Told, View};
use crate::cluster::EdsSource;
use crate::kind::Kind;
use crate::request::{DeltaDiscoveryRequest, ErrorDetail, NamedVersion, Node};
use crate::version::Version;

/// What a client wants of one kind, in changes.
#[derive(Debug)]
pub(crate) struct Delta {
    /// Endpoints are only told by name: there, `*` is a service like any other.
    all: Option<Wildcard>,
    named: Named,
    dialogue: Dialogue,
    heard: bool,
}

impl Subscription for Delta {
    type Request = DeltaDiscoveryRequest;
    const SOURCE: EdsSource = EdsSource::DeltaGrpc;

    fn new(kind: Kind) -> Self {
        Self {
            all: (kind != Kind::Endpoints).then(Wildcard::default),
            named: Named::default(),
            dialogue: Dialogue::default(),
            heard: false,
        }
    }

    fn hear(&mut self, request: &DeltaDiscoveryRequest) -> Reaction {
        let verdict = self
            .dialogue
            .hears(&request.response_nonce, request.error());
        let first = !std::mem::replace(&mut self.heard, true);
        let removed = self.unsubscribe(&request.resource_names_unsubscribe);
        let mut known = BTreeMap::new();
        if first {
            known = tales(&request.initial_resource_versions);
        }
        let subscribe = &request.resource_names_subscribe;
        // A name that is not wanted any more may be kept to be told again with all.
        let unsubscribes = !request.resource_names_unsubscribe.is_empty();
        let grows = first || unsubscribes || !subscribe.is_empty();
        let (all, names): (Vec<_>, Vec<_>) = subscribe
            .iter()
            .partition(|name| self.all.is_some() && *name == Whole::ALL);
        let subscribed = names.into_iter().filter_map(|name| {
            let known = known.remove(name.as_str());
            self.named.subscribe(name, known)
        });
        let added = subscribed.collect();
        if let Some(wildcard) = &mut self.all
            && (!all.is_empty() || first && subscribe.is_empty())
        {
            wildcard.subscribe(known);
        }
        Reaction {
            verdict,
            added,
            removed,
            grows,
        }
    }

    fn names(&self) -> Box<dyn Iterator<Item = &Arc<str>> + '_> {
        let all = self.all.iter().flat_map(Wildcard::names);
        Box::new(self.named.names().chain(all))
    }

    fn note(&mut self, name: &Arc<str>) {
        self.named.note(name);
    }

    fn note_list(&mut self) {
        self.all.iter_mut().for_each(Wildcard::note);
    }

    fn repeat(&mut self, names: &[Arc<str>]) {
        for name in names {
            self.named.repeat(name);
        }
    }

    fn tell(&mut self, view: &View<'_>, nonce: u64) -> Option<Told> {
        let mut told = Told::default();
        let all = self.all.as_mut();
        let greets = all.is_some_and(|all| all.tell(view, &self.named, &mut told));
        self.named.tell(view, &mut told);
        if told.resources.is_empty() && told.removed.is_empty() && !greets {
            return None;
        }
        let all = self.all.iter().map(Wildcard::version);
        told.version = all.chain([self.named.version()]).sum();
        self.dialogue.sends(nonce);
        Some(told)
    }
}

impl Delta {
    fn unsubscribe(&mut self, names: &[String]) -> Vec<Arc<str>> {
        let mut removed = Vec::new();
        for name in names {
            match &mut self.all {
                Some(all) if name == Whole::ALL => all.unsubscribe(),
                all => {
                    let gone = self.named.unsubscribe(name);
                    if let (Some(all), Some(gone)) = (all, &gone) {
                        all.repeat(gone);
                    }
                    removed.extend(gone);
                }
            }
        }
        removed
    }
}

/// What a client has from an earlier stream.
fn tales(versions: &[NamedVersion]) -> BTreeMap<Arc<str>, Tale> {
    let tale = |version: &str| Version::parse(version).map_or(Tale::Foreign, Tale::Version);
    let tales = versions
        .iter()
        .map(|known| (known.name.as_str().into(), tale(&known.version)));
    tales.collect()
}

impl Request for DeltaDiscoveryRequest {
    fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    fn type_url(&self) -> &str {
        &self.type_url
    }

    fn error(&self) -> Option<&ErrorDetail> {
        self.error_detail.as_ref()
    }
}
