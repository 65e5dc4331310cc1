//! Compression of what is compressed once and sent many times.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// What takes long to compress must not hold up the other requests of its thread.
const LONG: usize = 64 * 1024;

/// Compresses; long bodies in the background.
pub(crate) async fn gzip(body: &Bytes) -> Bytes {
    if body.len() < LONG {
        return gzip_now(body);
    }
    let body = body.clone();
    tokio::task::spawn_blocking(move || gzip_now(&body))
        .await
        .expect("compressing in memory does not panic")
}

pub(crate) fn gzip_now(body: &[u8]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::default());
    gzip.write_all(body)
        .expect("memory takes whatever is written");
    let gzip = gzip.finish().expect("memory takes whatever is written");
    gzip.into()
}
