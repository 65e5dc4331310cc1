//! Every operation, called as a client calls it, on a store that tests can break.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

mod admin;
mod auto_ip;
mod bodies;
mod deregistration;
mod examples;
mod fields;
mod health;
mod history;
mod home;
mod lists;
#[path = "../app/log.rs"]
mod log;
mod registration;
mod support;
mod tags;
mod weights;
