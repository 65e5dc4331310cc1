//! Breaks the store, the network, the clock and the clients of the real binary, and prints what came of it as a table.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool's result, and what it is doing meanwhile"
)]

mod client;
mod clock;
mod fault;
mod faults;
mod heart;
mod herd;
mod http2;
mod launch;
mod lists;
mod lookout;
mod memory;
mod raw;
mod readers;
mod readiness;
mod requests;
mod store;
mod table;
mod writer;

use std::process::ExitCode;

use clap::Parser;
use discovery_bench::now;
use futures_util::future::join_all;

use fault::{Fault, Scale};
use table::Row;

/// Breaks what the registry depends on, and tells what was lost by it.
///
/// The binary that is tried is the one beside this, or the one that `DISCOVERY_BINARY` names.
#[derive(Debug, Parser)]
struct Options {
    /// What to break, by the names that `--list` prints; everything when nothing is named
    names: Vec<String>,
    /// Tries less of everything, as CI does
    #[arg(long)]
    ci: bool,
    /// Prints the names of all faults with their marks
    #[arg(long)]
    list: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        for fault in faults::all() {
            println!("{:<28} {}", fault.name, fault.mark);
        }
        return ExitCode::SUCCESS;
    }
    let chosen = match chosen(&options.names) {
        Ok(chosen) => chosen,
        Err(unknown) => {
            eprintln!("no fault is called {unknown:?}: --list names all");
            return ExitCode::from(2);
        }
    };
    let scale = if options.ci { Scale::Ci } else { Scale::Full };
    let mut rows = Vec::new();
    for group in chosen {
        match scale {
            Scale::Ci => {
                rows.extend(join_all(group.into_iter().map(|fault| run(fault, scale))).await);
            }
            Scale::Full => {
                for fault in group {
                    rows.push(run(fault, scale).await);
                }
            }
        }
    }
    println!("{}", table::HEAD);
    for row in &rows {
        println!("{row}");
    }
    let passed = rows.iter().all(Row::passed);
    ExitCode::from(u8::from(!passed))
}

/// The faults of these names by their groups, or the name that none has.
fn chosen(names: &[String]) -> Result<Vec<Vec<&'static Fault>>, &String> {
    let known = |name: &&String| faults::all().any(|fault| fault.name == name.as_str());
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(unknown);
    }
    let is_chosen =
        |fault: &&Fault| names.is_empty() || names.iter().any(|name| name == fault.name);
    let groups = faults::GROUPS.iter();
    Ok(groups
        .map(|group| group.iter().filter(is_chosen).collect())
        .collect())
}

async fn run(fault: &'static Fault, scale: Scale) -> Row {
    eprintln!("{}: {}", fault.name, fault.mark);
    let start = now();
    let outcome = (fault.run)(scale).await;
    let row = Row { fault, outcome };
    let seconds = start.elapsed().as_secs();
    eprintln!("{}: {} after {seconds} s", fault.name, row.result());
    row
}

/// Tells whoever waits what is going on.
fn note(what: &str) {
    eprintln!("  {what}");
}
