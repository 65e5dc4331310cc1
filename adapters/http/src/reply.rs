//! The one place where a list becomes a response, whichever way its request came.

use std::time::Duration;

use bytes::Bytes;
use poem::Response;
use poem::http::header::{AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use poem::http::{HeaderMap, HeaderName, HeaderValue, Response as HttpResponse, StatusCode};

use crate::negotiate::{has_already, takes_gzip};
use crate::rendered::Rendered;

/// A body of this many bytes goes out in one packet either way. The original never compressed, and short lists are
/// what simple clients meet.
const ONE_PACKET: usize = 1400;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// How a list is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Not at all, for the client has it.
    NotModified,
    Identity,
    Gzip,
}

/// Answers a list request with these headers: 304 where the client has the list, else the list, in gzip where that
/// is wanted and saves a packet. A list that could not be read anew says for how long.
pub(crate) async fn list_response(
    headers: &HeaderMap,
    rendered: &Rendered,
    stale_for: Option<Duration>,
) -> Response {
    let form = Form::wanted(headers, rendered);
    let body = match form {
        Form::NotModified => Bytes::new(),
        Form::Identity => rendered.body().clone(),
        Form::Gzip => rendered.gzip().await,
    };
    let (parts, body) = form.response(body, rendered).into_parts();
    let mut response = Response::from((parts.status, body));
    let head = response.headers_mut();
    *head = parts.headers;
    if let Some(age) = stale_for {
        let status = "discovery; hit; detail=\"the store is unavailable\"";
        head.insert(CACHE_STATUS, HeaderValue::from_static(status));
        head.insert(AGE, age.as_secs().into());
    }
    response
}

/// The same for a list that is current, unless it has to be compressed first.
pub(crate) fn list_at_hand(
    headers: &HeaderMap,
    rendered: &Rendered,
) -> Option<HttpResponse<Bytes>> {
    let form = Form::wanted(headers, rendered);
    let body = match form {
        Form::NotModified => Bytes::new(),
        Form::Identity => rendered.body().clone(),
        Form::Gzip => rendered.gzip_at_hand()?,
    };
    Some(form.response(body, rendered))
}

impl Form {
    fn wanted(headers: &HeaderMap, rendered: &Rendered) -> Self {
        if has_already(headers, rendered.etag()) {
            Self::NotModified
        } else if rendered.body().len() > ONE_PACKET && takes_gzip(headers) {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    fn response(self, body: Bytes, rendered: &Rendered) -> HttpResponse<Bytes> {
        let mut response = HttpResponse::new(body);
        let head = response.headers_mut();
        head.insert(ETAG, rendered.etag().clone());
        head.insert(VARY, HeaderValue::from_static("accept-encoding"));
        head.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if self == Self::NotModified {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        head.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self == Self::Gzip {
            head.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}
