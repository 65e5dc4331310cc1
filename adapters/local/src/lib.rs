//! Stores and wrappers that need no heavy dependency.

mod cached;
mod clock;
mod file;
mod memory;
mod metered;
mod notifying;
mod table;
mod write;

pub use cached::{CacheMetrics, CacheSettings, Cached, LoadError, Loaded};
pub use clock::SystemClock;
pub use file::{InFileHostRepository, OpenError};
pub use memory::InMemoryHostRepository;
pub use metered::{Metered, StoreMetrics};
pub use notifying::Notifying;
