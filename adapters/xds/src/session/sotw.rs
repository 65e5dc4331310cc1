//! The protocol in full states: each request holds all names, and of clusters and listeners each response all
//! resources.

use std::sync::Arc;

use super::dialogue::{Dialogue, Verdict};
use super::named::Named;
use super::whole::Whole;
use super::{Reaction, Request, Subscription, Told, View};
use crate::cluster::EdsSource;
use crate::kind::Kind;
use crate::request::{DiscoveryRequest, ErrorDetail, Node};
use crate::version::Version;

/// What a client wants of one kind, in full states.
#[derive(Debug)]
pub(crate) struct Sotw {
    dialogue: Dialogue,
    wants: Wants,
    heard: bool,
    /// What the client had on an earlier stream.
    claimed: Option<Version>,
    /// Whether everything was told again and nothing has happened since: a client that asks in answer to every
    /// response is not answered for ever.
    repeated: bool,
}

#[derive(Debug)]
enum Wants {
    /// Endpoints: a response may hold some of them.
    Some(Named),
    /// Clusters and listeners: a response holds all of them.
    All(Whole),
}

impl Subscription for Sotw {
    type Request = DiscoveryRequest;
    const SOURCE: EdsSource = EdsSource::Grpc;

    fn new(kind: Kind) -> Self {
        let wants = match kind {
            Kind::Endpoints => Wants::Some(Named::default()),
            Kind::Clusters | Kind::Listeners => Wants::All(Whole::default()),
        };
        Self {
            dialogue: Dialogue::default(),
            wants,
            heard: false,
            claimed: None,
            repeated: false,
        }
    }

    /// The names count in every request, whichever response it answers: requests come in the order in which the client
    /// changes its mind, and those for new clusters come with the nonce of an old response.
    fn hear(&mut self, request: &DiscoveryRequest) -> Reaction {
        let verdict = self
            .dialogue
            .hears(&request.response_nonce, request.error());
        if !std::mem::replace(&mut self.heard, true) && !request.version_info.is_empty() {
            self.resume(Version::parse(&request.version_info));
        }
        let wanted = &request.resource_names;
        let (changed, added, removed) = match &mut self.wants {
            Wants::Some(named) => {
                let (added, removed) = named.replace(wanted);
                (!added.is_empty() || !removed.is_empty(), added, removed)
            }
            Wants::All(whole) => (whole.replace(wanted), Vec::new(), Vec::new()),
        };
        if changed {
            self.repeated = false;
        } else if verdict == Verdict::Again && !std::mem::replace(&mut self.repeated, true) {
            self.repeat_all();
        }
        Reaction {
            verdict,
            added,
            removed,
            grows: changed,
        }
    }

    fn names(&self) -> Box<dyn Iterator<Item = &Arc<str>> + '_> {
        match &self.wants {
            Wants::Some(named) => Box::new(named.names()),
            Wants::All(whole) => Box::new(whole.names()),
        }
    }

    fn note(&mut self, name: &Arc<str>) {
        self.repeated = false;
        if let Wants::Some(named) = &mut self.wants {
            named.note(name);
        }
    }

    fn note_list(&mut self) {
        self.repeated = false;
        if let Wants::All(whole) = &mut self.wants {
            whole.note();
        }
    }

    fn repeat(&mut self, names: &[Arc<str>]) {
        if let Wants::Some(named) = &mut self.wants {
            for name in names {
                named.repeat(name);
            }
        }
    }

    fn tell(&mut self, view: &View<'_>, nonce: u64) -> Option<Told> {
        let told = match &mut self.wants {
            Wants::All(whole) => whole.tell(view)?,
            Wants::Some(named) => {
                if let Some(claimed) = self.claimed.take() {
                    named.settle(view, claimed);
                }
                let mut told = Told::default();
                named.tell(view, &mut told);
                told.version = named.version();
                Some(told).filter(|told| !told.resources.is_empty())?
            }
        };
        self.dialogue.sends(nonce);
        Some(told)
    }
}

impl Sotw {
    fn resume(&mut self, version: Option<Version>) {
        match &mut self.wants {
            Wants::Some(_) => self.claimed = version,
            Wants::All(whole) => whole.resume(version),
        }
    }

    fn repeat_all(&mut self) {
        match &mut self.wants {
            Wants::Some(named) => named.repeat_all(),
            Wants::All(whole) => whole.repeat(),
        }
    }
}

impl Request for DiscoveryRequest {
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
