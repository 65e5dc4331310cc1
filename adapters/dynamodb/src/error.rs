//! What the SDK's errors mean.

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use discovery_domain::StoreError;

use crate::call::{Call, THROTTLED};

/// The errors after which a request that is right may be done a moment later, throttling aside. Credentials are
/// replaced while a node runs, keys are unlocked and tables restored, so a refusal of those at hand is one of them.
const PASSING: [&str; 14] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "InaccessibleEncryptionCredentialsException",
    "IncompleteSignatureException",
    "InternalServerError",
    "InvalidSignatureException",
    "KMSAccessDeniedException",
    "MissingAuthenticationTokenException",
    "ReplicatedWriteConflictException",
    "ResourceNotFoundException",
    "ServiceUnavailable",
    "TransactionConflictException",
    "TransactionInProgressException",
    "UnrecognizedClientException",
];

/// Names the table, the operation and the cause, and tells whether it is worth trying again.
pub(crate) fn store_error<E>(
    table: &str,
    call: &Call,
    error: SdkError<E, HttpResponse>,
) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let (operation, attempts) = (call.operation(), call.attempts());
    let tries = if attempts == 1 { "" } else { "s" };
    let cause = cause(&error);
    let what = format!(
        "dynamodb {operation} on table {table:?} failed after {attempts} request{tries}: {cause}"
    );
    if is_worth_another_try(&error) {
        StoreError::unavailable(what, error)
    } else {
        StoreError::broken(what, error)
    }
}

fn cause<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match error {
        SdkError::TimeoutError(_) => "no answer in time".into(),
        SdkError::ServiceError(answered) => {
            let (error, status) = (answered.err(), answered.raw().status());
            let message = error.message().unwrap_or("no message");
            error.code().map_or_else(
                || format!("an answer of HTTP status {status} that is not DynamoDB's"),
                |code| format!("{code}: {message}"),
            )
        }
        SdkError::DispatchFailure(failure) => {
            causes(failure.as_connector_error().and_then(Error::source))
        }
        _ => causes(error.source()),
    }
}

/// A chain of causes on one line.
fn causes(first: Option<&(dyn Error + 'static)>) -> String {
    let causes = std::iter::successors(first, |cause| (*cause).source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    let words = causes.join(": ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_worth_another_try<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let SdkError::ServiceError(answered) = error else {
        return true;
    };
    let Some(code) = answered.err().code() else {
        // Not DynamoDB but something on the way has answered.
        return true;
    };
    answered.raw().status().as_u16() >= 500 || PASSING.contains(&code) || THROTTLED.contains(&code)
}
