//! The id by which a request is found in the logs of everything that it passed through.

use std::fmt;
use std::future::Future;

use poem::http::{HeaderName, HeaderValue};

/// The header in which a request may bring its id, and in which every answer carries it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An id of 1 to 128 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Brought(HeaderValue),
    /// Hexadecimal digits.
    MadeUp([u8; 32]),
}

tokio::task_local! {
    static CURRENT: RequestId;
}

impl RequestId {
    /// The longest id that is taken from a request.
    pub const MAX_CHARS: usize = 128;

    /// Takes the id that a request brings if it is fit to be logged, or makes one up.
    pub(crate) fn of(brought: Option<&HeaderValue>) -> Self {
        match brought {
            Some(id) if is_fit(id.as_bytes()) => Self(Kind::Brought(id.clone())),
            _ => Self::random(),
        }
    }

    /// The id of the request that this task answers; a new one outside of any request.
    pub fn current() -> Self {
        Self::of_task().unwrap_or_else(Self::random)
    }

    /// The id of the request that this task answers, if it answers any.
    pub(crate) fn of_task() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs what answers the request with this id.
    pub(crate) async fn scope<T>(self, answering: impl Future<Output = T>) -> T {
        CURRENT.scope(self, answering).await
    }

    /// Does what answers the request at once, with this id.
    pub(crate) fn within<T>(self, answering: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, answering)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        let text = match &self.0 {
            Kind::Brought(id) => id.as_bytes(),
            Kind::MadeUp(digits) => digits,
        };
        str::from_utf8(text).expect("printable ASCII is text")
    }

    /// The id as the value of [`X_REQUEST_ID`].
    pub(crate) fn header(&self) -> HeaderValue {
        match &self.0 {
            Kind::Brought(id) => id.clone(),
            Kind::MadeUp(digits) => HeaderValue::from_bytes(digits).expect("digits are printable"),
        }
    }

    fn random() -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let random = fastrand::u128(..).to_ne_bytes();
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(random) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(Kind::MadeUp(digits))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_fit(id: &[u8]) -> bool {
    (1..=RequestId::MAX_CHARS).contains(&id.len()) && id.iter().all(|b| matches!(b, b'!'..=b'~'))
}
