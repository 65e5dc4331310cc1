//! Stores and wrappers that need no heavy dependency.

mod cached;
mod clock;
mod memory;
mod metered;
mod table;
mod write;

pub use cached::{CacheMetrics, CacheSettings, Cached, LoadError, Loaded};
pub use clock::SystemClock;
pub use memory::InMemoryHostRepository;
pub use metered::{Metered, StoreMetrics};
