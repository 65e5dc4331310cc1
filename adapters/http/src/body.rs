//! The body of a request: JSON or a form, read within bounds of size and time.

use std::io;
use std::marker::PhantomData;
use std::pin::pin;
use std::time::Duration;

use discovery_domain::shown;
use futures_util::StreamExt;
use poem::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use poem::{Body, Request, RequestBody, Result as PoemResult};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::fields::Fields;

/// The largest body, in bytes.
pub(crate) const MAX_BYTES: usize = 64 * 1024;
/// How much of a body that is too large is read on and thrown away.
const MAX_DRAINED: usize = 1024 * 1024;

/// Why the fields of a body can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is no JSON object and no form.
    #[error("{0}")]
    Malformed(String),
    /// The connection broke.
    #[error("the body could not be read: {0}")]
    Lost(#[source] io::Error),
    /// There is more of it than is taken.
    #[error("the body must have at most {MAX_BYTES} bytes")]
    TooLarge,
    /// It took too long.
    #[error("the body must arrive within {0:?}")]
    TooSlow(Duration),
}

/// A body that is documented as a JSON `T` and may come as a form with the same fields.
pub(crate) struct Sent<T> {
    content_type: Option<String>,
    /// How it is compressed, where it is.
    encoding: Option<String>,
    /// Whether the client waits to be told to send it, and it would be too large.
    need_not_come: bool,
    body: Body,
    documented: PhantomData<T>,
}

/// A body that has arrived.
pub(crate) struct Received {
    content_type: Option<String>,
    bytes: Vec<u8>,
}

impl Received {
    /// Finds the fields.
    pub(crate) async fn fields(&self) -> Result<Fields<'_>, BodyError> {
        Fields::parse(self.content_type.as_deref(), &self.bytes).await
    }
}

impl<T> Sent<T> {
    /// Reads the body, or gives up on it.
    pub(crate) async fn received(self, within: Duration) -> Result<Received, BodyError> {
        if let Some(encoding) = &self.encoding {
            let encoding = shown(encoding);
            return Err(BodyError::Malformed(format!(
                "a body of the content encoding {encoding} is not understood: send it as it is"
            )));
        }
        if self.need_not_come {
            return Err(BodyError::TooLarge);
        }
        let bytes = tokio::time::timeout(within, collect(self.body))
            .await
            .map_err(|_| BodyError::TooSlow(within))??;
        Ok(Received {
            content_type: self.content_type,
            bytes,
        })
    }
}

/// Collects a body. One that is too large is still read for a while, because many clients listen for an answer only
/// when they have sent everything.
async fn collect(body: Body) -> Result<Vec<u8>, BodyError> {
    let mut chunks = pin!(body.into_bytes_stream());
    let (mut bytes, mut read) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(BodyError::Lost)?;
        read += chunk.len();
        if read <= MAX_BYTES {
            bytes.extend_from_slice(&chunk);
        } else if read > MAX_DRAINED {
            break;
        }
    }
    if read > MAX_BYTES {
        return Err(BodyError::TooLarge);
    }
    Ok(bytes)
}

impl<'a, T: Type> ApiExtractor<'a> for Sent<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    const PARAM_IS_REQUIRED: bool = true;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: "application/json",
                schema: T::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> PoemResult<Self> {
        let header = |name| {
            let text = request.headers().get(name)?;
            Some(String::from_utf8_lossy(text.as_bytes()).into_owned())
        };
        let length = header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let is_too_large = length.is_some_and(|length: usize| length > MAX_BYTES);
        Ok(Self {
            need_not_come: is_too_large && request.headers().contains_key(EXPECT),
            content_type: header(CONTENT_TYPE),
            encoding: header(CONTENT_ENCODING)
                .filter(|encoding| !encoding.eq_ignore_ascii_case("identity")),
            body: body.take()?,
            documented: PhantomData,
        })
    }
}
