//! Puts a fleet on a registry of this machine: registers it, keeps it beating, reads it and replaces hosts.

#![expect(clippy::print_stdout, reason = "a tool's result")]

mod herd;
mod options;
mod readers;
mod report;
mod roll_call;

use std::sync::Arc;

use clap::Parser as _;
use discovery_bench::client::Target;
use discovery_bench::fleet::Fleet;
use discovery_bench::server::Server;
use discovery_bench::tally::Tally;
use discovery_bench::{Result, args, pace, process};

use herd::Herd;
use options::Options;
use report::Report;

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse_from(args::from_recipe());
    let folder = tempfile::tempdir()?;
    let server = match options.target {
        Some(_) => None,
        None => Some(Server::start(&options.settings(folder.path())).await?),
    };
    let target = options
        .target
        .or(server.as_ref().map(|server| server.target));
    let target = target.ok_or("there is no server to load")?;
    let mut report = Report::new(target, process::listener(target)?, options.hosts)?;
    run(&options, &mut report).await?;
    report.finish()
}

/// The load from beginning to end.
async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let target = report.target();
    let fleet = Fleet::zipf(options.hosts);
    report.phase(&[("register", &register(target, &fleet, options).await?)])?;
    let mut herd = Herd::new(fleet);
    if options.seconds > 0 {
        let fleet = Arc::clone(&herd.fleet);
        let reads = readers::read(target, &fleet, options);
        let (beats, reads) = tokio::try_join!(herd.beat(target, options), reads)?;
        let (beats, replacements) = (beats.beats, beats.replacements);
        report.phase(&[
            ("beat", &beats),
            ("replace", &replacements),
            ("read", &reads),
        ])?;
    }
    report.roll_call(&roll_call::call(target, &herd).await?);
    Ok(())
}

async fn register(target: Target, fleet: &Fleet, options: &Options) -> Result<Tally> {
    let (fleet, hosts) = (fleet.clone(), fleet.hosts());
    let check_in = move |number| fleet.host(number).check_in();
    let connections = usize::from(options.connections);
    pace::flat_out(target, connections, "register", hosts, check_in).await
}
