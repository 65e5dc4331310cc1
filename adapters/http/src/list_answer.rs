//! A list as the contract shows it; its bytes are made elsewhere.

use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;

/// A response that carries a `T`, or says that the client has it already.
pub(crate) struct ListAnswer<T>(Response, PhantomData<T>);

impl<T> From<Response> for ListAnswer<T> {
    fn from(response: Response) -> Self {
        Self(response, PhantomData)
    }
}

impl<T: Send> IntoResponse for ListAnswer<T> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<T: Type> ApiResponse for ListAnswer<T> {
    fn meta() -> MetaResponses {
        let content = MetaMediaType {
            content_type: "application/json",
            schema: T::schema_ref(),
        };
        let responses = vec![
            answer(200, "The hosts", vec![content]),
            answer(
                304,
                "The client has this list already; check-ins may be newer than in its copy",
                vec![],
            ),
        ];
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

fn answer(status: u16, description: &'static str, content: Vec<MetaMediaType>) -> MetaResponse {
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content,
        headers: vec![
            header::<String>(
                "ETag",
                "Changes with the list, except for the times of check-ins",
            ),
            header::<String>("Vary", "The request headers that the answer depends on"),
            header::<String>(
                "Cache-Control",
                "That a copy must be checked before it is used",
            ),
            header::<Option<i32>>(
                "Age",
                "For how many seconds the list could not be read anew; absent for a current one",
            ),
            header::<Option<String>>(
                "Cache-Status",
                "Why the list could not be read anew; absent for a current one",
            ),
        ],
    }
}

fn header<T: Type>(name: &str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: T::IS_REQUIRED,
        deprecated: false,
        schema: schema::<T>(),
    }
}

fn schema<T: Type>() -> MetaSchemaRef {
    T::schema_ref()
}
