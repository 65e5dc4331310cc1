//! Files that are written anew for every input, in memory where the system has such a folder.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that goes when the fuzzer ends by itself.
pub struct Folder(TempDir);

impl Default for Folder {
    fn default() -> Self {
        let memory = Path::new("/dev/shm");
        let made = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        Self(made.expect("a folder can be made"))
    }
}

impl Folder {
    /// Where a file of that name would be.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and tells where it is.
    #[must_use]
    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file can be written");
        path
    }
}
