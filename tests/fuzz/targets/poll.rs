//! A discovery request of an Envoy that polls.

#![no_main]

use std::sync::LazyLock;

use discovery_fuzz::node::{JSON, Node};
use libfuzzer_sys::fuzz_target;

static NODE: LazyLock<Node> = LazyLock::new(Node::with_a_host);

fuzz_target!(|body: &[u8]| {
    for path in ["/v3/discovery:endpoints", "/v3/discovery:clusters"] {
        NODE.post(path, JSON, body).is_one_of(&[200, 304, 400, 413]);
    }
});
