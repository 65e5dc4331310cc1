//! A node's discovery over the network, as Envoys and gRPC programs use it.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

mod gone;
mod limits;
mod log;
mod node;
mod polls;
mod streams;
mod talk;
