//! What can be asked of a load, each with its bounds.

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use discovery_bench::client::Target;

/// Loads a registry of this machine with a fleet: registers it, keeps it beating, reads it, replaces hosts.
///
/// Every option may also be written as HOSTS=100000.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// The server, like 127.0.0.1:8080; without it, one is started for the load
    #[arg(long)]
    pub(crate) target: Option<Target>,
    /// The store of a server that is started
    #[arg(long, default_value = "InMemory", value_parser = ["InMemory", "InFile"])]
    pub(crate) storage: String,
    /// How many hosts
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    pub(crate) hosts: u32,
    /// How long the fleet lives after it was registered
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub(crate) seconds: u64,
    /// Seconds between two heartbeats of a host
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) beat_every: u64,
    /// How many lists are read in a second
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(crate) reads: u32,
    /// How many hosts are killed, and new ones added, in a second
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub(crate) replace: u32,
    /// Over how many connections hosts register and beat
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4_096))]
    pub(crate) connections: u16,
    /// Over how many connections lists are read
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=4_096))]
    pub(crate) readers: u16,
}

impl Options {
    /// How long the fleet lives.
    pub(crate) fn lasting(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// How many heartbeats the whole fleet sends in a second.
    pub(crate) fn beats_a_second(&self) -> f64 {
        f64::from(self.hosts) / Duration::from_secs(self.beat_every).as_secs_f64()
    }

    /// How many of its heartbeats a host does not live to send.
    pub(crate) fn mortality(&self) -> f64 {
        f64::from(self.replace) / self.beats_a_second()
    }

    /// The settings of a server that keeps what it keeps in that folder.
    pub(crate) fn settings(&self, folder: &Path) -> [(&'static str, String); 2] {
        [
            ("BACKEND_STORAGE", self.storage.clone()),
            ("APPLICATION_DIR", folder.display().to_string()),
        ]
    }
}
