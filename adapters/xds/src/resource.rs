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
    json: OnceLock<Bytes>,
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
            json: OnceLock::new(),
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

    /// The resource in JSON, as a REST answer has it.
    pub(crate) fn json(&self) -> &Bytes {
        self.json.get_or_init(|| self.content.json().into())
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
