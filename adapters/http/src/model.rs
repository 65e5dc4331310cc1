//! What goes over the wire, as the contract shows it.

use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::schema::{
    AddressText, CheckInText, Count, Env, HostTags, Moment, PortNumber, RegistrationTags, RepoText,
    RequestIdText, RevisionText, ServiceText, WeightNumber,
};

/// What a host says of itself when it registers and with each heartbeat
#[derive(Object)]
pub(crate) struct HostRegistration {
    /// Its address, IPv4 or IPv6; lists show IPv6 in canonical text. May be left out where `auto_ip` is true
    ip: Option<AddressText>,
    /// Takes the address that the request comes from where `ip` is left out; only the ranges that the server is set to
    /// accept can be registered this way
    auto_ip: Option<bool>,
    /// The port it serves on
    port: PortNumber,
    /// What it runs, usually a commit; at most 8192 bytes of UTF-8
    revision: RevisionText,
    /// The repository that its service is built from; at most 255 bytes of UTF-8. Replaces the one known before, also
    /// where it is left out
    service_repo_name: Option<RepoText>,
    tags: RegistrationTags,
}

/// How much traffic a host gets
#[derive(Object)]
pub(crate) struct Weight {
    /// The share of the traffic, relative to the other hosts of the service
    load_balancing_weight: WeightNumber,
}

/// A host that is alive
#[derive(Object)]
pub(crate) struct Host {
    /// The service it belongs to
    service: ServiceText,
    /// Its address
    ip_address: AddressText,
    /// The repository that its service is built from; empty if none is known
    service_repo_name: RepoText,
    /// The port it serves on
    port: PortNumber,
    /// What it runs
    revision: RevisionText,
    /// When it last registered or sent a heartbeat, in UTC; without a fraction where that is zero
    last_check_in: CheckInText,
    tags: HostTags,
}

/// The live hosts of a service
#[derive(Object)]
pub(crate) struct HostList {
    /// The service that was asked for
    service: ServiceText,
    /// The environment that this registry serves
    env: Env,
    /// The hosts, ordered by address; empty if there are none
    hosts: Vec<Host>,
}

/// The live hosts of all services that are built from a repository
#[derive(Object)]
pub(crate) struct RepoHostList {
    /// The service repo that was asked for
    service_repo_name: RepoText,
    /// The environment that this registry serves
    env: Env,
    /// The hosts, ordered by address; empty if there are none
    hosts: Vec<Host>,
}

/// An empty object: it is done
#[derive(Serialize, Object)]
pub(crate) struct Acknowledgement {}

/// How well this node can do its work
#[derive(Serialize, Object)]
pub(crate) struct Readiness {
    pub(crate) status: Status,
    /// What is wrong; absent where nothing is
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) store: Store,
    /// How many services this node knows
    pub(crate) services: Count,
    /// How many hosts this node knows
    pub(crate) hosts: Count,
    /// The services whose lists still show expired hosts, because most of their hosts went silent at once
    pub(crate) guarded: Vec<GuardedService>,
}

/// How a node is: `ready` where all is well, `degraded` where it serves what it knows because the store fails
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[oai(rename = "ReadinessStatus", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// All is well
    Ready,
    /// It serves what it knows
    Degraded,
}

/// Whether the store answers
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[oai(rename = "StoreStatus", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub(crate) enum Store {
    /// It answers
    Ok,
    /// It does not
    Failing,
}

/// A service whose list is protected from emptying
#[derive(Serialize, Object)]
pub(crate) struct GuardedService {
    /// The service
    pub(crate) service: ServiceText,
    /// How many of the hosts on its list are expired
    pub(crate) hosts: Count,
}

/// What happened to the hosts of a service, or to one of them, as far as this node has seen it
#[derive(Serialize, Object)]
#[oai(rename = "HostHistory")]
pub(crate) struct History {
    /// The service that was asked for
    pub(crate) service: ServiceText,
    /// The host that was asked for; absent where all are
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ip_address: Option<AddressText>,
    /// What happened, the latest first; empty if nothing is remembered
    pub(crate) events: Vec<HostEvent>,
}

/// Something that happened to a host
#[derive(Serialize, Object)]
pub(crate) struct HostEvent {
    /// When, by the clock of this node; RFC 3339 in UTC with microseconds, unlike the times of check-ins
    pub(crate) at: Moment,
    /// To which host of the service
    pub(crate) ip_address: AddressText,
    pub(crate) event: HostEventKind,
    /// The `X-Request-Id` of the request that did it; absent where the node did it by itself
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<RequestIdText>,
    /// The weight that was set; there with `weight_set` only
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) load_balancing_weight: Option<WeightNumber>,
    /// For how many seconds the host had not checked in, not counting time in which nobody could; there with
    /// `expired` and `unlisted` only
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) silent_seconds: Option<Count>,
    /// What is wrong with the stored row; there with `unreadable` only
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// What can happen to a host; mere heartbeats are not among it. `registered`: it appeared. `changed`: it checked in with
/// other fields or tags. `weight_set`: its weight was set. `deregistered`: a request removed it. `unlisted`: it has
/// not checked in for longer than the time to live, so it is on no list any more. `guarded`: the same, and the guard
/// against mass expiry keeps it listed. `returned`: it checked in again after that. `expired`: it did not, and its row was
/// removed. `released`: an operator ended the guard, which removed it.
/// `unreadable`: its stored row can't be read, so it is on no list
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum HostEventKind {
    /// It appeared
    Registered,
    /// It checked in with other fields or tags
    Changed,
    /// Its weight was set
    WeightSet,
    /// A request removed it
    Deregistered,
    /// It stayed silent, and its row was removed
    Expired,
    /// It is silent, and listed all the same
    Guarded,
    /// It is silent, and on no list
    Unlisted,
    /// It checked in again
    Returned,
    /// An operator ended the guard, which removed it
    Released,
    /// Its row can't be read
    Unreadable,
}

/// What came of ending a guard
#[derive(Serialize, Object)]
pub(crate) struct GuardRelease {
    /// The service
    pub(crate) service: ServiceText,
    /// How many expired hosts this request has removed, listed ones and others
    pub(crate) released: Count,
    /// How many expired hosts are still on the list; send the request again until there are none
    pub(crate) guarded: Count,
}

/// What this server is and where to go from here
#[derive(Serialize, Object)]
pub(crate) struct Home {
    /// What this is
    pub(crate) name: String,
    /// The version of the server
    pub(crate) version: String,
    /// The version of its contract
    pub(crate) api_version: String,
    /// The environment that this registry serves
    pub(crate) env: Env,
    /// How many services this node knows
    pub(crate) services: Count,
    /// How many hosts this node knows
    pub(crate) hosts: Count,
    pub(crate) links: Links,
}

/// Paths on this server
#[derive(Serialize, Object)]
pub(crate) struct Links {
    /// The contract, to read and to try
    pub(crate) docs: String,
    /// The contract in YAML
    pub(crate) openapi: String,
    /// Whether this node can do its work
    pub(crate) readiness: String,
    /// What it has done so far, for Prometheus
    pub(crate) metrics: String,
}
