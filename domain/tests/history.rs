//! What a node remembers of its hosts.

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{
    Event, EventKind, History, HostRepository, LeaseClock, Liveness, Registry, StoreError,
};
use discovery_local::InMemoryHostRepository;
use discovery_testkit::hosts::{HOST_TTL, key, registration, service};
use discovery_testkit::{Fault, Faulty, ManualClock};

/// Just longer than a host may be silent.
const TOO_LONG: Duration = HOST_TTL.saturating_add(Duration::from_secs(1));

struct Node {
    registry: Registry,
    history: Arc<History>,
    store: Arc<Faulty>,
    clock: Arc<ManualClock>,
}

impl Node {
    fn new() -> Self {
        Self::over(Arc::new(InMemoryHostRepository::new()))
    }

    /// A node of its own over a store that others may use.
    fn over(store: Arc<dyn HostRepository>) -> Self {
        let clock = ManualClock::new();
        let lease = Arc::new(LeaseClock::new(clock.clone()));
        let liveness = Liveness {
            host_ttl: HOST_TTL,
            guard_minimum_live: 0.5,
        };
        let store = Faulty::new(store);
        let history = Arc::new(History::new(100));
        let registry = Registry::new(store.clone(), lease, liveness).remembering(history.clone());
        Self {
            registry,
            history,
            store,
            clock,
        }
    }

    /// Checks in the hosts of a service with these last bytes of their addresses, each a moment after the other.
    async fn check_in(&self, hosts: impl IntoIterator<Item = u8>) {
        for host in hosts {
            self.clock.advance(Duration::from_millis(1));
            let registration = registration("web", &format!("10.0.0.{host}"));
            let change = self.registry.register(registration).await;
            change.expect("the store works");
        }
    }

    fn pass(&self, time: Duration) {
        self.clock.advance_proving(self.registry.lease(), time);
    }

    async fn listed(&self) -> usize {
        let answer = self.registry.hosts_of(&service("web")).await;
        answer.expect("the store works").listing.listed.len()
    }

    /// What happened to a host, the latest first.
    fn of(&self, host: u8) -> Vec<EventKind> {
        let key = key("web", &format!("10.0.0.{host}"));
        let events = self
            .history
            .latest(&service("web"), 100, |event| event.key == key);
        events.into_iter().map(|event| event.what).collect()
    }
}

#[tokio::test]
async fn a_swept_host_has_expired_after_the_time_it_was_silent() {
    let node = Node::new();
    node.check_in([1]).await;
    node.pass(HOST_TTL + TOO_LONG);
    assert_eq!(node.registry.sweep(10).await.0.len(), 1);
    assert_eq!(node.of(1), [EventKind::Expired(HOST_TTL + TOO_LONG)]);
    let events = node.history.latest(&service("web"), 100, |_| true);
    assert_eq!(
        (events[0].at, &events[0].request_id),
        (node.registry.lease().now().wall, &None)
    );
}

#[tokio::test]
async fn a_host_leaves_the_list_returns_and_leaves_it_for_good() {
    let node = Node::new();
    node.check_in([1]).await;
    for _ in 0..2 {
        node.pass(TOO_LONG);
        for _ in 0..2 {
            assert_eq!(node.listed().await, 0);
        }
        assert_eq!(node.of(1)[0], EventKind::Unlisted(TOO_LONG));
        node.check_in([1]).await;
        assert_eq!(node.listed().await, 1);
        assert_eq!(node.of(1)[0], EventKind::Returned);
    }
    assert_eq!(node.of(1).len(), 4);
    node.pass(TOO_LONG);
    assert_eq!(node.listed().await, 0);
    node.pass(HOST_TTL);
    assert_eq!(node.registry.sweep(10).await.0.len(), 1);
    node.check_in([1]).await;
    assert_eq!(node.listed().await, 1);
    let ends = [
        EventKind::Expired(HOST_TTL + TOO_LONG),
        EventKind::Unlisted(TOO_LONG),
    ];
    assert_eq!(node.of(1)[..2], ends);
    assert_eq!(node.of(1).len(), 6);
}

#[tokio::test]
async fn rows_that_were_dead_before_this_node_saw_them_are_no_news() {
    let store = Arc::new(InMemoryHostRepository::new());
    Node::over(store.clone()).check_in(1..=3).await;
    let node = Node::over(store);
    node.pass(HOST_TTL * 3);
    assert_eq!(node.listed().await, 0);
    assert_eq!(node.of(1), []);
}

#[tokio::test]
async fn a_host_is_guarded_once_and_another_one_unlisted_in_its_place() {
    let node = Node::new();
    node.check_in(1..=8).await;
    node.pass(TOO_LONG);
    for _ in 0..3 {
        assert_eq!(node.listed().await, 4);
        node.pass(Duration::from_secs(1));
    }
    // Those seen last stay.
    for host in 5..=8 {
        assert_eq!(node.of(host), [EventKind::Guarded], "{host}");
    }
    for host in 1..=4 {
        let [EventKind::Unlisted(silent)] = node.of(host)[..] else {
            panic!("{host}: {:?}", node.of(host));
        };
        assert!(
            (TOO_LONG..TOO_LONG + Duration::from_secs(1)).contains(&silent),
            "{silent:?}"
        );
    }
}

