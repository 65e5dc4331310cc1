//! Small files of a header line and a body, whole or absent, whatever happens while they are written.
//!
//! The header is an object of JSON that tells the format, the checksum of the body, and what the caller adds.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there or can't be read.
    #[error("can't be read")]
    Unreadable(#[from] io::Error),
    /// It is not what was written.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// It was written by another version of this program.
    #[error("is of the format {found:?}, and this version reads {known:?} alone")]
    OtherFormat {
        /// What it says.
        found: String,
        /// What this version writes, too.
        known: &'static str,
    },
}

impl FileError {
    /// Whether there is no file at all.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Unreadable(error) if error.kind() == io::ErrorKind::NotFound)
    }

    pub(crate) fn damaged(what: impl Display) -> Self {
        Self::Damaged(what.to_string())
    }
}

#[derive(Serialize)]
struct Header<T> {
    #[serde(flatten)]
    seal: Seal,
    #[serde(flatten)]
    more: T,
}

#[derive(Serialize, Deserialize)]
struct Seal {
    format: String,
    crc32: u32,
}

/// Writes a file beside its place and moves it there. The fields of `more` are part of the header.
pub(crate) fn write(
    path: &Path,
    format: &str,
    more: impl Serialize,
    body: &[u8],
) -> io::Result<()> {
    let seal = Seal {
        format: format.into(),
        crc32: crc32fast::hash(body),
    };
    let header = serde_json::to_vec(&Header { seal, more })?;
    let draft = path.with_extension("draft");
    let mut file = File::create(&draft)?;
    for part in [&header, b"\n".as_slice(), body] {
        file.write_all(part)?;
    }
    file.sync_all()?;
    fs::rename(draft, path)
}

/// Reads a file of that format: what the header says beside, and the body.
pub(crate) fn read<T: DeserializeOwned>(
    path: &Path,
    known: &'static str,
) -> Result<(T, String), FileError> {
    // Opening a pipe would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(FileError::damaged("it is no regular file"));
    }
    let mut header = fs::read_to_string(path)?;
    let end = header.find('\n');
    let end = end.ok_or_else(|| FileError::damaged("it has no header"))?;
    let body = header.split_off(end + 1);
    let Seal { format, crc32 } = serde_json::from_str(&header).map_err(FileError::damaged)?;
    if format != known {
        let found = format;
        return Err(FileError::OtherFormat { found, known });
    }
    if crc32 != crc32fast::hash(body.as_bytes()) {
        let wrong = "its checksum is not that of what was written";
        return Err(FileError::damaged(wrong));
    }
    let more = serde_json::from_str(&header).map_err(FileError::damaged)?;
    Ok((more, body))
}
