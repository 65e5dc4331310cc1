//! The hosts as Envoy reads them.

mod assignment;
mod cluster;
mod kind;
mod listener;
mod resource;
mod snapshot;
#[cfg(test)]
mod testing;
mod version;

pub use cluster::{ClusterTemplate, EdsSource, LbPolicy};
