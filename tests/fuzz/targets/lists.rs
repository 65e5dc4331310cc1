//! The file of saved lists: as it is where it begins with a header, else under a header with the right checksum.

#![no_main]

use std::fs;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use discovery_domain::{Clock, LeaseClock};
use discovery_fuzz::files::Folder;
use discovery_local::{CacheMetrics, CacheSettings, Cached, InMemoryHostRepository, SystemClock};
use libfuzzer_sys::fuzz_target;
use prometheus_client::registry::Registry as Metrics;

const ANY_AGE: Duration = Duration::MAX;
const STORE: &str = "any";

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::default);

fuzz_target!(|content: &[u8]| {
    let path = FOLDER.write("lists", &with_header(content));
    let cached = cached();
    let Ok(loaded) = cached.load_saved(&path, STORE, ANY_AGE) else {
        return;
    };
    let saved = cached
        .save(&path, STORE, usize::MAX)
        .expect("a file can be written");
    assert!(saved <= loaded.lists, "{saved} of {loaded:?}");
    let again = cached.load_saved(&path, STORE, ANY_AGE);
    let again = again.unwrap_or_else(|error| panic!("{error} of {:?}", fs::read_to_string(&path)));
    assert_eq!(again.lists, saved);
});

fn with_header(content: &[u8]) -> Vec<u8> {
    if content.starts_with(b"{\"format\"") {
        return content.to_vec();
    }
    let crc32 = crc32fast::hash(content);
    let header = format!(
        "{{\"format\":\"discovery lists 2\",\"store\":\"{STORE}\",\"saved_at\":0,\"crc32\":{crc32}}}\n"
    );
    [header.as_bytes(), content].concat()
}

fn cached() -> Cached {
    let settings = CacheSettings {
        ttl: Duration::ZERO,
        max_rows: 1000,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let lease = Arc::new(LeaseClock::new(Arc::clone(&clock)));
    let metrics = CacheMetrics::registered(&mut Metrics::default());
    let store = Arc::new(InMemoryHostRepository::new());
    Cached::new(store, settings, lease, clock, metrics)
}
