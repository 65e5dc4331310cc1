//! Answers to requests that never reach an operation, or get no answer from it.

use std::fmt;

use discovery_domain::shown;
use poem::http::header::{ALLOW, RETRY_AFTER};
use poem::http::{HeaderValue, Method, StatusCode};
use poem::{Error as PoemError, IntoResponse, Response};

use crate::error::Error;
use crate::json::Json;
use crate::request_id::{RequestId, X_REQUEST_ID};

/// Refuses a request, saying what is wrong.
fn refusal(status: StatusCode, wrong: impl Into<String>) -> Response {
    let body = Json(Error::new(wrong));
    body.with_status(status).into_response()
}

/// Answers a request for what exists by a method that it does not have. OPTIONS, which all have, asks for just that.
pub(crate) fn method_not_allowed(method: &Method, allowed: &str) -> Response {
    let mut response = if method == Method::OPTIONS {
        StatusCode::OK.into()
    } else {
        let wrong = format!("the method {method} is not allowed here, allowed are {allowed}");
        refusal(StatusCode::METHOD_NOT_ALLOWED, wrong)
    };
    let allowed = HeaderValue::from_str(allowed).expect("methods are printable");
    response.headers_mut().insert(ALLOW, allowed);
    response
}

/// Answers a request for nothing that exists.
pub(crate) fn not_found(path: &str) -> Response {
    let shown: String = path.chars().take(200).collect();
    let wrong = format!("there is nothing at {shown:?}, see /docs for what there is");
    refusal(StatusCode::NOT_FOUND, wrong)
}

/// Refuses a path that no text stands for.
pub(crate) fn unreadable(path: &str) -> Response {
    let wrong = format!("the path must be UTF-8 when decoded, got {}", shown(path));
    refusal(StatusCode::BAD_REQUEST, wrong)
}

/// Answers a request that has met a mistake of ours.
pub(crate) fn panicked() -> Response {
    let wrong = "this server has made a mistake, its log says which";
    refusal(StatusCode::INTERNAL_SERVER_ERROR, wrong)
}

/// Answers a scraper whose metrics can't be written.
pub(crate) fn no_metrics(error: fmt::Error) -> Response {
    let wrong = format!("the metrics can't be written: {error}");
    refusal(StatusCode::INTERNAL_SERVER_ERROR, wrong)
}

/// Gives up on a request.
pub(crate) fn too_long() -> Response {
    unavailable("this request took too long to answer, try it again")
}

/// Refuses a body of which too many others are on their way.
pub(crate) fn no_room() -> Response {
    unavailable("there is no room for this body while so many others arrive, send it again")
}

/// Refuses what would be one too many of these, before there is a request of an [`App`](crate::App) to answer: under an
/// id of its own.
pub fn no_place(of_what: &str) -> Response {
    let id = RequestId::current();
    let wrong = format!("too many {of_what} to this node, try again");
    let mut response = id.clone().within(|| unavailable(&wrong));
    response.headers_mut().insert(X_REQUEST_ID, id.header());
    response
}

fn unavailable(wrong: &str) -> Response {
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, wrong);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Answers with an error that no operation has put into words.
pub(crate) fn poem_error(error: PoemError) -> Response {
    if error.is_from_response() {
        error.into_response()
    } else {
        refusal(error.status(), error.to_string())
    }
}
