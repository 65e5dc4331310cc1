//! Who polls, by the one member of its node that is used.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::request::shortened;

/// The id of a node, no longer than it goes into a log. Its object may have any other members, and has hundreds.
#[derive(Debug)]
pub(super) struct NodeName(String);

/// What is read of the object. Serde would take an array for it, too, if it were asked for by itself.
#[derive(Deserialize)]
struct Members {
    #[serde(default)]
    id: Option<String>,
}

impl NodeName {
    /// The id, empty where there is none.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for NodeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = NodeName;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<NodeName, A::Error> {
        let Members { id } = Members::deserialize(MapAccessDeserializer::new(members))?;
        Ok(NodeName(shortened(&id.unwrap_or_default())))
    }
}
