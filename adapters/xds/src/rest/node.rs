//! Who polls, by the two members of its node that are used.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::request::shortened;

/// A node as far as it matters here. Its object may have any other members, and has hundreds.
#[derive(Debug)]
pub(super) struct Node {
    /// No longer than it goes into a log.
    id: String,
    is_envoy: bool,
}

/// What is read of the object. Serde would take an array for it, too, if it were asked for by itself.
#[derive(Deserialize)]
struct Members {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, alias = "userAgentName")]
    user_agent_name: Option<String>,
}

impl Node {
    /// The id, empty where there is none.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether it says that it is an Envoy.
    pub(super) fn is_envoy(&self) -> bool {
        self.is_envoy
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Node, A::Error> {
        let members = Members::deserialize(MapAccessDeserializer::new(members))?;
        Ok(Node {
            id: shortened(&members.id.unwrap_or_default()),
            is_envoy: members.user_agent_name.as_deref() == Some("envoy"),
        })
    }
}
