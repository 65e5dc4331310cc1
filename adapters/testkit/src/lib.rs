//! What every store must pass, the hosts to try it with, and a clock that a test moves.

mod clock;
pub mod contract;
#[cfg(feature = "dynamodb")]
pub mod emulator;
mod faulty;
pub mod hosts;
mod log;
#[cfg(feature = "dynamodb")]
pub mod proxy;
mod written;

pub use clock::ManualClock;
pub use contract::Store;
pub use faulty::{Fault, Faulty};
pub use log::Log;
pub use written::Written;
