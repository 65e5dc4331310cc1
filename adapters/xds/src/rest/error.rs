//! Why a poll is not answered, in the words of the contract.

use std::collections::BTreeMap;

use discovery_domain::StoreError;
use poem::http::StatusCode;
use poem::{IntoResponse, Request, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use tracing::error;

use super::request::{MAX_BYTES, PATIENCE};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The request is not right.
    #[error("{0}")]
    Wrong(String),
    #[error("the body must arrive within {PATIENCE:?}")]
    TooSlow,
    #[error("the body must have at most {MAX_BYTES} bytes")]
    TooLarge,
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not all services are known.
    #[error("the store has not named its services yet")]
    NotReady,
}

/// Why a poll is not answered
#[derive(ApiResponse)]
pub(super) enum Refused {
    /// The body is no discovery request, or asks for something else than this operation has
    #[oai(status = 400)]
    BadRequest(ErrorBody),
    /// The body took too long to arrive
    #[oai(status = 408)]
    TooSlow(ErrorBody),
    /// The body has more than 1 MiB
    #[oai(status = 413)]
    TooLarge(ErrorBody),
    /// The store is broken, or the server has made a mistake: its log says which
    #[oai(status = 500)]
    Broken(ErrorBody),
    /// The store fails or is overloaded, and this node has not read the answer before: Envoy keeps what it has, and
    /// polls again
    #[oai(status = 503)]
    Unavailable(
        ErrorBody,
        /// After how many seconds to try again
        #[oai(header = "Retry-After")]
        i32,
    ),
}

/// The schema that every error of the contract has.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "DiscoveryError")]
#[expect(
    clippy::struct_field_names,
    reason = "the member was `error` before there was this type"
)]
pub(super) struct Error {
    /// What is wrong, with which value, and what would be right
    error: String,
    /// The id by which the server's log knows this request, as in the header `X-Request-Id`
    request_id: String,
    /// What is wrong with each field that is wrong, by the name of the field; absent where no single field is wrong
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<BTreeMap<String, String>>,
}

/// An error as JSON.
pub(super) struct ErrorBody(Error);

impl Failure {
    /// The status that says so.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Store(StoreError::Broken { .. }) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Store(_) | Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The answer to a request that failed so.
    pub(super) fn refusing(self, request: &Request) -> Refused {
        const RETRY_AFTER: i32 = 1;
        let body = ErrorBody::new(&self, request);
        match self {
            Self::Wrong(_) => Refused::BadRequest(body),
            Self::TooSlow => Refused::TooSlow(body),
            Self::TooLarge => Refused::TooLarge(body),
            Self::Store(broken @ StoreError::Broken { .. }) => {
                error!(
                    error = &broken as &dyn std::error::Error,
                    "can't answer a poll"
                );
                Refused::Broken(body)
            }
            Self::Store(_) | Self::NotReady => Refused::Unavailable(body, RETRY_AFTER),
        }
    }
}

impl ErrorBody {
    fn new(failure: &Failure, request: &Request) -> Self {
        Self(Error {
            error: failure.to_string(),
            request_id: request
                .header("x-request-id")
                .unwrap_or_default()
                .to_owned(),
            fields: None,
        })
    }
}

impl Payload for ErrorBody {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        Error::schema_ref()
    }

    /// Leaves the schema to whoever else has one of that name, before or after.
    fn register(registry: &mut Registry) {
        let name = Error::name();
        if !registry.schemas.contains_key(&*name) {
            Error::register(registry);
            let schema = registry.schemas.get_mut(&*name);
            schema.expect("it has just been registered").rust_typename = None;
        }
    }
}

impl IntoResponse for ErrorBody {
    fn into_response(self) -> Response {
        let json = serde_json::to_vec(&self.0).expect("memory takes whatever is written");
        Response::builder()
            .content_type("application/json")
            .body(json)
    }
}
