//! Where rendered lists are kept: a hit is one look-up under a shared lock, and what was not asked for lately goes
//! first when there is too much.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

use crate::render::Subject;
use crate::rendered::Rendered;

/// How many locks share the lists.
const SHARDS: usize = 16;

/// Rendered lists, bounded in bytes.
pub(crate) struct Shelf {
    shards: [Shard; SHARDS],
    stripes: RandomState,
    /// How many bytes a shard may keep, unless a single list is larger.
    most: usize,
}

/// Some of the lists.
#[derive(Default)]
pub(crate) struct Shard {
    kept: RwLock<Kept>,
    rendering: Mutex<()>,
}

#[derive(Default)]
struct Kept {
    slots: HashMap<Subject, Slot>,
    /// Every subject once; the next one to go, unless it was used, is in front.
    queue: VecDeque<Subject>,
    bytes: usize,
}

struct Slot {
    rendered: Arc<Rendered>,
    used: AtomicBool,
}

impl Shelf {
    /// A shelf for about that many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let share = bytes / SHARDS as u64;
        Self {
            shards: std::array::from_fn(|_| Shard::default()),
            stripes: RandomState::new(),
            most: usize::try_from(share).unwrap_or(usize::MAX),
        }
    }

    /// Where a list is, if it is kept at all.
    pub(crate) fn shard(&self, subject: &Subject) -> &Shard {
        let hash = self.stripes.hash_one(subject) % SHARDS as u64;
        &self.shards[usize::try_from(hash).expect("there are few shards")]
    }

    /// Keeps a list in place of the one of the same subject.
    pub(crate) fn put(&self, subject: &Subject, rendered: Arc<Rendered>) {
        let mut kept = self.shard(subject).write();
        let replaced = kept.put(subject, rendered);
        let evicted = kept.evict(self.most, subject);
        drop(kept);
        // Freeing the hosts of a large list takes a while, for which nobody shall wait.
        drop((replaced, evicted));
    }
}

impl Shard {
    /// The list as it was last rendered.
    pub(crate) fn get(&self, subject: &Subject) -> Option<Arc<Rendered>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let slot = kept.slots.get(subject)?;
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(&slot.rendered))
    }

    /// Held while a list is rendered, so that each change is rendered once.
    pub(crate) fn rendering(&self) -> MutexGuard<'_, ()> {
        self.rendering
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn put(&mut self, subject: &Subject, rendered: Arc<Rendered>) -> Option<Slot> {
        self.bytes += rendered.weight();
        let used = AtomicBool::new(false);
        let slot = Slot { rendered, used };
        let replaced = self.slots.insert(subject.clone(), slot);
        match &replaced {
            Some(replaced) => self.bytes -= replaced.rendered.weight(),
            None => self.queue.push_back(subject.clone()),
        }
        replaced
    }

    /// Lets go of lists that were not used since they were last considered, but not of `newest`.
    fn evict(&mut self, most: usize, newest: &Subject) -> Vec<Slot> {
        let mut evicted = Vec::new();
        while self.bytes > most && self.queue.len() > 1 {
            let Some(next) = self.queue.pop_front() else {
                break;
            };
            let used = |slot: &mut Slot| std::mem::take(slot.used.get_mut());
            if next == *newest || self.slots.get_mut(&next).is_some_and(used) {
                self.queue.push_back(next);
            } else if let Some(slot) = self.slots.remove(&next) {
                self.bytes -= slot.rendered.weight();
                evicted.push(slot);
            }
        }
        evicted
    }
}
