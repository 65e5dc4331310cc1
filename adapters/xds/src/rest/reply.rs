//! The answer to a poll: what was found, or that the client has it.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use poem::http::header::CONTENT_TYPE;
use poem::http::{HeaderValue, StatusCode};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;

use crate::kind::Kind;
use crate::resource::{Resource, answer};
use crate::resources::List;
use crate::version::Version;

/// What there is to answer, in its version.
pub(super) struct Found {
    version: Version,
    /// None where the client has it.
    body: Option<Bytes>,
}

/// A response that carries a `T`, or says that the client has it.
pub(super) struct Discovered<T>(Found, PhantomData<T>);

impl Found {
    /// Some resources. Of one alone the whole answer is shared by all who ask for it.
    pub(super) fn some(kind: Kind, resources: &[Arc<Resource>]) -> Self {
        let version = resources.iter().map(|resource| resource.version()).sum();
        let body = match resources {
            [alone] => alone.answer().clone(),
            several => answer(
                kind,
                version,
                several.iter().map(|resource| resource.json()),
            ),
        };
        let body = Some(body);
        Self { version, body }
    }

    /// All clusters.
    pub(super) fn all(list: &List) -> Self {
        Self {
            version: list.version(),
            body: Some(list.answer().clone()),
        }
    }

    /// The version of what was found.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Nothing more to say to a client that has that version.
    pub(super) fn unless(self, has: Option<Version>) -> Self {
        let body = self.body.filter(|_| has != Some(self.version));
        Self { body, ..self }
    }

    /// How it is answered.
    pub(super) fn status(&self) -> StatusCode {
        match self.body {
            Some(_) => StatusCode::OK,
            None => StatusCode::NOT_MODIFIED,
        }
    }
}

impl<T> From<Found> for Discovered<T> {
    fn from(found: Found) -> Self {
        Self(found, PhantomData)
    }
}

impl<T: Send> IntoResponse for Discovered<T> {
    fn into_response(self) -> Response {
        let Self(found, _) = self;
        let mut response = Response::from(found.status());
        if let Some(body) = found.body {
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response.set_body(Body::from_bytes(body));
        }
        response
    }
}

impl<T: Type> ApiResponse for Discovered<T> {
    fn meta() -> MetaResponses {
        let json = MetaMediaType {
            content_type: "application/json",
            schema: T::schema_ref(),
        };
        MetaResponses {
            responses: vec![
                response(200, "What is wanted, in its current version", vec![json]),
                response(304, "`version_info` is the current version", Vec::new()),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

fn response(status: u16, description: &'static str, content: Vec<MetaMediaType>) -> MetaResponse {
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content,
        headers: Vec::new(),
    }
}
