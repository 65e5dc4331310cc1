//! Stores and wrappers that need no heavy dependency.

mod cached;

pub use cached::{CacheMetrics, CacheSettings, Cached, LoadError, Loaded};
