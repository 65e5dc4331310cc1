//! An empty emulated DynamoDB as a process of its own: prints its URL and serves until it is killed.
#![expect(
    clippy::print_stdout,
    reason = "its one line is what its caller waits for"
)]

use discovery_testkit::emulator::Emulator;

#[tokio::main]
async fn main() {
    let emulator = Emulator::start().await;
    println!("{}", emulator.url());
    std::future::pending::<()>().await;
}
