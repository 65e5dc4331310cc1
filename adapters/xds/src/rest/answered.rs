//! Which answers Envoys seem to have rejected. A poll never says so: the only sign is that the next one comes with the
//! same version as the last although another one was told.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use super::request::Asked;
use crate::kind::Kind;
use crate::version::Version;

/// Remembers what each node was told last of what it asks for.
#[derive(Debug, Default)]
pub(super) struct Answered {
    hasher: RandomState,
    /// By a hash of who asks for what.
    polls: Mutex<HashMap<u64, Poll>>,
}

#[derive(Debug, Clone, Copy)]
struct Poll {
    had: Option<Version>,
    told: Version,
    /// How often it was told that in vain.
    rejections: u32,
}

impl Answered {
    /// Beyond that everything is forgotten, which only delays what is noticed.
    const MOST: usize = 100_000;

    /// Notes a poll from an address and the version that answers it; tells how often the same node was told that
    /// version before, asked again and did not have it. Of polls that do not say who asks nobody can tell which follow
    /// one another, and nodes that say the same may be at several addresses.
    pub(super) fn note(&self, kind: Kind, asked: &Asked, told: Version) -> u32 {
        if asked.node().is_empty() {
            return 0;
        }
        let names: Vec<&str> = asked.names().collect();
        let who = self
            .hasher
            .hash_one((kind, asked.peer(), asked.node(), names));
        let had = asked.version();
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        if polls.len() >= Self::MOST {
            polls.clear();
        }
        let before = polls.get(&who).copied();
        let before = before.filter(|before| (before.had, before.told) == (had, told));
        let rejections = before
            .filter(|_| had != Some(told))
            .map_or(0, |before| before.rejections.saturating_add(1));
        polls.insert(
            who,
            Poll {
                had,
                told,
                rejections,
            },
        );
        rejections
    }
}
