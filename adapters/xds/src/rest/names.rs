//! The names in a poll. A short one can hold very many: all are counted, and as many kept as may be asked for.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// The first names of a list.
#[derive(Debug, Default)]
pub(super) struct Names {
    kept: Vec<String>,
    count: usize,
}

impl Names {
    /// The most that are kept: each may have to be read from the store.
    pub(super) const MOST: usize = 1000;

    /// Those that were kept.
    pub(super) fn kept(&self) -> &[String] {
        &self.kept
    }

    /// How many there were.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(List)
    }
}

struct List;

impl<'de> Visitor<'de> for List {
    type Value = Names;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
        let mut names = Names::default();
        while names.kept.len() < Names::MOST
            && let Some(name) = list.next_element()?
        {
            names.kept.push(name);
        }
        names.count = names.kept.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            names.count += 1;
        }
        Ok(names)
    }
}
