//! Nodes of the real binary, each on a port that the system picks.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use discovery_bench::client::Target;
use discovery_bench::process::Process;
use discovery_bench::server::binary;
use discovery_bench::{Result, now};
use discovery_testkit::Log;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::clock;

/// How long anything may take that is only a matter of the machine being busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// What a node is started with: a folder of its own, hosts in memory, and nothing of this process's environment.
pub(crate) struct Launch {
    command: Command,
    folder: Arc<TempDir>,
}

/// A running node; it is killed when this is dropped.
pub(crate) struct Node {
    /// Where it serves.
    pub(crate) target: Target,
    pub(crate) process: Process,
    /// Where it keeps its files.
    _folder: Arc<TempDir>,
}

impl Launch {
    /// With these settings, in a folder of its own.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Result<Self> {
        Self::inside(&Arc::new(TempDir::new()?), settings)
    }

    /// With these settings, in a folder that may hold what another node has left.
    pub(crate) fn inside(folder: &Arc<TempDir>, settings: &[(&str, &str)]) -> Result<Self> {
        let mut command = Command::new(registry()?);
        command
            .env_clear()
            .current_dir(folder.path())
            .envs([("PORT", "0"), ("BIND_ADDRESS", "127.0.0.1")])
            .envs([("BACKEND_STORAGE", "InMemory"), ("DEBUG", "false")])
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let folder = Arc::clone(folder);
        Ok(Self { command, folder })
    }

    /// With one more setting, or another variable of its environment.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts a node and waits until it listens.
    pub(crate) async fn start(mut self) -> Result<Node> {
        let mut process = Process::start(&mut self.command)?;
        let log = Log::of(process.errors().ok_or("its log is not piped")?);
        let listening = spawn_blocking(move || log.wait_for("\"listening\"", PATIENCE));
        let line = listening.await?;
        let line = line.map_err(|lines| format!("a node does not listen: {lines:#?}"))?;
        Ok(Node {
            target: listens(&line)?,
            process,
            _folder: self.folder,
        })
    }

    /// Starts a node whose log is read up to where it listens, and no further.
    pub(crate) fn start_unread(mut self) -> Result<(Process, Target, BufReader<ChildStderr>)> {
        let mut process = Process::start(&mut self.command)?;
        let mut log = BufReader::new(process.errors().ok_or("its log is not piped")?);
        let mut line = String::new();
        while !line.contains("\"listening\"") {
            line.clear();
            if log.read_line(&mut line)? == 0 {
                return Err("a node ended instead of listening".into());
            }
        }
        Ok((process, listens(&line)?, log))
    }

    /// Starts a node and waits until it is ready.
    pub(crate) async fn ready(self) -> Result<Node> {
        let mut node = self.start().await?;
        node.process
            .answering(node.target, "/readyz", PATIENCE)
            .await?;
        Ok(node)
    }
}

impl Node {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.ok_or("it has no id")?, signal)?)
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.end_by(Signal::TERM).await
    }

    /// Kills it and waits until it has ended, and let go of its files.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.end_by(Signal::KILL).await
    }

    async fn end_by(&mut self, signal: Signal) -> Result<()> {
        self.signal(signal)?;
        let deadline = now() + PATIENCE;
        while !self.process.has_ended()? {
            if now() > deadline {
                return Err(format!("a node did not stop within {PATIENCE:?}").into());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        clock::forget(self.id());
    }
}

/// Where a node listens, by the line in which it says so.
fn listens(line: &str) -> Result<Target> {
    let line: serde_json::Value = serde_json::from_str(line)?;
    line["address"].as_str().unwrap_or_default().parse()
}

/// The binary that is tried.
fn registry() -> Result<PathBuf> {
    match std::env::var_os("DISCOVERY_BINARY") {
        Some(path) => Ok(std::path::absolute(path)?),
        None => binary("discovery"),
    }
}
