//! The REST API and its contract.

mod compress;
mod host_json;
mod lists;
mod negotiate;
mod render;
mod rendered;
mod reply;
mod request_id;

pub use lists::Lists;
pub use render::{ListRenderer, Rendered, Subject};
pub use reply::{X_STALE_AS_OF, list_response};
pub use request_id::{RequestId, X_REQUEST_ID};
