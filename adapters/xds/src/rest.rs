//! Discovery by polls: one operation for endpoints, one for clusters.

mod answered;
mod documented;
mod error;
mod names;
mod node;
mod reply;
mod request;

use std::collections::HashMap;
use std::sync::Arc;

use discovery_domain::ServiceName;
use futures_util::future::try_join_all;
use poem::endpoint::BoxEndpoint;
use poem::error::NotFoundError;
use poem::http::Method;
use poem::{Endpoint, EndpointExt, Request, Response};
use poem_openapi::registry::{MetaApi, Registry as Schemas};
use poem_openapi::{OpenApi, Tags};
use tracing::{debug, warn};

use crate::cluster::EdsSource;
use crate::feed::{Feed, READERS};
use crate::kind::Kind;
use crate::metrics::{PollLabels, XdsMetrics};
use crate::resource::Resource;
use crate::resources::Lookup;
use crate::snapshot::no_endpoints;
use crate::version::Version;
use answered::Answered;
use documented::{ClusterDiscovery, DiscoveryRequest, EndpointDiscovery};
use error::{Failure, Refused};
use reply::{Discovered, Found};
use request::{Asked, Sent};

/// An example of every body of the operations here, in YAML, by operation.
pub const EXAMPLES: &str = include_str!("rest/examples.yaml");

/// The operations of discovery over REST.
pub struct XdsApi(Polls);

/// What answers them.
struct Polls {
    feed: Arc<Feed>,
    answered: Answered,
    metrics: XdsMetrics,
}

#[derive(Tags)]
enum Tag {
    /// What Envoy reads where its configuration says `api_type: REST`
    Envoy,
}

#[OpenApi(tag = "Tag::Envoy")]
impl Polls {
    /// Discover endpoints
    ///
    /// The hosts of a service as Envoy's endpoint discovery reads them: by region and zone, with weights, and with
    /// `canary`, `revision`, `instance_id` and `service_repo_name` as metadata for subsets. A service without hosts,
    /// and one that nobody knows, has no endpoints. Several services can be asked for at once.
    ///
    /// The version changes with what is told and with nothing else: a heartbeat does not change it, and every node
    /// names the same one. Answers are never compressed. `node.extensions` is passed over.
    #[oai(
        path = "/v3/discovery:endpoints",
        method = "post",
        operation_id = "discoverEndpoints"
    )]
    async fn endpoints(
        &self,
        request: &Request,
        body: Sent<DiscoveryRequest>,
    ) -> Result<Discovered<EndpointDiscovery>, Refused> {
        let found = self.answer(Kind::Endpoints, body).await;
        found
            .map(Discovered::from)
            .map_err(|failure| failure.refusing(request))
    }

    /// Discover clusters
    ///
    /// One cluster for every service, or for each that is named, made from the operator's template; such a cluster
    /// polls its endpoints. A service stays for the server's `SERVICE_RETENTION`, a day by default, after its last host
    /// has gone, so that its cluster does not come and go with it. Until this node knows all services the answer is
    /// 503, because Envoy drops every cluster that an answer leaves out.
    #[oai(
        path = "/v3/discovery:clusters",
        method = "post",
        operation_id = "discoverClusters"
    )]
    async fn clusters(
        &self,
        request: &Request,
        body: Sent<DiscoveryRequest>,
    ) -> Result<Discovered<ClusterDiscovery>, Refused> {
        let found = self.answer(Kind::Clusters, body).await;
        found
            .map(Discovered::from)
            .map_err(|failure| failure.refusing(request))
    }
}

impl XdsApi {
    pub(crate) fn new(feed: Arc<Feed>, metrics: XdsMetrics) -> Self {
        Self(Polls {
            feed,
            answered: Answered::default(),
            metrics,
        })
    }
}

impl OpenApi for XdsApi {
    fn meta() -> Vec<MetaApi> {
        Polls::meta()
    }

    fn register(registry: &mut Schemas) {
        Polls::register(registry);
    }

