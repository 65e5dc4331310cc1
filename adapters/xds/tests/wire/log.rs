//! What a node writes to its log of streams that it refuses.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use discovery_xds::StreamLimits;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use tokio::time::{sleep, timeout};
use tracing_subscriber::fmt::MakeWriter;

use crate::node::{Node, PATIENCE, Start};
use crate::talk::*;

/// The lines that this thread logs for operators, which is where a test runs everything.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Waits for a line that holds all of these.
    async fn until(&self, wanted: &[&str]) {
        let found = |line: &str| wanted.iter().all(|text| line.contains(text));
        let comes = async {
            while !self.text().lines().any(found) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        let logged = timeout(PATIENCE, comes).await;
        logged.unwrap_or_else(|_| panic!("no {wanted:?} in {}", self.text()));
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_stream_that_is_refused_is_logged_with_its_node_and_the_reason() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let mut start = Start::default();
    start.settings.streams = StreamLimits {
        streams: 1,
        ..StreamLimits::default()
    };
    let node = Node::start_with(start).await;
    let mut first = sotw(&node).await;
    first.say(asks("", &["users"]));
    first.end().await;
    let ended = "discovery stream is ended";
    log.until(&["INFO", ended, "lab-node", "InvalidArgument", "type_url"])
        .await;

    node.until_metric("discovery_xds_streams", 0).await;
    let mut second = sotw(&node).await;
    let mut client = AggregatedDiscoveryServiceClient::new(channel(&node).await);
    let (_requests, stream) = Sotw::requests();
    client
        .stream_aggregated_resources(stream)
        .await
        .unwrap_err();
    log.until(&["INFO", "discovery stream is refused", "1 streams"])
        .await;
    second.say(asks(ENDPOINTS, &["users"]));
    second.hear().await;
    drop(second);
    node.until_metric("discovery_xds_streams", 0).await;
    assert_eq!(log.text().matches(ended).count(), 1, "{}", log.text());
}
