//! Stores and wrappers that need no heavy dependency.

mod bounded;
mod cached;
mod checked_file;
mod clock;
mod file;
mod gone;
mod held_back;
mod memory;
mod metered;
mod notifying;
mod table;
mod write;

pub use bounded::{Bounded, Bounds, BoundsMetrics};
pub use cached::{CacheMetrics, CacheSettings, Cached, LoadError, Loaded};
pub use checked_file::FileError;
pub use clock::SystemClock;
#[cfg(fuzzing)]
pub use file::fuzzing;
pub use file::{InFileHostRepository, OpenError};
pub use gone::GoneFile;
pub use held_back::HeldBack;
pub use memory::InMemoryHostRepository;
pub use metered::{Metered, StoreMetrics};
pub use notifying::Notifying;
