//! A body that is said to be a form: of parts where it begins with their boundary, else of pairs.

#![no_main]

use std::sync::LazyLock;

use discovery_fuzz::node::{FORM, Node};
use libfuzzer_sys::fuzz_target;

static NODE: LazyLock<Node> = LazyLock::new(Node::default);

fuzz_target!(|body: &[u8]| {
    let parts = body.starts_with(b"--x");
    let kind = if parts {
        "multipart/form-data; boundary=x"
    } else {
        FORM
    };
    NODE.try_every_write(kind, body);
});
