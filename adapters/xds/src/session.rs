//! The discovery protocol of one stream, without the stream: requests and news go in, responses come out.

mod delta;
mod dialogue;
mod named;
mod sotw;
mod whole;
mod wildcard;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::cluster::EdsSource;
use crate::kind::Kind;
use crate::request::{ErrorDetail, Node, shortened};
use crate::resource::Resource;
use crate::resources::{List, Lookup, News, Resources};
use crate::version::Version;

pub(crate) use delta::Delta;
pub(crate) use dialogue::Verdict;
pub(crate) use sotw::Sotw;

/// One stream's side of the protocol, in full states ([`Sotw`]) or in changes ([`Delta`]).
#[derive(Debug)]
pub(crate) struct Session<S> {
    /// The kind that the stream is for, where it is not for all.
    only: Option<Kind>,
    source: EdsSource,
    limits: NameLimits,
    node: Option<Arc<str>>,
    nonce: u64,
    /// Clusters that were told in the place of others and whose endpoints are not subscribed to yet.
    replaced: BTreeSet<Arc<str>>,
    /// One for each kind, in the order of [`Kind::ALL`].
    subscriptions: [S; Kind::ALL.len()],
}

/// How many names one stream may have a node keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameLimits {
    /// The most names.
    pub(crate) names: usize,
    /// The most bytes of all names together.
    pub(crate) bytes: usize,
}

impl NameLimits {
    /// That many names of a usual length.
    pub(crate) fn of(names: usize) -> Self {
        const USUAL: usize = 128;
        let bytes = names.saturating_mul(USUAL);
        Self { names, bytes }
    }
}

/// What a client wants of one kind, and what it was told.
pub(crate) trait Subscription: Sized {
    /// What a client says.
    type Request: Request;
    /// Where a cluster told on a stream of its own reads its endpoints.
    const SOURCE: EdsSource;

    /// Wants nothing of that kind yet.
    fn new(kind: Kind) -> Self;

    /// Takes a request of this kind.
    fn hear(&mut self, request: &Self::Request) -> Reaction;

    /// The names that are kept for the client.
    fn names(&self) -> Box<dyn Iterator<Item = &Arc<str>> + '_>;

    /// Has a resource looked at again, if the client wants it.
    fn note(&mut self, name: &Arc<str>);

    /// Has the list of all resources looked at again.
    fn note_list(&mut self);

    /// Has resources told again although they are the same, if the client wants them.
    fn repeat(&mut self, names: &[Arc<str>]);

    /// What the client has to be told now, in a response of that nonce.
    fn tell(&mut self, view: &View<'_>, nonce: u64) -> Option<Told>;
}

/// What the requests of both protocols have in common.
pub(crate) trait Request {
    /// Who asks; in the first request at least.
    fn node(&self) -> Option<&Node>;
    /// The kind that it is about.
    fn type_url(&self) -> &str;
    /// Why the response that it answers was rejected.
    fn error(&self) -> Option<&ErrorDetail>;
}

/// What came of a request of one kind.
#[derive(Debug)]
pub(crate) struct Reaction {
    pub(crate) verdict: Verdict,
    /// Names that are wanted from now on, and that are not any more.
    pub(crate) added: Vec<Arc<str>>,
    pub(crate) removed: Vec<Arc<str>>,
    /// Whether more names may be kept for the client than before.
    pub(crate) grows: bool,
}

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// None where the kind is none that is served.
    pub(crate) kind: Option<Kind>,
    pub(crate) verdict: Verdict,
    /// Services whose endpoints are not wanted any more. One may be wanted anew by the same request.
    pub(crate) unwatch: Vec<Arc<str>>,
    /// Services whose endpoints are wanted from now on.
    pub(crate) watch: Vec<Arc<str>>,
}

/// Why a stream can't go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A request does not say what it is about.
    NoType,
    /// A request is about another kind than the stream.
    OtherType(String),
    /// More names than one stream may have a node keep.
    TooManyNames(NameLimits),
}

/// The resources of one kind as one stream sees them.
pub(crate) struct View<'a> {
    resources: &'a Resources,
    source: EdsSource,
    kind: Kind,
}

/// What a client is told of one kind.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) resources: Vec<Arc<Resource>>,
    /// Names of which there is no resource any more.
    pub(crate) removed: Vec<Arc<str>>,
    pub(crate) version: Version,
    /// Resources that the client had in another version.
    pub(crate) replaced: Vec<Arc<str>>,
}

/// A response to be sent.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) kind: Kind,
    pub(crate) nonce: u64,
    pub(crate) version: Version,
    pub(crate) resources: Vec<Arc<Resource>>,
    pub(crate) removed: Vec<Arc<str>>,
}

impl<S: Subscription> Session<S> {
    /// A stream for one kind, or for all.
    pub(crate) fn new(only: Option<Kind>, limits: NameLimits) -> Self {
        Self {
            only,
            source: only.map_or(EdsSource::Ads, |_| S::SOURCE),
            limits,
            node: None,
            nonce: 0,
            replaced: BTreeSet::new(),
            subscriptions: Kind::ALL.map(S::new),
        }
    }

