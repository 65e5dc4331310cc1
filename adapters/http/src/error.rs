//! What a client is told when an operation goes wrong: the only place that knows the statuses of the contract. Requests
//! that never reach an operation are answered by [`refusal`](crate::refusal).

use std::collections::BTreeMap;

use discovery_domain::{CheckInError, HostError, InvalidValue, StoreError};
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;

use crate::body::BodyError;
use crate::json::Json;
use crate::request_id::RequestId;
use crate::schema::RequestIdText;

/// Why a request was refused or could not be answered
#[derive(Debug, Serialize, Object)]
// Among what is generated beside it, `Error` and `ApiError` are taken.
#[oai(rename = "DiscoveryError")]
#[expect(
    clippy::struct_field_names,
    reason = "the member was `error` before there was this type"
)]
pub(crate) struct Error {
    /// What is wrong, with which value, and what would be right
    pub(crate) error: String,
    /// The id by which the server's log knows this request, as in the header `X-Request-Id`
    pub(crate) request_id: RequestIdText,
    /// What is wrong with each field that is wrong, by the name of the field; absent where no single field is wrong
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fields: Option<BTreeMap<String, String>>,
}

impl Error {
    /// Says what is wrong to the client whose request this task answers.
    pub(crate) fn new(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            request_id: RequestIdText(RequestId::current().to_string()),
            fields: None,
        }
    }
}

/// Fields of a request that are wrong, each with the reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Invalid(Vec<(&'static str, String)>);

impl Invalid {
    /// A single wrong field.
    pub(crate) fn field(name: &'static str, wrong: &InvalidValue) -> Self {
        Self(vec![(name, wrong.to_string())])
    }

    /// Unwraps a field, or notes what is wrong with it.
    pub(crate) fn check<T>(
        &mut self,
        name: &'static str,
        value: Result<T, InvalidValue>,
    ) -> Option<T> {
        value
            .map_err(|wrong| self.0.push((name, wrong.to_string())))
            .ok()
    }

    /// Unwraps what was made of several fields, or notes what is wrong with them.
    pub(crate) fn join<T>(&mut self, value: Result<T, Self>) -> Option<T> {
        value.map_err(|wrong| self.0.extend(wrong.0)).ok()
    }
}

impl From<Invalid> for Error {
    fn from(Invalid(fields): Invalid) -> Self {
        let said: Vec<String> = fields
            .iter()
            .map(|(name, wrong)| format!("{name} {wrong}"))
            .collect();
        let fields = fields
            .into_iter()
            .map(|(name, wrong)| (name.to_owned(), wrong));
        Self {
            fields: Some(fields.collect()),
            ..Self::new(said.join("; "))
        }
    }
}

/// After how many seconds to try again.
type RetryAfter = i32;
const RETRY_AFTER: RetryAfter = 1;

