//! What an Envoy sends on a gRPC stream: the first byte chooses the method. It is followed by bytes as they come, where
//! its highest bit says so, else by messages, each after its length in two bytes.

#![no_main]

use std::sync::LazyLock;

use discovery_fuzz::node::Node;
use discovery_xds::GRPC_SERVICES;
use libfuzzer_sys::fuzz_target;

const METHODS: [[&str; 2]; 4] = [
    ["StreamAggregatedResources", "DeltaAggregatedResources"],
    ["StreamEndpoints", "DeltaEndpoints"],
    ["StreamClusters", "DeltaClusters"],
    ["StreamListeners", "DeltaListeners"],
];
const RAW: u8 = 0x80;

static NODE: LazyLock<Node> = LazyLock::new(Node::with_a_host);

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let (service, method) = (usize::from(choice >> 1 & 3), usize::from(choice & 1));
    let path = format!("{}{}", GRPC_SERVICES[service], METHODS[service][method]);
    let body = if choice & RAW == 0 {
        framed(rest)
    } else {
        rest.to_vec()
    };
    let answer = NODE.post(&path, "application/grpc", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
});

fn framed(mut rest: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (message, next) = after.split_at(length);
        frames.push(0);
        frames.extend(
            u32::try_from(length)
                .expect("it had two bytes")
                .to_be_bytes(),
        );
        frames.extend(message);
        rest = next;
    }
    frames
}
