//! The one place where a list becomes a response, whichever way its request came.

use std::time::Duration;

use poem::http::header::{AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use poem::{Body, Response};

use crate::negotiate::{has_already, takes_gzip};
use crate::rendered::Rendered;

/// A body of this many bytes goes out in one packet either way. The original never compressed, and short lists are
/// what simple clients meet.
const ONE_PACKET: usize = 1400;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Answers a list request with these headers: 304 where the client has the list, else the list, in gzip where that
/// is wanted and saves a packet. A list that could not be read anew says for how long.
pub(crate) async fn list_response(
    headers: &HeaderMap,
    rendered: &Rendered,
    stale_for: Option<Duration>,
) -> Response {
    let mut response = if has_already(headers, rendered.etag()) {
        StatusCode::NOT_MODIFIED.into()
    } else {
        let long = rendered.body().len() > ONE_PACKET;
        with_body(long && takes_gzip(headers), rendered).await
    };
    let head = response.headers_mut();
    head.insert(ETAG, rendered.etag().clone());
    head.insert(VARY, HeaderValue::from_static("accept-encoding"));
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(age) = stale_for {
        let status = "discovery; hit; detail=\"the store is unavailable\"";
        head.insert(CACHE_STATUS, HeaderValue::from_static(status));
        head.insert(AGE, age.as_secs().into());
    }
    response
}

async fn with_body(gzip: bool, rendered: &Rendered) -> Response {
    let body = if gzip {
        rendered.gzip().await
    } else {
        rendered.body().clone()
    };
    let mut response = Response::from(Body::from_bytes(body));
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if gzip {
        head.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
