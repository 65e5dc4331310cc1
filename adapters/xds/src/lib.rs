//! The hosts as Envoy reads them.

mod assignment;
mod cluster;
mod kind;
mod listener;
mod request;
mod resource;
mod resources;
mod session;
mod snapshot;
#[cfg(test)]
mod testing;
mod version;

pub use cluster::{ClusterTemplate, EdsSource, LbPolicy};
