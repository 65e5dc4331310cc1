//! A body that is said to be JSON.

#![no_main]

use std::sync::LazyLock;

use discovery_fuzz::node::{JSON, Node};
use libfuzzer_sys::fuzz_target;

static NODE: LazyLock<Node> = LazyLock::new(Node::default);

fuzz_target!(|body: &[u8]| NODE.try_every_write(JSON, body));
