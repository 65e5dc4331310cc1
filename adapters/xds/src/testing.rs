//! What the tests of this crate share.

use std::sync::Arc;

use chrono::DateTime;
use discovery_domain::{Host, HostList, LeaseInstant, Listing, Liveness, Registration, Row};
use discovery_testkit::hosts::HOST_TTL;

/// The list of hosts that checked in at that second.
pub(crate) fn listing_at(
    second: i64,
    hosts: impl IntoIterator<Item = Registration>,
) -> Arc<Listing> {
    let renewed = LeaseInstant::DISTANT_PAST;
    let rows = hosts
        .into_iter()
        .map(|registration| Row::checked_in(Arc::new(host(registration, second)), renewed));
    let liveness = Liveness {
        host_ttl: HOST_TTL,
        guard_minimum_live: 0.0,
    };
    HostList::new(rows.collect()).listing(&liveness, renewed, |_| ())
}

/// The list of hosts whose check-ins are all the same.
pub(crate) fn listing(hosts: impl IntoIterator<Item = Registration>) -> Arc<Listing> {
    listing_at(0, hosts)
}

fn host(registration: Registration, second: i64) -> Host {
    Host {
        key: registration.key,
        service_repo_name: registration.service_repo_name,
        port: registration.port,
        revision: registration.revision,
        last_check_in: DateTime::from_timestamp(second, 0).unwrap(),
        tags: registration.tags,
    }
}
