//! What a load prints.

use std::time::Duration;

use discovery_bench::client::Target;
use discovery_bench::tally::Tally;
use discovery_bench::{Result, now, process};
use tokio::time::Instant;

use crate::roll_call::RollCall;

/// Prints what happened since it last did, and remembers whether anything went wrong.
pub(crate) struct Report {
    target: Target,
    pid: u32,
    hosts: u32,
    /// How much memory the server held before.
    empty: u64,
    since: Instant,
    cpu: Duration,
    wrong: u64,
}

impl Report {
    /// A report on the process that serves there and is about to get so many hosts.
    pub(crate) fn new(target: Target, pid: u32, hosts: u32) -> Result<Self> {
        let (empty, cpu) = (process::resident(pid)?, process::cpu_time(pid)?);
        let (address, memory) = (target.address(), mebibytes(empty));
        println!("{hosts} hosts on {address}: process {pid} with {memory} resident");
        Ok(Self {
            target,
            pid,
            hosts,
            empty,
            since: now(),
            cpu,
            wrong: 0,
        })
    }

    /// The server.
    pub(crate) fn target(&self) -> Target {
        self.target
    }

    /// Prints what came of requests that were made side by side, and what the server spent on them.
    pub(crate) fn phase(&mut self, tallies: &[(&str, &Tally)]) -> Result<()> {
        let (lasted, cpu) = (self.since.elapsed(), process::cpu_time(self.pid)?);
        for (name, tally) in tallies {
            let rate = u128::from(tally.succeeded()) * 1000 / lasted.as_millis().max(1);
            println!("{name:<9} {rate:>7}/s {tally}");
            self.wrong += tally.unsuccessful();
        }
        let (seconds, spent) = (
            lasted.as_secs_f64(),
            cpu.saturating_sub(self.cpu).as_secs_f64(),
        );
        let memory = process::resident(self.pid)?;
        let a_host = memory.saturating_sub(self.empty) / u64::from(self.hosts);
        let memory = mebibytes(memory);
        println!(
            "server    {spent:.2} s of CPU in {seconds:.2} s, {memory} resident, {a_host} bytes a host"
        );
        (self.since, self.cpu) = (now(), cpu);
        Ok(())
    }

    /// Prints who is listed.
    pub(crate) fn roll_call(&mut self, found: &RollCall) {
        let RollCall {
            listed,
            missing,
            silent,
            unknown,
        } = found;
        println!(
            "roll call: {listed} listed, {silent} of them silent, {missing} missing, {unknown} unknown"
        );
        self.wrong += (missing + unknown) as u64;
    }

    /// Fails if anything went wrong.
    pub(crate) fn finish(self) -> Result<()> {
        match self.wrong {
            0 => Ok(()),
            wrong => Err(format!("{wrong} requests or hosts went wrong").into()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