#[tokio::test]
async fn a_host_that_the_guard_held_up_or_left_out_has_returned_when_it_checks_in() {
    let node = Node::new();
    node.check_in(1..=8).await;
    node.pass(TOO_LONG);
    assert_eq!(node.listed().await, 4);
    node.check_in([1, 8]).await;
    assert_eq!(node.listed().await, 4);
    assert_eq!(node.of(8), [EventKind::Returned, EventKind::Guarded]);
    assert_eq!(node.of(1)[0], EventKind::Returned);
    assert!(
        matches!(node.of(5)[0], EventKind::Unlisted(_)),
        "it made room"
    );
    assert_eq!(node.of(7), [EventKind::Guarded]);
    // The guard ends with these.
    node.check_in([2, 3]).await;
    assert_eq!(node.listed().await, 4);
    assert_eq!(node.of(2)[0], EventKind::Returned);
    node.pass(HOST_TTL.saturating_sub(Duration::from_millis(500)));
    assert_eq!(node.registry.sweep(10).await.0.len(), 4);
    assert!(matches!(
        node.of(7)[..],
        [
            EventKind::Expired(_),
            EventKind::Unlisted(_),
            EventKind::Guarded
        ] | [EventKind::Expired(_), EventKind::Guarded]
    ));
}

#[tokio::test]
async fn a_released_guard_leaves_the_live_hosts_and_remembers_who_released_it() {
    let node = Node::new();
    node.check_in(1..=8).await;
    node.pass(TOO_LONG);
    node.check_in([8]).await;
    assert_eq!(node.listed().await, 4);
    let (web, by): (_, Arc<str>) = (service("web"), "abc".into());
    let release = node.registry.release_guard(&web, Some(by.clone())).await;
    let release = release.expect("the store works");
    assert_eq!((release.removed.len(), release.guarded), (7, 0));
    assert_eq!(node.listed().await, 1);
    let events = node.history.latest(&service("web"), 1, |event| {
        event.key == key("web", "10.0.0.1")
    });
    let [
        Event {
            what, request_id, ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((what, request_id), (&EventKind::Released, &Some(by)));
    assert!(node.registry.guarded().is_empty());
}

#[tokio::test]
async fn a_release_without_a_guard_removes_nobody() {
    let node = Node::new();
    node.check_in(1..=4).await;
    node.pass(TOO_LONG);
    let release = node.registry.release_guard(&service("web"), None).await;
    let release = release.expect("the store works");
    assert_eq!((release.removed.len(), release.guarded), (0, 0));
}

#[tokio::test]
async fn a_large_guard_is_released_in_several_calls() {
    let node = Node::new();
    for host in 0..2500_u32 {
        let ip = std::net::Ipv4Addr::from(0x0a00_0000 + host).to_string();
        let change = node.registry.register(registration("web", &ip)).await;
        change.expect("the store works");
    }
    node.pass(TOO_LONG);
    let mut calls = Vec::new();
    loop {
        let release = node.registry.release_guard(&service("web"), None).await;
        let release = release.expect("the store works");
        calls.push((release.removed.len(), release.guarded));
        if release.guarded == 0 {
            break;
        }
    }
    assert_eq!(calls, [(1000, 750), (1000, 250), (500, 0)]);
}

#[tokio::test]
async fn a_release_while_the_store_fails_removes_nobody_and_says_so() {
    let node = Node::new();
    node.check_in(1..=8).await;
    node.pass(TOO_LONG);
    assert_eq!(node.listed().await, 4);
    node.store.set(Fault::Refuse);
    let release = node.registry.release_guard(&service("web"), None).await;
    assert!(
        matches!(release, Err(StoreError::Unavailable { .. })),
        "{release:?}"
    );
    node.store.set(Fault::None);
    assert_eq!(node.listed().await, 4);
}

#[test]
fn the_oldest_events_make_room_and_the_latest_come_first() {
    let event = |number: usize| Event {
        at: chrono::DateTime::UNIX_EPOCH,
        key: key("web", "10.0.0.1"),
        what: EventKind::Unreadable(number.to_string()),
        request_id: None,
    };
    for (capacity, limit, expected) in [
        (3, 100, vec![9, 8, 7]),
        (3, 2, vec![9, 8]),
        (1, 100, vec![9]),
        (0, 100, vec![]),
        (100, 1, vec![9]),
    ] {
        let history = History::new(capacity);
        (0..10).for_each(|number| history.record(event(number)));
        let expected: Vec<Event> = expected.into_iter().map(event).collect();
        assert_eq!(
            history.latest(&service("web"), limit, |_| true),
            expected,
            "{capacity} {limit}"
        );
        assert_eq!(history.latest(&service("other"), limit, |_| true), []);
        assert_eq!(history.latest(&service("web"), limit, |_| false), []);
    }
}
