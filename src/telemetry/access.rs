//! The line of each request, written in one go: everything that is served waits for it.

use discovery_http::{AccessLog, Answered};
use tracing::Level;

use super::lines::Lines;

/// What the lines of requests are filtered by.
const TARGET: &str = "discovery::access";

impl AccessLog for Lines {
    fn answered(&self, answered: &Answered<'_>) {
        if tracing::enabled!(target: TARGET, Level::INFO) {
            self.write(Level::INFO, TARGET, |fields| {
                fields.push_message(Answered::MESSAGE);
                fields.push_text("method", answered.method);
                fields.push_text("route", answered.route);
                fields.push_text("operation", answered.operation);
                fields.push_number("status", answered.status.into());
                fields.push_number("duration_us", answered.micros());
                fields.push_text("request_id", answered.request_id);
            });
        }
    }
}
