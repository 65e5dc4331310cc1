//! Measures the registry side by side with nginx and bare hyper, and prints a table of targets and what was reached.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool's result, and what it is doing meanwhile"
)]

mod costs;
mod estimates;
mod fixture;
mod fleets;
mod plot;
mod reads;
mod rivals;
mod rounds;
mod table;
mod writes;
mod wrk;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use discovery_bench::{Result, args};

use rounds::Rounds;
use table::Row;

/// Measures the registry side by side with nginx and bare hyper.
///
/// Every option may also be written as ROUNDS=5.
#[derive(Debug, Parser)]
struct Options {
    /// What to measure; everything but `memory`, which is part of `fleets`, when nothing is named
    parts: Vec<Part>,
    /// How often everyone has their turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How many seconds a turn takes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Where the plot of `fleets` is written
    #[arg(long, default_value = "docs/flat-costs.svg")]
    svg: PathBuf,
}

/// A part of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Lists: beside others, while hosts beat, compressed, unchanged
    Reads,
    /// Heartbeats: beside bare hyper, at half of the peak, on disk
    Writes,
    /// Memory, speed and start of fleets of up to a million hosts
    Fleets,
    /// What heartbeats cost in DynamoDB
    Costs,
    /// What criterion measured before
    Estimates,
    /// Only the memory of fleets
    Memory,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse_from(args::from_recipe());
    let mut parts = options.parts.clone();
    if parts.is_empty() {
        use Part::{Costs, Estimates, Fleets, Reads, Writes};
        parts = vec![Reads, Writes, Fleets, Costs, Estimates];
    }
    let mut rows = Vec::new();
    for part in parts {
        note(&format!("measuring {part:?}"));
        rows.extend(measure(part, &options).await?);
    }
    rows.sort_by_key(|row| row.item);
    println!("{}", table::HEAD);
    for row in &rows {
        println!("{row}");
    }
    Ok(())
}

async fn measure(part: Part, options: &Options) -> Result<Vec<Row>> {
    let Options {
        rounds,
        seconds,
        svg,
        ..
    } = options;
    let rounds = Rounds {
        rounds: *rounds,
        seconds: *seconds,
    };
    match part {
        Part::Reads => reads::measure(rounds).await,
        Part::Writes => writes::measure(rounds).await,
        Part::Fleets => fleets::measure(rounds, svg).await,
        Part::Costs => costs::measure().await,
        Part::Estimates => estimates::read(),
        Part::Memory => fleets::memory().await,
    }
}

/// Tells whoever waits what is going on.
fn note(what: &str) {
    eprintln!("{what}");
}