    fn add_routes(self, routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        let mut own = HashMap::new();
        self.0.add_routes(&mut own);
        let posts = own.into_iter().filter_map(|(path, mut methods)| {
            let endpoint = methods.remove(&Method::POST)?;
            Some((path, endpoint))
        });
        let methods = routes.entry("/v3/:operation".to_owned()).or_default();
        methods.insert(Method::POST, ByPath(posts.collect()).boxed());
    }
}

/// Endpoints by their whole paths. For poem's router a colon begins a parameter, in the middle of a segment, too, so it
/// can't tell one of these paths from the other.
struct ByPath(HashMap<String, BoxEndpoint<'static>>);

impl Endpoint for ByPath {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        match self.0.get(request.uri().path()) {
            Some(endpoint) => endpoint.call(request).await,
            None => Err(NotFoundError.into()),
        }
    }
}

impl Polls {
    async fn answer<T>(&self, kind: Kind, body: Sent<T>) -> Result<Found, Failure> {
        let outcome = self.find(kind, body).await;
        let status = outcome.as_ref().map_or_else(Failure::status, Found::status);
        let labels = PollLabels::new(kind, status.as_u16());
        self.metrics.polls.get_or_create(&labels).inc();
        outcome
    }

    async fn find<T>(&self, kind: Kind, body: Sent<T>) -> Result<Found, Failure> {
        let asked = body.read().await?.checked(kind)?;
        let found = match kind {
            Kind::Endpoints => self.endpoints_of(&asked).await?,
            Kind::Clusters | Kind::Listeners => self.clusters_of(&asked)?,
        };
        self.note(kind, &asked, found.version());
        Ok(found.unless(asked.version()))
    }

    fn note(&self, kind: Kind, asked: &Asked, version: Version) {
        let now = self.feed.now();
        let rejections = self.answered.note(kind, asked, version, now);
        if rejections > 0 {
            self.metrics.rejections.get_or_create(&kind.into()).inc();
        }
        if rejections == 1 {
            let (node, kind) = (asked.node(), kind.as_str());
            warn!(node, kind, %version, "an answer seems to have been rejected");
        }
    }

    async fn endpoints_of(&self, asked: &Asked) -> Result<Found, Failure> {
        let names: Vec<&str> = asked.names().collect();
        let mut resources = Vec::with_capacity(names.len());
        for some in names.chunks(READERS) {
            let read = some
                .iter()
                .map(|name| self.endpoints_at(name, asked.node()));
            resources.extend(try_join_all(read).await?);
        }
        Ok(Found::some(Kind::Endpoints, &resources))
    }

    async fn endpoints_at(&self, name: &str, node: &str) -> Result<Arc<Resource>, Failure> {
        let Ok(service) = ServiceName::parse(name) else {
            return Ok(Arc::new(no_endpoints(name.into())));
        };
        let (resource, stale) = self.feed.poll(&service).await?;
        if stale {
            debug!(node, %service, "told what was last read");
        }
        Ok(resource)
    }

    fn clusters_of(&self, asked: &Asked) -> Result<Found, Failure> {
        let resources = self.feed.resources();
        let list = resources.list(Kind::Clusters, EdsSource::Rest);
        let list = list.ok_or(Failure::NotReady)?;
        let named = asked.services().filter_map(|name| {
            match resources.lookup(Kind::Clusters, EdsSource::Rest, name) {
                Lookup::Found(cluster) => Some(cluster),
                Lookup::Absent | Lookup::Unread => None,
            }
        });
        let named: Vec<_> = named.collect();
        if !asked.wants_all() {
            return match &*named {
                [] => Err(Failure::Wrong(
                    "resource_names must name services, and none of these can be one".to_owned(),
                )),
                some => Ok(Found::some(Kind::Clusters, some)),
            };
        }
        let mut unlisted = named;
        unlisted.retain(|cluster| list.get(cluster.name()).is_none());
        if unlisted.is_empty() {
            return Ok(Found::all(&list));
        }
        unlisted.extend_from_slice(list.resources());
        Ok(Found::some(Kind::Clusters, &unlisted))
    }
}
