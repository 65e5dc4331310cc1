//! Ways to break the disk of a running node, and to mend it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::process::Process;
use discovery_testkit::Log;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::task::spawn_blocking;

use crate::launch::Node;

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breakage {
    Full,
    Unsynced,
    Unwritable,
    ReadOnly,
}

/// A broken disk; it is mended when this is dropped.
pub(super) enum Broken {
    /// Another file has taken what room there was.
    Filled(PathBuf),
    /// The process may not make its files any larger.
    Limited(Pid),
    /// Its system calls fail.
    Traced { _tracer: Process },
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Breakage {
    pub(super) const ALL: [Self; 4] =
        [Self::Full, Self::Unsynced, Self::Unwritable, Self::ReadOnly];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Unsynced => "EIO on sync",
            Self::Unwritable => "EIO on write",
            Self::ReadOnly => "read-only",
        }
    }

    /// Breaks the disk under a node whose files are in that folder.
    pub(super) async fn strike(self, node: &Node, folder: &Disk) -> Result<Broken> {
        match self {
            Self::Full => folder.fill(node),
            Self::Unsynced => traced(node, "fsync,fdatasync", "EIO").await,
            Self::Unwritable => traced(node, "pwrite64,ftruncate", "EIO").await,
            Self::ReadOnly => traced(node, "pwrite64,ftruncate,fsync,fdatasync", "EROFS").await,
        }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        match self {
            Self::Filled(filler) => drop(fs::remove_file(filler)),
            Self::Limited(process) => drop(limit(*process, None)),
            Self::Traced { .. } => {}
        }
    }
}

/// Has the system calls of a node fail.
async fn traced(node: &Node, calls: &str, error: &str) -> Result<Broken> {
    let mut tracer = Process::start(
        Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:error={error}")])
            .args(["-p", &node.id().to_string()])
            .stderr(Stdio::piped()),
    )?;
    let log = Log::of(tracer.errors().ok_or("its log is not piped")?);
    let attached = spawn_blocking(move || log.wait_for("attached", PATIENCE)).await?;
    attached.map_err(|lines| format!("strace can't break anything here: {lines:?}"))?;
    Ok(Broken::Traced { _tracer: tracer })
}

/// A disk of a few MiB of its own where this process may mount one, else a folder.
pub(super) struct Disk {
    folder: tempfile::TempDir,
    mounted: bool,
}

impl Disk {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::TempDir::new()?;
        let mounting = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        let mounted = mounting.is_ok_and(|status| status.success());
        Ok(Self { folder, mounted })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn fill(&self, node: &Node) -> Result<Broken> {
        if !self.mounted {
            let process = i32::try_from(node.id()).ok().and_then(Pid::from_raw);
            let process = process.ok_or("it has no id")?;
            let size = fs::metadata(self.path().join("hosts.redb"))?.len();
            limit(process, Some(size))?;
            return Ok(Broken::Limited(process));
        }
        let filler = self.path().join("filler");
        let mut file = File::create(&filler)?;
        while file.write_all(&[0; 4096]).is_ok() {}
        Ok(Broken::Filled(filler))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Nothing that is started here outlives its disk.
            drop(Command::new("umount").arg(self.path()).status());
        }
    }
}

/// Bounds how large a process makes its files. The node was started so that this is an error to it, and no signal.
fn limit(process: Pid, size: Option<u64>) -> Result<()> {
    let limits = Rlimit {
        current: size,
        maximum: None,
    };
    prlimit(Some(process), Resource::Fsize, limits)?;
    Ok(())
}