    /// Takes a request. The services to watch must be watched before the next response is made.
    pub(crate) fn hear(&mut self, request: &S::Request) -> Result<Heard, Refusal> {
        if let Some(node) = request.node().filter(|_| self.node.is_none()) {
            self.node = Some(shortened(&node.id).into());
        }
        let Some(kind) = self.kind_of(request.type_url())? else {
            return Ok(Heard {
                kind: None,
                verdict: Verdict::Silent,
                watch: Vec::new(),
                unwatch: Vec::new(),
            });
        };
        let reaction = self.subscriptions[kind as usize].hear(request);
        if reaction.grows {
            self.check_limits()?;
        }
        if kind == Kind::Endpoints {
            self.complete_clusters(&reaction.added);
        }
        let watches = |names: Vec<Arc<str>>| match kind {
            Kind::Endpoints => names,
            Kind::Clusters | Kind::Listeners => Vec::new(),
        };
        Ok(Heard {
            kind: Some(kind),
            verdict: reaction.verdict,
            watch: watches(reaction.added),
            unwatch: watches(reaction.removed),
        })
    }

    /// Takes news of resources.
    pub(crate) fn note(&mut self, news: &News) {
        for name in &news.names {
            self.subscriptions[Kind::Endpoints as usize].note(name);
        }
        if news.clusters {
            self.subscriptions[Kind::Clusters as usize].note_list();
        }
    }

    /// Makes the next response, if there is anything to say, of what is current now.
    pub(crate) fn tell(&mut self, resources: &Resources) -> Option<Response> {
        let nonce = self.nonce + 1;
        let (kind, told) = Kind::ALL.into_iter().find_map(|kind| {
            let view = View {
                resources,
                source: self.source,
                kind,
            };
            let told = self.subscriptions[kind as usize].tell(&view, nonce);
            told.map(|told| (kind, told))
        })?;
        self.nonce = nonce;
        if kind == Kind::Clusters {
            self.replace_clusters(&told.replaced);
        }
        Some(Response {
            kind,
            nonce,
            version: told.version,
            resources: told.resources,
            removed: told.removed,
        })
    }

    /// The services whose endpoints are wanted.
    pub(crate) fn watched(&self) -> impl Iterator<Item = &Arc<str>> {
        self.subscriptions[Kind::Endpoints as usize].names()
    }

    /// Who is at the other end, once it has said so.
    pub(crate) fn node(&self) -> &str {
        self.node.as_deref().unwrap_or_default()
    }

    /// Has the endpoints of clusters told that took the place of others, for Envoy takes in a changed cluster only once
    /// it is told its endpoints again. A client that has reconnected often subscribes to them only afterwards.
    fn replace_clusters(&mut self, names: &[Arc<str>]) {
        if names.is_empty() {
            return;
        }
        let endpoints = &mut self.subscriptions[Kind::Endpoints as usize];
        endpoints.repeat(names);
        let wanted: BTreeSet<&Arc<str>> = endpoints.names().collect();
        let later = names.iter().filter(|name| !wanted.contains(name));
        let room = self.limits.names.saturating_sub(self.replaced.len());
        self.replaced.extend(later.take(room).cloned());
    }

    /// Has endpoints told that a changed cluster waits for, whichever version of them the client says it has.
    fn complete_clusters(&mut self, subscribed: &[Arc<str>]) {
        let replaced = subscribed
            .iter()
            .filter_map(|name| self.replaced.take(name));
        let replaced: Vec<Arc<str>> = replaced.collect();
        self.subscriptions[Kind::Endpoints as usize].repeat(&replaced);
    }

    fn kind_of(&self, type_url: &str) -> Result<Option<Kind>, Refusal> {
        match (Kind::of(type_url), self.only) {
            (_, None) if type_url.is_empty() => Err(Refusal::NoType),
            (kind, None) => Ok(kind),
            (_, Some(only)) if type_url.is_empty() => Ok(Some(only)),
            (kind, Some(only)) if kind == Some(only) => Ok(kind),
            (_, Some(_)) => Err(Refusal::OtherType(type_url.to_owned())),
        }
    }

    fn check_limits(&self) -> Result<(), Refusal> {
        let names = self.subscriptions.iter().flat_map(S::names);
        let (count, bytes) = names.fold((0, 0), |(count, bytes), name| {
            (count + 1, bytes + name.len())
        });
        if count > self.limits.names || bytes > self.limits.bytes {
            return Err(Refusal::TooManyNames(self.limits));
        }
        Ok(())
    }
}

impl View<'_> {
    /// What is known of a resource.
    pub(crate) fn lookup(&self, name: &str) -> Lookup {
        self.resources.lookup(self.kind, self.source, name)
    }

    /// All resources of the kind, once they are known.
    pub(crate) fn list(&self) -> Option<Arc<List>> {
        self.resources.list(self.kind, self.source)
    }
}

#[cfg(test)]
mod tests;
