//! The one place where a list becomes a response, whichever way its request came.

use std::sync::Arc;

use discovery_domain::{Answer, Stale};
use poem::http::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use poem::{Body, Response};

use crate::host_json::push_time;
use crate::negotiate::{has_already, takes_gzip};
use crate::rendered::Rendered;

/// Says, on a list that could not be read anew, when it was read.
pub const X_STALE_AS_OF: HeaderName = HeaderName::from_static("x-stale-as-of");

/// Answers a list request with these headers: 304 where the client has the list, else the list, in gzip where that
/// is wanted.
pub async fn list_response(
    headers: &HeaderMap,
    answer: &Answer,
    rendered: &Arc<Rendered>,
) -> Response {
    let mut response = if has_already(headers, rendered.etag()) {
        StatusCode::NOT_MODIFIED.into()
    } else {
        with_body(takes_gzip(headers), rendered).await
    };
    let head = response.headers_mut();
    head.insert(ETAG, rendered.etag().clone());
    head.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(stale) = &answer.stale {
        head.insert(X_STALE_AS_OF, as_of(stale));
    }
    response
}

async fn with_body(gzip: bool, rendered: &Arc<Rendered>) -> Response {
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

fn as_of(stale: &Stale) -> HeaderValue {
    let mut text = String::with_capacity(32);
    push_time(&mut text, stale.read_at);
    HeaderValue::try_from(text).expect("a time is printable")
}