/// Declares the ways in which an operation can refuse: any of them a request that is wrong and a store that fails,
/// some of them more.
macro_rules! refused {
    (
        $(#[$doc:meta])* $refused:ident {
            400 => $wrong:literal,
            503 => $unavailable:literal,
            $($status:tt $more:ident => $description:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(ApiResponse)]
        pub(crate) enum $refused {
            #[doc = $wrong]
            #[oai(status = 400)]
            BadRequest(Json<Error>),
            $(
                #[doc = $description]
                #[oai(status = $status)]
                $more(Json<Error>),
            )*
            /// The store is broken, or the server has made a mistake: its log says which
            #[oai(status = 500)]
            Broken(Json<Error>),
            #[doc = $unavailable]
            #[oai(status = 503)]
            Unavailable(
                Json<Error>,
                /// After how many seconds to try again
                #[oai(header = "Retry-After")]
                RetryAfter,
            ),
        }

        impl From<Invalid> for $refused {
            fn from(invalid: Invalid) -> Self {
                Self::BadRequest(Json(invalid.into()))
            }
        }

        impl From<StoreError> for $refused {
            fn from(error: StoreError) -> Self {
                log(&error);
                let body = Json(Error::new(error.to_string()));
                match error {
                    StoreError::Unavailable { .. } | StoreError::Busy { .. } => {
                        Self::Unavailable(body, RETRY_AFTER)
                    }
                    StoreError::Broken { .. } => Self::Broken(body),
                }
            }
        }
    };
}

refused! {
    /// Why hosts are not listed
    ListRefused {
        400 => "The name in the path is not valid",
        503 => "The store fails or is overloaded, and this node has not read the list before: try again later",
    }
}

refused! {
    /// Why a host is not registered
    RegisterRefused {
        400 => "A field is missing or wrong, `fields` says which and why; or the body is no JSON object and no form",
        503 => "The store fails or is overloaded: send the request again",
        408 TooSlow => "The body took too long to arrive",
        413 TooLarge => "The body has more than 64 KiB",
    }
}

refused! {
    /// Why a host is not deregistered
    DeregisterRefused {
        400 => "There is no such host, or the service or the address in the path is not valid",
        503 => "The store fails or is overloaded: send the request again",
    }
}

refused! {
    /// Why the weight of a service is not set
    ServiceWeightRefused {
        400 => "The weight is missing or wrong, or the service in the path is not valid, `fields` says which and why; \
                or the body is no JSON object and no form",
        503 => "The store fails or is overloaded, and some hosts may have the weight already: send the request again",
        408 TooSlow => "The body took too long to arrive",
        413 TooLarge => "The body has more than 64 KiB",
    }
}

refused! {
    /// Why the weight of a host is not set
    HostWeightRefused {
        400 => "The weight is missing or wrong, or the service in the path is not valid, `fields` says which and why; \
                or the body is no JSON object and no form",
        503 => "The store fails or is overloaded: send the request again",
        404 NotFound => "There is no such host, or the address in the path is not an IP address",
        408 TooSlow => "The body took too long to arrive",
        413 TooLarge => "The body has more than 64 KiB",
    }
}

refused! {
    /// Why a guard is not released
    ReleaseRefused {
        400 => "The service in the path is not valid",
        503 => "The store fails or is overloaded, and some hosts may be removed already: send the request again",
        403 Off => "The operations of operators are off at this node: its setting `ADMIN_API` is not true",
    }
}

impl ReleaseRefused {
    pub(crate) fn off() -> Self {
        let wrong = "the operations of operators are off at this node, start it with ADMIN_API=true to have them";
        Self::Off(Json(Error::new(wrong)))
    }
}

/// Why there is no history
#[derive(ApiResponse)]
pub(crate) enum HistoryRefused {
    /// A name in the path or the limit is not valid, `fields` says which
    #[oai(status = 400)]
    BadRequest(Json<Error>),
}

impl From<Invalid> for HistoryRefused {
    fn from(invalid: Invalid) -> Self {
        Self::BadRequest(Json(invalid.into()))
    }
}

/// Why this node is not ready
#[derive(ApiResponse)]
pub(crate) enum NotReady {
    /// There is nothing to serve yet, or the node is stopping; `error` says which
    #[oai(status = 503)]
    Unavailable(
        Json<Error>,
        /// After how many seconds to ask again
        #[oai(header = "Retry-After")]
        RetryAfter,
    ),
}

impl NotReady {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self::Unavailable(Json(Error::new(reason)), RETRY_AFTER)
    }
}

macro_rules! refuse_bodies {
    ($($refused:ident),*) => {$(
        impl From<BodyError> for $refused {
            fn from(error: BodyError) -> Self {
                let body = Json(Error::new(error.to_string()));
                match error {
                    BodyError::Malformed(_) | BodyError::Lost(_) => Self::BadRequest(body),
                    BodyError::TooLarge => Self::TooLarge(body),
                    BodyError::TooSlow(_) => Self::TooSlow(body),
                }
            }
        }
    )*};
}

refuse_bodies!(RegisterRefused, ServiceWeightRefused, HostWeightRefused);

impl From<CheckInError> for RegisterRefused {
    fn from(error: CheckInError) -> Self {
        match error {
            CheckInError::Tags(wrong) => Invalid::field("tags", &wrong).into(),
            CheckInError::Store(error) => error.into(),
        }
    }
}

impl From<HostError> for DeregisterRefused {
    /// A host that is not there is a bad request, as it always was.
    fn from(error: HostError) -> Self {
        match error {
            HostError::NotFound => Self::BadRequest(Json(Error::new(error.to_string()))),
            HostError::Store(error) => error.into(),
        }
    }
}

impl From<HostError> for HostWeightRefused {
    fn from(error: HostError) -> Self {
        match error {
            HostError::NotFound => Self::NotFound(Json(Error::new(error.to_string()))),
            HostError::Store(error) => error.into(),
        }
    }
}

/// Logs a failure of the store with everything that caused it. A busy store is no failure, and whoever keeps it from
/// being asked too much tells of it, which is less often.
fn log(error: &StoreError) {
    let request_id = RequestId::current();
    let cause = source_chain(error);
    match error {
        StoreError::Unavailable { .. } => tracing::warn!(%request_id, cause, "{error}"),
        StoreError::Busy { .. } => tracing::debug!(%request_id, "{error}"),
        StoreError::Broken { .. } => tracing::error!(%request_id, cause, "{error}"),
    }
}

fn source_chain(error: &dyn std::error::Error) -> Option<String> {
    let causes: Vec<String> = std::iter::successors(error.source(), |cause| cause.source())
        .map(ToString::to_string)
        .collect();
    Some(causes.join(": ")).filter(|causes| !causes.is_empty())
}
