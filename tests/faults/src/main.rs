//! Breaks the store, the network, the clock and the clients of the real binary, and prints what came of it as a table.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool's result, and what it is doing meanwhile"
)]
#![expect(dead_code, reason = "the faults that are added next use the rest")]

mod clock;
mod fault;
mod faults;
mod launch;
mod lists;
mod store;
mod table;

use std::process::ExitCode;

use clap::Parser;
use discovery_bench::now;

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
        for fault in faults::ALL {
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
    for fault in chosen {
        rows.push(run(fault, scale).await);
    }
    println!("{}", table::HEAD);
    for row in &rows {
        println!("{row}");
    }
    let passed = rows.iter().all(Row::passed);
    ExitCode::from(u8::from(!passed))
}

/// The faults of these names, or the name that none has.
fn chosen(names: &[String]) -> Result<Vec<&'static Fault>, &String> {
    if names.is_empty() {
        return Ok(faults::ALL.iter().collect());
    }
    let find = |name| faults::ALL.iter().find(|fault| fault.name == name);
    names.iter().map(|name| find(name).ok_or(name)).collect()
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
