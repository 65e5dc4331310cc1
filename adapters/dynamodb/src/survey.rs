//! What others recorded while none of our nodes ran (liveness rule 4): nodes of the original leave no proof but their
//! hosts' check-ins.

use std::error::Error;
use std::time::Duration;

use discovery_domain::StoreError;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::DynamoDbHostRepository;
use crate::item::LAST_CHECK_IN;
use crate::proof::time;
use crate::reading::{SCAN_PAGE, SCAN_PAUSE};

/// A rolling restart is over by then.
const LONG_SILENCE: Duration = Duration::from_mins(5);
/// What others have recorded as late as this is all that matters: hosts beat about that often.
const SHORT_SILENCE: Duration = Duration::from_mins(1);
/// The longest that the first answer of a node may wait for this.
const LONGEST_SURVEY: Duration = Duration::from_secs(2);

impl DynamoDbHostRepository {
    /// Recalls what the store remembers and, where that is long ago, looks through the table for a newer check-in, once
    /// and before any row is judged: of a service that died meanwhile the rows themselves would tell nothing. Where a
    /// table is too large for the time that a start has, or can't be scanned, each list tells what it can.
    pub(crate) async fn survey(&self) -> Result<(), StoreError> {
        self.recall().await?;
        let survey = || async {
            match timeout(LONGEST_SURVEY, self.look_for_check_ins()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(
                    error = &error as &dyn Error,
                    "the newest check-in of the table can't be looked for"
                ),
                Err(_elapsed) => warn!(
                    silent_s = self.lease.silent_before_start().as_secs(),
                    "the newest check-in of the table is not found in time"
                ),
            }
        };
        self.surveyed.get_or_init(survey).await;
        Ok(())
    }

    async fn look_for_check_ins(&self) -> Result<(), StoreError> {
        if self.lease.silent_before_start() <= LONG_SILENCE {
            return Ok(());
        }
        let mut next = None;
        loop {
            let (items, following) = self.table.scan(LAST_CHECK_IN, next, SCAN_PAGE).await?;
            self.lease.disprove(items.iter().filter_map(time));
            next = following;
            if next.is_none() || self.lease.silent_before_start() <= SHORT_SILENCE {
                return Ok(());
            }
            sleep(SCAN_PAUSE).await;
        }
    }
}
