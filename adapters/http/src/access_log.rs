//! The line that every request leaves in the log.

use std::time::Duration;

use tracing::info;

/// What the log tells of a request.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The template of the path; empty where there is none.
    pub route: &'a str,
    /// The `operationId`; `none` where there is none.
    pub operation: &'a str,
    /// The HTTP status; 499 where the client went away before there was one.
    pub status: u16,
    /// The time from the request's header to its answer.
    pub took: Duration,
    /// The id under which everything else about it is logged.
    pub request_id: &'a str,
}

impl Answered<'_> {
    /// The message of the line.
    pub const MESSAGE: &'static str = "answered";

    /// The time it took, in whole microseconds.
    pub fn micros(&self) -> u64 {
        u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX)
    }
}

/// Where those lines go.
pub trait AccessLog: Send + Sync {
    /// Writes the line of a request.
    fn answered(&self, answered: &Answered<'_>);
}

/// Logs requests the way everything else is logged. That takes several times as long as writing the line in one go.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingAccessLog;

impl AccessLog for TracingAccessLog {
    fn answered(&self, answered: &Answered<'_>) {
        info!(
            method = answered.method,
            route = answered.route,
            operation = answered.operation,
            status = answered.status,
            duration_us = answered.micros(),
            request_id = answered.request_id,
            "{}",
            Answered::MESSAGE
        );
    }
}
