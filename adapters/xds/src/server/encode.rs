//! Responses as bytes. What is long is shared by all streams that send it, what is short is written anew.

use std::iter;

use bytes::{BufMut, Bytes, BytesMut};
use envoy_types::pb::envoy::service::discovery::v3 as pb;
use prost::Message;
use prost::encoding::encode_varint;

use crate::resource::Resource;
use crate::session::Response;

/// A message in its frame, in pieces.
pub(crate) type Pieces = Vec<Bytes>;

/// Writes a response in full states.
pub(crate) fn sotw(response: &Response) -> Pieces {
    let head = pb::DiscoveryResponse {
        version_info: response.version.to_string(),
        type_url: response.kind.type_url().to_owned(),
        nonce: response.nonce.to_string(),
        ..pb::DiscoveryResponse::default()
    };
    let fields = response
        .resources
        .iter()
        .map(|resource| resource.field().clone());
    framed(
        &iter::once(head.encode_to_vec().into())
            .chain(fields)
            .collect::<Vec<_>>(),
    )
}

/// Writes a response in changes.
pub(crate) fn delta(response: &Response) -> Pieces {
    let removed = response.removed.iter().map(ToString::to_string);
    let head = pb::DeltaDiscoveryResponse {
        system_version_info: response.version.to_string(),
        type_url: response.kind.type_url().to_owned(),
        nonce: response.nonce.to_string(),
        removed_resources: removed.collect(),
        ..pb::DeltaDiscoveryResponse::default()
    };
    let fields = response.resources.iter();
    let fields = fields.flat_map(|resource| [wrapping(resource), resource.field().clone()]);
    framed(
        &iter::once(head.encode_to_vec().into())
            .chain(fields)
            .collect::<Vec<_>>(),
    )
}

/// What stands before a resource where it is wrapped in its name and version.
fn wrapping(resource: &Resource) -> Bytes {
    let wrapped = pb::Resource {
        name: resource.name().to_string(),
        version: resource.version().to_string(),
        ..pb::Resource::default()
    };
    let length = wrapped.encoded_len() + resource.field().len();
    let mut wrapping = BytesMut::with_capacity(wrapped.encoded_len() + 12);
    wrapping.put_u8(Resource::FIELD);
    encode_varint(length as u64, &mut wrapping);
    wrapped
        .encode(&mut wrapping)
        .expect("memory takes whatever is written");
    wrapping.freeze()
}

/// A message in its frame, given in parts. Each piece is sent in a frame of its own, so short parts are copied together.
fn framed(parts: &[Bytes]) -> Pieces {
    const LONG: usize = 2048;
    const UNCOMPRESSED: u8 = 0;
    let length: usize = parts.iter().map(Bytes::len).sum();
    let mut short = BytesMut::new();
    short.put_u8(UNCOMPRESSED);
    short.put_u32(u32::try_from(length).expect("a response has less than 4 GiB"));
    let mut pieces = Vec::new();
    for part in parts {
        if part.len() < LONG {
            short.extend_from_slice(part);
            continue;
        }
        if !short.is_empty() {
            pieces.push(short.split().freeze());
        }
        pieces.push(part.clone());
    }
    if !short.is_empty() {
        pieces.push(short.freeze());
    }
    pieces
}
