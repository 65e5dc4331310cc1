//! Why a file can't be used.

use std::io;
use std::path::PathBuf;

/// Why a store could not be opened in a file. In every case the file was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{} is in use by another process: stop that one, or choose another path", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Something else is in it.
    #[error(
        "{} {what}, so it is no file of this registry: choose another path, or move it away",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// A later version wrote it.
    #[error(
        "{} has format {format} and this version reads {readable}: run the newer version",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format that was found.
        format: String,
        /// The one that is known.
        readable: u32,
    },
    /// It can't be read as it was written.
    #[error(
        "{} is damaged: restore it from a copy, or move it away and let the hosts register anew",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The operating system refused.
    #[error("can't {what} {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What it said.
        #[source]
        source: io::Error,
    },
}
