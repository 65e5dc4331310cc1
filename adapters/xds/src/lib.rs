//! The hosts as Envoy reads them.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that fails here says where")
)]

mod assignment;
mod catalogue;
mod census;
mod cluster;
mod feed;
mod gone;
mod kind;
mod listener;
mod metrics;
mod request;
mod resource;
mod resources;
mod rest;
mod server;
mod session;
mod snapshot;
mod snapshots;
#[cfg(test)]
mod testing;
mod version;
mod xds;

pub use cluster::{ClusterTemplate, LbPolicy};
pub use gone::{GoneService, GoneServices};
pub use metrics::XdsMetrics;
pub use rest::{EXAMPLES, XdsApi};
pub use server::{GRPC_SERVICES, GrpcEndpoint, StreamLimits};
pub use xds::{Origin, Xds, XdsSettings};
