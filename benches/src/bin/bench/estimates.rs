//! What criterion measured inside one process: items 5 and 6.

use std::fs;
use std::path::Path;

use discovery_bench::Result;

use crate::reads::row;
use crate::table::{Row, Target};

/// Reads what `cargo bench` left below the target folder.
pub(crate) fn read() -> Result<Vec<Row>> {
    let rebuild = nanos("list-rebuild/one-of-1000-changed")?;
    let copy = nanos("list-rebuild/memcpy-of-the-answer")?;
    let sweep = nanos("sweep_none-expired/1000000")?;
    let figures = format!("{:.1} to {:.1} µs", rebuild / 1e3, copy / 1e3);
    let what = "rebuild of 1,000 hosts with one changed, of a memcpy".into();
    Ok(vec![
        row(6, what, rebuild / copy, Target::AtMost(3.0), figures),
        Row {
            item: 5,
            what: "sweep of 1,000,000 hosts, none expired".into(),
            measured: sweep / 1e6,
            unit: " ms",
            target: Target::AtMost(1.0),
            figures: format!("{:.0} ns at 1,000 hosts", nanos("sweep_none-expired/1000")?),
        },
    ])
}

/// The median time of one benchmark, which is named by its folder.
fn nanos(benchmark: &str) -> Result<f64> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).unwrap_or(Path::new("target"));
    let path = target
        .join("criterion")
        .join(benchmark)
        .join("new/estimates.json");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let estimates: serde_json::Value = serde_json::from_str(&text)?;
    let median = estimates["median"]["point_estimate"].as_f64();
    median.ok_or_else(|| format!("{} has no median", path.display()).into())
}
