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
    /// Whether who links to it names its version.
    versioned: bool,
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
            versioned: false,
        }
    }

    /// A page that is kept for good by whoever asks for this version of it.
    pub(crate) fn versioned(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            versioned: true,
            ..Self::new(content_type, body)
        }
    }

    /// What changes whenever the page does, fit for an address.
    pub(crate) fn version(&self) -> &str {
        let etag = self.etag.to_str().unwrap_or_default();
        etag.trim_matches(|c: char| !c.is_ascii_hexdigit())
    }

    /// Answers a request that has these headers and this query.
    pub(crate) async fn response(&self, headers: &HeaderMap, query: Option<&str>) -> Response {
        let mut response = if has_already(headers, &self.etag) {
            Response::from(StatusCode::NOT_MODIFIED)
        } else {
            self.with_body(takes_gzip(headers)).await
        };
        let head = response.headers_mut();
        head.insert(ETAG, self.etag.clone());
        head.insert(VARY, HeaderValue::from_static("accept-encoding"));
        head.insert(CACHE_CONTROL, self.cache_control(query));
        response
    }

    /// How long a copy is good. While nodes are replaced, the page of one may link to the version that another has not.
    fn cache_control(&self, query: Option<&str>) -> HeaderValue {
        let asked = query.and_then(|query| query.strip_prefix("v="));
        let is_asked_for = self.versioned && asked == Some(self.version());
        HeaderValue::from_static(if is_asked_for {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        })
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
        protect(head, "'self'");
        if compressed {
            head.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// Has a page load and call nothing but this server, run no script that stands in it, and stand in no other page. Its
/// styles come from where the policy says.
pub(crate) fn protect(head: &mut HeaderMap, styles: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src {styles}; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::try_from(policy).expect("a policy is printable");
    head.insert(CONTENT_SECURITY_POLICY, policy);
    head.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
