//! What the benchmarks and the load generator share: a realistic fleet, a cheap HTTP client that only talks to this
//! machine, and the processes that are measured.

pub mod args;
pub mod client;
pub mod fleet;
pub mod pace;
pub mod process;
pub mod progress;
pub mod server;
pub mod tally;
pub mod zipf;

/// What a tool gives up with: a sentence for its user.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result whose error is a sentence.
pub type Result<T> = std::result::Result<T, Error>;

/// The present moment.
#[expect(
    clippy::disallowed_methods,
    reason = "what takes real time is measured in it"
)]
pub fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
