//! A resource: something with a name and a version that Envoy is told, written once for all who are told it.

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use envoy_types::pb::google::protobuf::Any;
use prost::Message;

use crate::assignment::Assignment;
use crate::cluster::Cluster;
use crate::kind::Kind;
use crate::listener::Listener;
use crate::version::Version;

/// A named resource in one version.
#[derive(Debug)]
pub(crate) struct Resource {
    name: Arc<str>,
    version: Version,
    content: Content,
    answer: OnceLock<Bytes>,
    field: OnceLock<Bytes>,
}

/// What a resource says.
#[derive(Debug)]
pub(crate) enum Content {
    Endpoints(Assignment),
    Cluster(Cluster),
    Listener(Listener),
}

impl Resource {
    /// Field 2 of a discovery response, the resources, as bytes that follow. Where the delta protocol wraps a resource
    /// once more, the field inside has the same number.
    pub(crate) const FIELD: u8 = 0x12;

    /// Derives the version from the content as JSON, which is in one order, other than protobuf's maps.
    pub(crate) fn new(name: Arc<str>, content: Content) -> Self {
        let version = Version::of(&content.json());
        Self {
            name,
            version,
            content,
            answer: OnceLock::new(),
            field: OnceLock::new(),
        }
    }

    /// The name by which it is asked for.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The version of its content.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Which kind of resource it is.
    pub(crate) fn kind(&self) -> Kind {
        match self.content {
            Content::Endpoints(_) => Kind::Endpoints,
            Content::Cluster(_) => Kind::Clusters,
            Content::Listener(_) => Kind::Listeners,
        }
    }

    /// A whole discovery response in JSON that holds this resource alone.
    pub(crate) fn answer(&self) -> &Bytes {
        self.answer
            .get_or_init(|| answer(self.kind(), self.version, [self.content.json()]))
    }

    /// The resource in JSON, as it stands in the response.
    pub(crate) fn json(&self) -> Bytes {
        let (head, whole) = (head(self.kind(), self.version), self.answer());
        whole.slice(head.len()..whole.len() - TAIL.len())
    }

    /// The resource in protobuf, as a whole field of a discovery response.
    pub(crate) fn field(&self) -> &Bytes {
        self.field.get_or_init(|| {
            let any = Any {
                type_url: self.kind().type_url().to_owned(),
                value: self.content.protobuf(),
            };
            let mut field = BytesMut::with_capacity(any.encoded_len() + 8);
            field.put_u8(Self::FIELD);
            any.encode_length_delimited(&mut field)
                .expect("memory takes whatever is written");
            field.freeze()
        })
    }
}

/// What ends a discovery response in JSON.
const TAIL: &str = "]}\n";

/// A discovery response in JSON.
pub(crate) fn answer<J: AsRef<[u8]>>(
    kind: Kind,
    version: Version,
    resources: impl IntoIterator<Item = J>,
) -> Bytes {
    let mut json = head(kind, version).into_bytes();
    for (position, resource) in resources.into_iter().enumerate() {
        if position > 0 {
            json.push(b',');
        }
        json.extend_from_slice(resource.as_ref());
    }
    json.extend_from_slice(TAIL.as_bytes());
    json.into()
}

fn head(kind: Kind, version: Version) -> String {
    let type_url = kind.type_url();
    format!(r#"{{"version_info":"{version}","type_url":"{type_url}","resources":["#)
}

impl Content {
    fn json(&self) -> Vec<u8> {
        match self {
            Self::Endpoints(assignment) => assignment.json(),
            Self::Cluster(cluster) => cluster.json(),
            Self::Listener(listener) => listener.json(),
        }
    }

    fn protobuf(&self) -> Vec<u8> {
        use envoy_types::pb::envoy::config;
        match self {
            Self::Endpoints(assignment) => {
                config::endpoint::v3::ClusterLoadAssignment::from(assignment).encode_to_vec()
            }
            Self::Cluster(cluster) => config::cluster::v3::Cluster::from(cluster).encode_to_vec(),
            Self::Listener(listener) => {
                config::listener::v3::Listener::from(listener).encode_to_vec()
            }
        }
    }
}
