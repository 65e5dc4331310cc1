//! What the writer does while the file can't be written.

use std::time::Duration;

use discovery_domain::StoreError;
use tracing::{debug, error, info};

use super::{Rounds, caught};
use crate::file::disk::RepairError;

/// The shortest pause between two attempts to write to the file again.
const PAUSE: Duration = Duration::from_secs(1);
/// A long attempt is followed by a pause this many times as long.
const PAUSE_FACTOR: u32 = 10;

/// That the file could not be written, and what every write is answered until it can be.
pub(super) struct Trouble {
    error: StoreError,
    retry_at: Duration,
}

impl Rounds {
    /// Notes that the file could not be written.
    pub(super) fn fails(&mut self, cause: RepairError) -> StoreError {
        let path = self.work.disk.path().display().to_string();
        let what = format!("{path} can't be written: {cause}");
        error!(
            path,
            error = %cause,
            "the file can't be written: check-ins, weights and deletions are refused and lists are served as they are; \
             free or mend the disk and they go on by themselves"
        );
        let error = StoreError::unavailable(what, cause);
        self.trouble = Some(Trouble {
            error: error.clone(),
            retry_at: self.work.clock.monotonic() + PAUSE,
        });
        error
    }

    /// Tries from time to time to get back to a file that can be trusted, if there is trouble.
    pub(super) fn recover(&mut self) -> Result<(), StoreError> {
        let began = self.work.clock.monotonic();
        let Some(trouble) = &mut self.trouble else {
            return Ok(());
        };
        if began < trouble.retry_at {
            return Err(trouble.error.clone());
        }
        let now = self.work.stamp();
        let work = &mut self.work;
        let reopened = caught(|| work.disk.reopen(&work.table, &work.timeline, now));
        match reopened {
            Ok(restored) => {
                info!(
                    restored,
                    "the file can be written again and holds every row"
                );
                self.trouble = None;
                Ok(())
            }
            Err(cause) => {
                debug!(error = %cause, "the file still can't be written");
                let path = self.work.disk.path().display();
                trouble.error =
                    StoreError::unavailable(format!("{path} can't be written: {cause}"), cause);
                let ended = self.work.clock.monotonic();
                let took = ended.saturating_sub(began);
                trouble.retry_at = ended + PAUSE.max(took * PAUSE_FACTOR);
                Err(trouble.error.clone())
            }
        }
    }
}
