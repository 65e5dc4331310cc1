//! How much memory and how many files a node takes while something is done to it.

use std::fs;

use discovery_bench::Result;
use discovery_bench::process::resident;

use crate::launch::Node;

/// The memory of a node from some moment on.
pub(crate) struct Memory {
    process: u32,
    before: u64,
}

impl Memory {
    /// From now on.
    pub(crate) fn of(node: &Node) -> Result<Self> {
        let process = node.id();
        // The kernel forgets the peak so far.
        fs::write(format!("/proc/{process}/clear_refs"), "5")?;
        let before = resident(process)?;
        Ok(Self { process, before })
    }

    /// By how many bytes the node has grown at most.
    pub(crate) fn growth(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.process);
        let status = fs::read_to_string(&path)?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        let kibibytes: u64 = kibibytes
            .ok_or_else(|| format!("{path} has no VmHWM"))?
            .parse()?;
        Ok((kibibytes * 1024).saturating_sub(self.before))
    }
}

/// How many files a node has open.
pub(crate) fn open_files(node: &Node) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{}/fd", node.id()))?.count())
}

/// Bytes as people read them.
pub(crate) fn mebibytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
