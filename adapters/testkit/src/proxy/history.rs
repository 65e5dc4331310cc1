//! What reads were answered a moment ago, so that they can be answered so again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{Answer, Call};

/// The answers to reads that may be stale.
#[derive(Default)]
pub(super) struct History(Mutex<HashMap<(String, Bytes), (Instant, Answer)>>);

impl History {
    /// Keeps an answer, unless a kept one is still young enough to be given.
    #[expect(clippy::disallowed_methods, reason = "the proxy lags in real time")]
    pub(super) fn record(&self, operation: &str, body: &Bytes, answer: &Answer) {
        if may_be_stale(operation, body) {
            let kept = (Instant::now(), answer.clone());
            self.answers()
                .insert((operation.to_owned(), body.clone()), kept);
        }
    }

    /// The last answer to the same read, if it is no older than `lag`.
    pub(super) fn recent(&self, call: &Call, lag: Duration) -> Option<Answer> {
        let answers = self.answers();
        let (at, answer) = answers.get(&(call.operation.clone(), call.body.clone()))?;
        (at.elapsed() <= lag && may_be_stale(&call.operation, &call.body)).then(|| answer.clone())
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, HashMap<(String, Bytes), (Instant, Answer)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn may_be_stale(operation: &str, body: &Bytes) -> bool {
    let consistent = serde_json::from_slice::<serde_json::Value>(body)
        .is_ok_and(|body| body["ConsistentRead"] == true);
    matches!(operation, "Query" | "GetItem" | "Scan") && !consistent
}
