//! In which order this node reads and writes.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use discovery_domain::{HostKey, LeaseInstant};
use tokio::sync::{Mutex, MutexGuard};

/// A place in the order of this node's reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn(u64);

/// When a read was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Began {
    pub(crate) turn: Turn,
    pub(crate) lease: LeaseInstant,
    /// Whether it shows everything that was written before; if not, it may lag.
    pub(crate) consistent: bool,
}

/// Hands out turns, and has this node write each host once at a time: what it then notes of its writes is in their
/// order, and no write of its own ever makes another one's condition fail.
pub(crate) struct Order {
    next: AtomicU64,
    writers: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Order {
    /// So many that two hosts rarely share one.
    const WRITERS: u64 = 4096;

    pub(crate) fn new() -> Self {
        Self {
            next: AtomicU64::new(0),
            writers: (0..Self::WRITERS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// The next turn.
    pub(crate) fn turn(&self) -> Turn {
        Turn(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits until nobody else on this node writes the host, and keeps it so.
    pub(crate) async fn alone(&self, key: &HostKey) -> MutexGuard<'_, ()> {
        let writer = self.hasher.hash_one(key) % Self::WRITERS;
        let writer = usize::try_from(writer).expect("a small number fits");
        self.writers[writer].lock().await
    }
}
