//! Pages that stay the same while the process lives: compressed once, and sent only to who does not have them.

use bytes::Bytes;
use poem::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use poem::http::{HeaderMap, HeaderValue, StatusCode};
use poem::{Body, Response};
use tokio::sync::OnceCell;
use twox_hash::XxHash3_64;

use crate::compress::gzip;
use crate::negotiate::{has_already, takes_gzip};

/// A page of a fixed text.
pub(crate) struct Page {
    body: Bytes,
    gzip: OnceCell<Bytes>,
    etag: HeaderValue,
    content_type: &'static str,
    cache_control: &'static str,
}

impl Page {
    /// A page that clients ask for again every time they need it.
    pub(crate) fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let etag = format!("W/\"{:016x}\"", XxHash3_64::oneshot(&body));
        Self {
            body,
            gzip: OnceCell::new(),
            etag: HeaderValue::try_from(etag).expect("hexadecimal digits are printable"),
            content_type,
            cache_control: "no-cache",
        }
    }

    /// A page that is kept for good, because whoever links to it names its version.
    pub(crate) fn versioned(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            cache_control: "public, max-age=31536000, immutable",
            ..Self::new(content_type, body)
        }
    }

    /// What changes whenever the page does, fit for an address.
    pub(crate) fn version(&self) -> &str {
        let etag = self.etag.to_str().unwrap_or_default();
        etag.trim_matches(|c: char| !c.is_ascii_hexdigit())
    }

    /// Answers a request that has these headers.
    pub(crate) async fn response(&self, headers: &HeaderMap) -> Response {
        let mut response = if has_already(headers, &self.etag) {
            Response::from(StatusCode::NOT_MODIFIED)
        } else {
            self.with_body(takes_gzip(headers)).await
        };
        let head = response.headers_mut();
        head.insert(ETAG, self.etag.clone());
        head.insert(VARY, HeaderValue::from_static("accept-encoding"));
        head.insert(CACHE_CONTROL, HeaderValue::from_static(self.cache_control));
        response
    }

    async fn with_body(&self, compressed: bool) -> Response {
        let body = if compressed {
            self.gzip.get_or_init(|| gzip(&self.body)).await.clone()
        } else {
            self.body.clone()
        };
        let mut response = Response::from(Body::from_bytes(body));
        let head = response.headers_mut();
        head.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        head.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        head.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        if compressed {
            head.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// Pages load and call nothing but this server, run no script that stands in the page, and stand in no other page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
