//! Two nodes whose wall clocks are further apart than a host may be silent.

mod common;

use chrono::TimeDelta;
use common::{Node, World};
use discovery_domain::{Liveness, Registry};
use discovery_testkit::ManualClock;
use discovery_testkit::hosts::{HOST_TTL, service};

fn registry(node: &Node) -> Registry {
    let liveness = Liveness {
        host_ttl: HOST_TTL,
        guard_minimum_live: 0.5,
    };
    Registry::new(node.repository.clone(), node.lease.clone(), liveness)
}

/// How many hosts are listed, whatever a cache may hold.
async fn listed(node: &Node, registry: &Registry) -> usize {
    let (service, now) = (service("web"), node.lease.instant());
    let answer = registry.hosts_of_since(&service, now).await;
    answer.expect("a list is read").listing.listed.len()
}

async fn swept(registry: &Registry) -> usize {
    let (swept, outcome) = registry.sweep(10).await;
    outcome.expect("the sweep goes through");
    swept.len()
}

#[tokio::test]
async fn a_node_whose_clock_is_ahead_removes_no_check_in_before_it_has_seen_it_for_a_ttl() {
    let world = World::new().await;
    let (right, clock) = (world.node().await, ManualClock::new());
    let ahead = Node::start(world.emulator.url(), &clock, false).await;
    clock.jump(TimeDelta::from_std(HOST_TTL * 10).expect("it is short"));
    let pass = |time| {
        right.clock.advance(time);
        clock.advance_proving(&ahead.lease, time);
    };
    let registry = registry(&ahead);

    right.register("web", "10.0.0.1").await;
    assert_eq!(listed(&ahead, &registry).await, 0);
    assert_eq!(swept(&registry).await, 0);
    pass(HOST_TTL);
    assert_eq!(swept(&registry).await, 0);
    right.register("web", "10.0.0.1").await;
    assert_eq!(listed(&ahead, &registry).await, 1);
    pass(HOST_TTL);
    assert_eq!(swept(&registry).await, 0);
    pass(HOST_TTL);
    assert_eq!(swept(&registry).await, 1);
    assert!(world.item("web", "10.0.0.1").await.is_none());
}
