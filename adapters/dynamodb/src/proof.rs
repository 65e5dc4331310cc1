//! The small shared row by which nodes prove that the store can record (liveness rules 3 and 4).

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use chrono::{DateTime, Utc};
use discovery_domain::StoreError;

use crate::date;
use crate::expression::Expression;
use crate::item::{
    IP_ADDRESS, Item, LAST_CHECK_IN, PORT, REVISION, SERVICE, TAGS, attribute, text,
};
use crate::table::{Refusal, Table};

/// No service can have this name, so that no list shows the row.
const BOOKKEEPING: &str = "\u{1}discovery";
const PROOF: &str = "last proof";

impl Table {
    /// Records a moment in the place of the last one, and returns that.
    pub(crate) async fn record(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let key = Item::from([
            (SERVICE.into(), text(BOOKKEEPING)),
            (IP_ADDRESS.into(), text(PROOF)),
        ]);
        let update = Expression::default()
            .set(LAST_CHECK_IN, Some(text(date::written(now))))
            .set(PORT, Some(AttributeValue::N("1".into())))
            .set(REVISION, Some(text(PROOF)))
            .set(TAGS, Some(text("{}")));
        let before = self.update(key, &update, ReturnValue::UpdatedOld).await;
        let before = before.map_err(|refusal| self.unconditional(refusal))?;
        let last = before
            .as_ref()
            .map(|before| attribute(before, LAST_CHECK_IN));
        Ok(last.and_then(Result::ok).and_then(date::parse))
    }

    /// The failure of a write that had no condition.
    pub(crate) fn unconditional(&self, refusal: Refusal) -> StoreError {
        match refusal {
            Refusal::Store(error) => error,
            Refusal::Condition { .. } => StoreError::Broken {
                what: format!(
                    "dynamodb table {:?} refused a write without a condition",
                    self.name
                ),
                source: None,
            },
        }
    }
}
