//! What a poll asks, read within bounds of size and time.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use poem::http::header::CONTENT_LENGTH;
use poem::{Body, Request, RequestBody, Result as PoemResult};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::Deserialize;
use tokio::time::timeout;

use super::error::Failure;
use super::names::Names;
use super::node::Node;
use crate::kind::Kind;
use crate::version::Version;

/// A body that is documented as a `T`.
pub(super) struct Sent<T> {
    body: Body,
    /// How many bytes it may have: as many as its client says, or the most that are taken.
    expected: usize,
    peer: Option<IpAddr>,
    documented: PhantomData<T>,
}

/// The fields that are used of a discovery request. A parser passes over all others without keeping them, above all
/// the 516 extensions that an Envoy names in every poll.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(skip)]
    peer: Option<IpAddr>,
    #[serde(default, alias = "versionInfo")]
    version_info: Option<String>,
    #[serde(default)]
    node: Option<Node>,
    #[serde(default, alias = "resourceNames")]
    resource_names: Option<Names>,
    #[serde(default, alias = "typeUrl")]
    type_url: Option<String>,
}

/// The largest body, in bytes; an Envoy's has some 77 KB.
pub(super) const MAX_BYTES: usize = 1024 * 1024;
/// How much of a body that is too large is read on and thrown away, because many clients listen for an answer only when
/// they have sent everything.
const MAX_DRAINED: usize = 2 * MAX_BYTES;
/// How far the buffer of a body grows by itself, which has it in memory twice; then it gets all the room that it needs.
const MAX_GROWN: usize = 64 * 1024;
/// How long a body may take to arrive.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

impl<T> Sent<T> {
    /// Reads the body.
    pub(super) async fn read(self) -> Result<Asked, Failure> {
        let collected = timeout(PATIENCE, collect(self.body, self.expected)).await;
        let bytes = collected.map_err(|_| Failure::TooSlow)??;
        let wrong = |why: &dyn Display| {
            Failure::Wrong(format!(
                "the body must be a discovery request in JSON: {why}"
            ))
        };
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(wrong(&"it is no object"));
        }
        let asked = serde_json::from_slice(&bytes).map_err(|error| wrong(&error))?;
        let peer = self.peer;
        Ok(Asked { peer, ..asked })
    }
}

async fn collect(body: Body, expected: usize) -> Result<Vec<u8>, Failure> {
    let mut chunks = pin!(body.into_bytes_stream());
    let (mut bytes, mut read) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let lost = |error| Failure::Wrong(format!("the body could not be read: {error}"));
        let chunk = chunk.map_err(lost)?;
        read += chunk.len();
        if read <= MAX_BYTES {
            if read > MAX_GROWN && bytes.capacity() < expected {
                bytes.reserve_exact(expected - bytes.len());
            }
            bytes.extend_from_slice(&chunk);
        } else if read > MAX_DRAINED {
            break;
        } else {
            bytes = Vec::new();
        }
    }
    if read > MAX_BYTES {
        return Err(Failure::TooLarge);
    }
    Ok(bytes)
}

impl Asked {
    /// Stands for every resource, as no name at all does.
    const ALL: &str = "*";

    /// The request, if it is one for that kind and for no more names than these; endpoints must be named.
    pub(super) fn checked(self, kind: Kind) -> Result<Self, Failure> {
        let type_url = self.type_url.as_deref().unwrap_or_default();
        let names = self.resource_names.as_ref().map_or(0, Names::count);
        let wrong = if !type_url.is_empty() && type_url != kind.type_url() {
            let shown: String = type_url.chars().take(200).collect();
            format!("type_url must be {:?} here, got {shown:?}", kind.type_url())
        } else if names > Names::MOST {
            let most = Names::MOST;
            format!("resource_names must have at most {most} names, got {names}")
        } else if kind == Kind::Endpoints && names == 0 {
            "resource_names must name the services whose endpoints are wanted".to_owned()
        } else {
            return Ok(self);
        };
        Err(Failure::Wrong(wrong))
    }

    /// Whether everything is wanted.
    pub(super) fn wants_all(&self) -> bool {
        let names = self.resource_names.as_ref().map_or(&[][..], Names::kept);
        names.is_empty() || names.iter().any(|name| name == Self::ALL)
    }

    /// The names, each once.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let mut seen = BTreeSet::new();
        let names = self
            .resource_names
            .iter()
            .flat_map(Names::kept)
            .map(String::as_str);
        names.filter(move |name| seen.insert(*name))
    }

    /// The names that stand for one service each.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.names().filter(|name| *name != Self::ALL)
    }

    /// The version that the client has.
    pub(super) fn version(&self) -> Option<Version> {
        self.version_info.as_deref().and_then(Version::parse)
    }

    /// Where the poll came from.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Who asks, as far as logs show it.
    pub(super) fn node(&self) -> &str {
        self.node.as_ref().map_or("", Node::id)
    }

    /// Whether an Envoy asks, as far as it says so.
    pub(super) fn is_of_envoy(&self) -> bool {
        self.node.as_ref().is_some_and(Node::is_envoy)
    }
}

impl<'a, T: Type> ApiExtractor<'a> for Sent<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    const PARAM_IS_REQUIRED: bool = true;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: "application/json",
                schema: T::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> PoemResult<Self> {
        let length = request.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Ok(Self {
            body: body.take()?,
            expected: length.map_or(MAX_BYTES, |length: usize| length.min(MAX_BYTES)),
            peer: request.remote_addr().as_socket_addr().map(SocketAddr::ip),
            documented: PhantomData,
        })
    }
}
