//! Conversations, as an Envoy and gRPC programs were seen to lead them.

mod delta;
mod sotw;
mod stream;

use std::sync::Arc;

use discovery_domain::{Registration, ServiceName};
use discovery_testkit::hosts::{registration, service};

use super::*;
use crate::cluster::ClusterTemplate;
use crate::resources::Mailbox;
use crate::snapshot::Snapshot;
use crate::testing::listing;

const CLUSTERS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const LISTENERS: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";

const LIMITS: NameLimits = NameLimits {
    names: 10_000,
    bytes: 1_000_000,
};

/// A stream without a network, and the resources it tells.
struct Stream<S: Subscription> {
    session: Session<S>,
    resources: Arc<Resources>,
    mailbox: Arc<Mailbox>,
}

/// What a response said: its kind, its nonce, its version, and the names in it; those that are gone begin with `-`.
type Said = (Kind, String, String, Vec<String>);

impl<S: Subscription> Stream<S> {
    /// A stream for all kinds to resources of which nothing is known yet.
    fn ads() -> Self {
        Self::to(
            None,
            &Arc::new(Resources::new(ClusterTemplate::default(), usize::MAX)),
        )
    }

    fn to(only: Option<Kind>, resources: &Arc<Resources>) -> Self {
        Self {
            session: Session::new(only, LIMITS),
            resources: Arc::clone(resources),
            mailbox: resources.open(),
        }
    }

    /// Another stream to the same resources: the client lost this one.
    fn reconnected(&self) -> Self {
        Self::to(None, &self.resources)
    }

    fn says(&mut self, request: &S::Request) -> Verdict {
        let heard = self.session.hear(request).unwrap();
        self.resources.unwatch(&self.mailbox, &heard.unwatch);
        self.resources.watch(&self.mailbox, &heard.watch).unwrap();
        heard.verdict
    }

    fn response(&mut self) -> Option<Response> {
        self.session.note(&self.mailbox.take());
        self.session.tell(&self.resources)
    }

    /// The next response.
    #[track_caller]
    fn hears(&mut self) -> Said {
        let response = self.response().expect("there is something to say");
        let names = response
            .resources
            .iter()
            .map(|resource| resource.name().to_string());
        let removed = response.removed.iter().map(|name| format!("-{name}"));
        let (nonce, version) = (response.nonce.to_string(), response.version.to_string());
        (
            response.kind,
            nonce,
            version,
            names.chain(removed).collect(),
        )
    }

    /// The next response, which must be of that kind and hold exactly these; returns its nonce and version.
    #[track_caller]
    fn hears_of<const N: usize>(&mut self, kind: Kind, names: [&str; N]) -> (String, String) {
        let (said, nonce, version, said_names) = self.hears();
        assert_eq!(
            (said, &said_names[..]),
            (kind, &names.map(String::from)[..])
        );
        (nonce, version)
    }

    #[track_caller]
    fn hears_nothing(&mut self) {
        let response = self.response();
        assert!(response.is_none(), "nothing was to be said: {response:?}");
    }

    /// Has a service been read, with hosts at these addresses.
    fn read(&self, name: &str, ips: &[&str]) {
        let hosts = ips.iter().map(|ip| registration(name, ip));
        self.read_hosts(name, hosts);
    }

    fn read_hosts(&self, name: &str, hosts: impl IntoIterator<Item = Registration>) {
        let interest = self.resources.interest(&service(name));
        let snapshot = Snapshot::fresh(name, listing(hosts));
        let interest = interest.expect("somebody wants to know");
        self.resources
            .publish(&interest, snapshot.resource(), false);
    }

    /// Makes the catalogue known.
    fn catalogued(&self, names: &[&str]) {
        let services: Vec<ServiceName> = names.iter().map(|name| service(name)).collect();
        self.resources.publish_catalogue(&services);
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
