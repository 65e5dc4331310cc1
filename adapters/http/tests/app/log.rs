//! What is logged, as values.

use std::sync::Once;

use discovery_testkit::Written;
use serde_json::Value;
use tracing::instrument::WithSubscriber;

/// What is logged while a future runs.
pub(crate) async fn logged_by(logging: impl Future<Output = ()>) -> Vec<Value> {
    listen_for_good();
    let log = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(log.writer())
        .finish();
    logging.with_subscriber(subscriber).await;
    let text = log.text();
    let parsed = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"));
    parsed.collect()
}

/// Has somebody listen as long as the process lives: otherwise what is logged while other tests begin and end to listen
/// may be taken for what nobody wants to hear.
fn listen_for_good() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let nobody = tracing_subscriber::fmt().with_writer(std::io::sink);
        drop(nobody.try_init());
    });
}
