//! The `discovery` binary.

mod background;
mod cli;
mod gone_services;
mod node;
mod other_nodes;
mod saved_lists;
mod server;
mod settings;
mod storage;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::Cli::parse().run()
}
