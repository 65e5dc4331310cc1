//! The load generator, small, on the real binary.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::process::{Command, Output};

use discovery_bench::server::binary;

fn load(settings: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_load"));
    command
        .args(settings)
        .output()
        .expect("the load generator runs")
}

#[test]
fn a_fleet_that_beats_and_changes_is_listed_to_the_last_host() {
    if let Err(missing) = binary("discovery") {
        println!("skipped: {missing}");
        return;
    }
    let output = load(&[
        "HOSTS=500",
        "SECONDS=2",
        "BEAT_EVERY=1",
        "REPLACE=100",
        "READS=200",
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains(" 0 missing, 0 unknown"), "{text}");
}

#[test]
fn a_server_on_another_machine_is_refused() {
    let output = load(&["TARGET=192.0.2.1:8080"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains("must be on this machine"), "{text}");
}
