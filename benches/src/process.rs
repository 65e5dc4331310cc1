//! The processes that are measured: started here, ended with their owner, weighed by what the kernel says of them.

use std::fs;
use std::process::{Child, ChildStderr, ChildStdout, Command};

use tokio::time::{Duration, sleep};

use crate::Result;
use crate::client::{Connection, Target};

/// A child process that ends when this is dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a command.
    pub fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command
            .spawn()
            .map(Self)
            .map_err(|error| format!("could not start {program}: {error}").into())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// What it writes, where its standard output was piped.
    pub fn output(&mut self) -> Option<ChildStdout> {
        self.0.stdout.take()
    }

    /// What it writes as errors, where its standard error was piped.
    pub fn errors(&mut self) -> Option<ChildStderr> {
        self.0.stderr.take()
    }

    /// Whether it runs no more.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.id().to_string()).status()?;
        self.0.wait()?;
        Ok(())
    }

    /// Waits until it takes requests.
    pub async fn answering(
        &mut self,
        target: Target,
        path: &str,
        patience: Duration,
    ) -> Result<()> {
        let (start, request) = (crate::now(), crate::fleet::get(path));
        loop {
            if let Ok(mut connection) = Connection::open(target).await
                && connection
                    .send(&request)
                    .await
                    .is_ok_and(|reply| reply.status == 200)
            {
                return Ok(());
            }
            if let Some(status) = self.0.try_wait()? {
                return Err(format!("the server ended early: {status}").into());
            }
            if start.elapsed() > patience {
                return Err(format!("the server did not answer {path} within {patience:?}").into());
            }
            sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How much memory a process holds at the moment, in bytes.
pub fn resident(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kibibytes
        .ok_or_else(|| format!("{path} has no VmRSS"))?
        .parse::<u64>()?
        * 1024)
}

/// How long a process has been on a CPU, all its living threads together.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let schedstat = fs::read_to_string(task?.path().join("schedstat"))?;
        let running = schedstat.split(' ').next().unwrap_or_default();
        nanos += running.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// The process that listens on a port of this machine.
pub fn listener(target: Target) -> Result<u32> {
    let inode = listening_inode(target.address().port())?;
    let socket = format!("socket:[{inode}]");
    let pids = fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let holds = |pid: &u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd"));
        let mut links = files
            .into_iter()
            .flatten()
            .flatten()
            .flat_map(|file| fs::read_link(file.path()));
        links.any(|link| link.as_os_str() == socket.as_str())
    };
    let mut pids = pids;
    pids.find(holds).ok_or_else(|| {
        format!(
            "nothing that may be looked at listens on {}",
            target.address()
        )
        .into()
    })
}

/// Finds a listening socket in the kernel's table (state 0A).
fn listening_inode(port: u16) -> Result<u64> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let wanted = format!(":{port:04X}");
    for line in tables.iter().flatten().flat_map(|table| table.lines()) {
        let columns: Vec<&str> = line.split_whitespace().collect();
        if columns.len() > 9 && columns[1].ends_with(&wanted) && columns[3] == "0A" {
            return Ok(columns[9].parse()?);
        }
    }
    Err(format!("nothing listens on port {port}").into())
}
