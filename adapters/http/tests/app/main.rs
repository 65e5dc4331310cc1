//! What is served beyond the operations themselves, through everything that stands in front of them.

mod docs;
mod lists;
mod log;
mod observed;
mod request_ids;
mod routes;
mod support;
mod trouble;
