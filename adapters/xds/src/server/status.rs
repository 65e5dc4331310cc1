//! How a stream ends.

use std::fmt::Write;

use poem::Response;
use poem::http::header::CONTENT_TYPE;
use poem::http::{HeaderMap, HeaderName, HeaderValue};

/// The codes of gRPC that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Ok = 0,
    Cancelled = 1,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Unavailable = 14,
}

/// Why a stream ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Status {
    /// The client has said all it had to say.
    pub(crate) const DONE: Self = Self {
        code: Code::Ok,
        message: String::new(),
    };

    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }

    /// The status as what follows the last message.
    pub(crate) fn trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        let code = HeaderValue::from(self.code as u16);
        trailers.insert(HeaderName::from_static("grpc-status"), code);
        if !self.message.is_empty() {
            let message = HeaderValue::try_from(encoded(&self.message));
            let message = message.expect("what is encoded is printable");
            trailers.insert(HeaderName::from_static("grpc-message"), message);
        }
        trailers
    }

    /// The status as a whole answer without any message.
    pub(crate) fn into_response(self) -> Response {
        let mut response = Response::builder().finish();
        *response.headers_mut() = self.trailers();
        let grpc = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert(CONTENT_TYPE, grpc);
        response
    }
}

/// Text as a header may hold it.
fn encoded(text: &str) -> String {
    let mut header = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | 0..=0x1f | 0x7f.. => write!(header, "%{byte:02X}"),
            byte => write!(header, "{}", char::from(byte)),
        }
        .expect("a string takes whatever is written");
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_no_header_may_hold_is_encoded() {
        let trailers = Status::new(Code::Unavailable, "50 % of \"é\"\n").trailers();
        assert_eq!(trailers["grpc-status"], "14");
        assert_eq!(trailers["grpc-message"], "50 %25 of \"%C3%A9\"%0A");
        assert_eq!(Status::DONE.trailers().len(), 1);
    }
}
