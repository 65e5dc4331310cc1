//! One call of the store: the requests it takes, and whether one of them may have been done unanswered.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
    FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use tokio::time::Instant;

use crate::metrics::{Kind, Metrics};

/// Watches the requests of one call, the SDK's repetitions included.
#[derive(Clone)]
pub(crate) struct Call(Arc<Shared>);

struct Shared {
    operation: &'static str,
    metrics: Metrics,
    attempts: AtomicU32,
    began: Mutex<Option<Instant>>,
    in_doubt: AtomicBool,
}

impl Call {
    pub(crate) fn new(operation: &'static str, metrics: &Metrics) -> Self {
        Self(Arc::new(Shared {
            operation,
            metrics: metrics.clone(),
            attempts: AtomicU32::new(0),
            began: Mutex::new(None),
            in_doubt: AtomicBool::new(false),
        }))
    }

    pub(crate) fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// How many requests were sent.
    pub(crate) fn attempts(&self) -> u32 {
        self.0.attempts.load(Ordering::Relaxed)
    }

    /// Whether a request before the last may have been done although its answer did not come.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.0.in_doubt.load(Ordering::Relaxed)
    }

    fn failed(&self, kind: Kind) {
        self.0.metrics.failed(self.0.operation, kind);
        let done_in_vain = matches!(kind, Kind::throttled | Kind::refused);
        self.0.in_doubt.fetch_or(!done_in_vain, Ordering::Relaxed);
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.0.operation).finish()
    }
}

impl Intercept for Call {
    fn name(&self) -> &'static str {
        "discovery"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.attempts.fetch_add(1, Ordering::Relaxed);
        self.0.metrics.sent(self.0.operation);
        *self.0.began.lock().unwrap_or_else(PoisonError::into_inner) = Some(now());
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        attempt: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_impostor =
            attempt.response().status().is_success() && !is_of_dynamodb(attempt.response());
        if is_impostor {
            return Err("something on the way answered in the place of DynamoDB".into());
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        attempt: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let began = self
            .0
            .began
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(began) = began {
            self.0.metrics.answered(self.0.operation, began.elapsed());
        }
        match attempt.output_or_error() {
            Some(Err(error)) if error.is_timeout_error() => self.failed(Kind::timeout),
            Some(Err(_)) => {
                if let Some(kind) = kind_of(attempt.response()) {
                    self.failed(kind);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a request takes is for the metrics alone"
)]
fn now() -> Instant {
    Instant::now()
}

/// Whether an answer that says "done" is one of the store: a proxy or a portal that answers so, too, has stored nothing.
fn is_of_dynamodb(answer: &HttpResponse) -> bool {
    let (headers, body) = (answer.headers(), answer.body().bytes());
    let kind = headers.get("content-type").unwrap_or_default();
    let says_so = kind.starts_with("application/x-amz-json");
    let is_empty = body.is_some_and(<[u8]>::is_empty);
    !is_empty && (says_so || headers.contains_key("x-amzn-requestid"))
}

/// How the store answered, unless it said that a condition did not hold, which is an answer like any other.
fn kind_of(response: Option<&HttpResponse>) -> Option<Kind> {
    let Some(response) = response else {
        return Some(Kind::connection);
    };
    let body = response.body().bytes().unwrap_or_default();
    let says = |code: &str| body.windows(code.len()).any(|part| part == code.as_bytes());
    match response.status().as_u16() {
        500.. => Some(Kind::server),
        _ if says("ConditionalCheckFailedException") => None,
        _ if THROTTLED.into_iter().any(says) => Some(Kind::throttled),
        400.. => Some(Kind::refused),
        // An answer that says "done" and can't be read may have been done.
        _ => Some(Kind::connection),
    }
}

/// The errors by which the store asks for patience.
pub(crate) const THROTTLED: [&str; 4] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "LimitExceededException",
];
