//! Plain text, to the byte.

use poem::http::header::CONTENT_TYPE;
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::MetaSchemaRef;
use poem_openapi::types::Type;

/// An answer in plain text.
#[derive(Debug)]
pub(crate) struct Text(pub(crate) &'static str);

impl Payload for Text {
    const CONTENT_TYPE: &'static str = "text/plain";

    fn schema_ref() -> MetaSchemaRef {
        String::schema_ref()
    }
}

impl IntoResponse for Text {
    fn into_response(self) -> Response {
        Response::builder()
            .header(CONTENT_TYPE, Self::CONTENT_TYPE)
            .body(self.0)
    }
}
