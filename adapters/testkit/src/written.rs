//! What this process logs while a test looks on.

use std::io::{Result, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Text that a subscriber writes and a test reads.
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// Everything so far.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What a subscriber wants: a writer for each line.
    pub fn writer(&self) -> impl Fn() -> Self + use<> {
        let written = self.clone();
        move || written.clone()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
