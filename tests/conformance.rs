//! Every case in `conformance/vectors.json`, drawn from what lyft/discovery answered, on every store.

mod support;

#[path = "conformance/replay.rs"]
mod replay;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use discovery_testkit::emulator::Emulator;
use support::{Node, wait_until};

#[test]
fn every_case_passes_in_memory() {
    replay::all(|settings| Node::start(&[settings, &[("BACKEND_STORAGE", "InMemory")]].concat()));
}

#[test]
fn every_case_passes_in_memory_with_a_cache() {
    let storage = [("BACKEND_STORAGE", "InMemory"), ("CACHE_TYPE", "simple")];
    replay::all(|settings| Node::start(&[settings, &storage].concat()));
}

#[test]
fn every_case_passes_in_a_file() {
    replay::all(|settings| Node::start(&[settings, &[("BACKEND_STORAGE", "InFile")]].concat()));
}

#[test]
fn every_case_passes_in_a_file_with_a_cache() {
    let storage = [("BACKEND_STORAGE", "InFile"), ("CACHE_TYPE", "simple")];
    replay::all(|settings| Node::start(&[settings, &storage].concat()));
}

const TABLE: &str = "hosts";

#[tokio::test(flavor = "multi_thread")]
async fn every_case_passes_in_dynamodb() {
    on_dynamodb("null").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_passes_in_dynamodb_with_a_cache() {
    on_dynamodb("simple").await;
}

/// Replays every case on nodes that share nothing but an emulated DynamoDB, each with a table of its own.
async fn on_dynamodb(cache: &'static str) {
    let emulator = Emulator::start().await;
    let url = emulator.url().to_owned();
    let replayed = tokio::task::spawn_blocking(move || {
        let tables = AtomicUsize::new(0);
        replay::all(|settings| {
            let table = format!("{TABLE}-{}", tables.fetch_add(1, Relaxed));
            let storage = [
                ("BACKEND_STORAGE", "DynamoDB"),
                ("DYNAMODB_TABLE_HOSTS", &table),
                ("DYNAMODB_URL", &url),
                ("DYNAMODB_CREATE_TABLES_IN_APP", "true"),
                ("CACHE_TYPE", cache),
            ];
            let node = Node::start(&[settings, &storage].concat());
            wait_until("the node is ready", || {
                (node.call("GET", "/readyz").status == 200).then_some(())
            });
            node
        });
    });
    replayed.await.expect("no panic");
}
