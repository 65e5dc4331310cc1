//! The registry's own binary, started for a measurement.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::client::Target;
use crate::process::Process;

/// A running registry.
#[derive(Debug)]
pub struct Server {
    /// Where it serves.
    pub target: Target,
    /// Its process.
    pub process: Process,
}

impl Server {
    /// Starts the registry with these settings on a free port, its log going nowhere, and waits until it is ready.
    pub async fn start(settings: &[(&str, String)]) -> Result<Self> {
        const PATIENCE: Duration = Duration::from_mins(2);
        let target = free_port()?;
        let mut command = Command::new(binary("discovery")?);
        command
            .env("BIND_ADDRESS", target.address().ip().to_string())
            .env("PORT", target.address().port().to_string())
            .env("HOST_TTL", "86400")
            .envs(settings.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = Process::start(&mut command)?;
        process.answering(target, "/readyz", PATIENCE).await?;
        Ok(Self { target, process })
    }
}

/// A program that was built beside this one.
pub fn binary(name: &str) -> Result<PathBuf> {
    let mut folder = std::env::current_exe()?;
    folder.pop();
    // Tests and benches lie one folder below the programs.
    if folder.ends_with("deps") {
        folder.pop();
    }
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!("{} is missing: build it first", path.display()).into())
}

/// A port of this machine that nothing listens on.
pub fn free_port() -> Result<Target> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    listener.local_addr()?.to_string().parse()
}
