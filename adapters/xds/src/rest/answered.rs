//! Which answers Envoys seem to have rejected. A poll never says so: the only sign is that later ones still come with the
//! version from before although another one was told.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use discovery_domain::LeaseInstant;

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

/// What a node had when it asked, and what it was told.
#[derive(Debug)]
struct Poll {
    had: Option<Version>,
    told: Version,
    /// When it was first told that.
    since: LeaseInstant,
    /// How often it was told that in vain.
    repeats: u32,
    /// How many of those times count.
    rejections: u32,
}

impl Answered {
    /// Beyond that everything is forgotten, which only delays what is noticed.
    const MOST: usize = 100_000;

    /// Notes a poll from an address and the version that answers it; tells how often the same node seems to have
    /// rejected that version so far if it has done so again, and 0 otherwise. Of polls that do not say who asks nobody
    /// can tell which follow one another, and nodes that say the same may be at several addresses. Whoever never has a
    /// version has rejected every one only if it is an Envoy: others may just not keep them.
    pub(super) fn note(&self, kind: Kind, asked: &Asked, told: Version, now: LeaseInstant) -> u32 {
        if asked.node().is_empty() {
            return 0;
        }
        let names: Vec<&str> = asked.names().collect();
        let who = (kind, asked.peer(), asked.node(), names);
        let who = self.hasher.hash_one(who);
        let had = asked.version();
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        if polls.len() >= Self::MOST {
            polls.clear();
        }
        match polls.get_mut(&who) {
            Some(poll) if had != Some(told) && (poll.had, poll.told) == (had, told) => {
                let says_versions = had.is_some() || asked.is_of_envoy();
                poll.repeats(now, says_versions)
            }
            _ => {
                polls.insert(who, Poll::first(had, told, now));
                0
            }
        }
    }
}

impl Poll {
    /// From how many repeats on they count. One of them may come from another cluster with the same service.
    const TELLING: u32 = 2;
    /// How old the answer must be: a client that asks again within that may not have read it.
    const SETTLED: Duration = Duration::from_secs(1);

    fn first(had: Option<Version>, told: Version, now: LeaseInstant) -> Self {
        Self {
            had,
            told,
            since: now,
            repeats: 0,
            rejections: 0,
        }
    }

    /// Notes that the same was asked once more; tells how many rejections there are if that is one.
    fn repeats(&mut self, now: LeaseInstant, says_versions: bool) -> u32 {
        self.repeats = self.repeats.saturating_add(1);
        let settled = now.since(self.since) >= Self::SETTLED;
        if !says_versions || self.repeats < Self::TELLING || !settled {
            return 0;
        }
        self.rejections = self.rejections.saturating_add(1);
        self.rejections
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// One who polls the endpoints of a service.
    struct Poller {
        answered: Answered,
        now: LeaseInstant,
        every: Duration,
        user_agent: &'static str,
    }

    impl Poller {
        fn new(user_agent: &'static str) -> Self {
            Self {
                answered: Answered::default(),
                now: LeaseInstant::DISTANT_PAST + Duration::from_mins(1),
                every: Duration::from_secs(5),
                user_agent,
            }
        }

        /// What comes of a poll by someone who has a version and is told another.
        fn polls(&mut self, had: Option<&str>, told: &str) -> u32 {
            let version = |content: &str| Version::of(content.as_bytes());
            self.now = self.now + self.every;
            let asked = json!({
                "node": {"id": "n", "user_agent_name": self.user_agent},
                "resource_names": ["users"],
                "version_info": had.map(|content| version(content).to_string()),
            });
            let asked: Asked = serde_json::from_value(asked).unwrap();
            self.answered
                .note(Kind::Endpoints, &asked, version(told), self.now)
        }
    }

    #[test]
    fn an_old_version_that_comes_again_and_again_is_a_rejection() {
        let mut envoy = Poller::new("envoy");
        assert_eq!(envoy.polls(Some("old"), "old"), 0);
        assert_eq!(envoy.polls(Some("old"), "old"), 0);
        assert_eq!(envoy.polls(Some("old"), "new"), 0);
        assert_eq!(envoy.polls(Some("old"), "new"), 0);
        assert_eq!(envoy.polls(Some("old"), "new"), 1);
        assert_eq!(envoy.polls(Some("old"), "new"), 2);
        assert_eq!(envoy.polls(Some("new"), "new"), 0, "taken in after all");
    }

    #[test]
    fn two_clusters_of_one_service_reject_nothing() {
        let mut envoy = Poller::new("envoy");
        for had in [None, None, Some("old"), Some("old")] {
            assert_eq!(envoy.polls(had, "old"), 0);
        }
        for had in ["old", "old", "new", "new"] {
            assert_eq!(envoy.polls(Some(had), "new"), 0);
        }
    }

    #[test]
    fn who_asks_several_times_within_a_second_has_rejected_nothing_yet() {
        let mut envoy = Poller::new("envoy");
        envoy.every = Duration::from_millis(150);
        for _ in 0..7 {
            assert_eq!(envoy.polls(Some("old"), "new"), 0);
        }
        assert_eq!(envoy.polls(Some("old"), "new"), 1);
    }

    #[test]
    fn who_never_has_a_version_has_rejected_them_all_only_if_it_is_an_envoy() {
        let (mut envoy, mut script) = (Poller::new("envoy"), Poller::new("curl"));
        for rejections in [0, 0, 1, 2] {
            assert_eq!(envoy.polls(None, "new"), rejections);
            assert_eq!(script.polls(None, "new"), 0);
        }
    }
}
