//! The id by which a request is found in the logs of everything that it passed through.

use std::fmt;
use std::future::Future;

use poem::http::{HeaderName, HeaderValue};

/// The header in which a request may bring its id, and in which every answer carries it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An id of 1 to 128 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

tokio::task_local! {
    static CURRENT: RequestId;
}

impl RequestId {
    /// The longest id that is taken from a request.
    pub const MAX_CHARS: usize = 128;

    /// Takes the id that a request brings if it is fit to be logged, or makes one up.
    pub(crate) fn of(brought: Option<&HeaderValue>) -> Self {
        match brought {
            Some(id) if is_fit(id.as_bytes()) => Self(id.clone()),
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

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id as the value of [`X_REQUEST_ID`].
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    fn random() -> Self {
        let id = format!("{:032x}", fastrand::u128(..));
        Self(HeaderValue::try_from(id).expect("hexadecimal digits are printable"))
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
