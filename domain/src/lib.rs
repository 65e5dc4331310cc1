//! The rules of the registry, free of I/O: what a host is, when it is listed, and what may be done to it.
//!
//! Start at [`Registry`]; what it needs of the world are the two ports [`HostRepository`] and [`Clock`].

mod canonical;
mod check_in;
mod clock;
mod guard;
mod history;
mod host;
mod lease;
mod list;
mod liveness;
mod outage;
mod plain;
mod reading;
mod registry;
mod repository;
mod rows;
mod sweep;
mod tags;
mod values;
mod watch;

pub use canonical::push_string as push_json_string;
pub use check_in::CheckIn;
pub use clock::Clock;
pub use history::{Event, EventKind, History};
pub use host::{Host, HostKey, Row};
pub use lease::{LeaseClock, LeaseInstant, Moment};
pub use list::{HostList, Listing};
pub use liveness::Liveness;
pub use outage::Outage;
pub use reading::Answer;
pub use registry::{HostError, Registration, Registry};
pub use repository::{
    Cause, Change, CheckInError, HostRepository, Reading, Removed, Stale, StoreError,
};
pub use rows::Rows;
pub use sweep::Release;
pub use tags::{AZ, CANARY, INSTANCE_ID, LOAD_BALANCING_WEIGHT, REGION, Tags};
pub use values::{
    HostAddress, InvalidValue, LoadBalancingWeight, Port, Revision, ServiceName, ServiceRepoName,
    shown,
};
pub use watch::Known;
