//! Stores what was held back, and saves what a restart may need.

use std::sync::Arc;
use std::time::Duration;

use discovery_local::HeldBack;

use super::{Trouble, every};
use crate::saved_lists::SavedLists;

const PAUSE: Duration = Duration::from_secs(1);
const SAVE_PAUSE: Duration = Duration::from_mins(1);

/// Stores heartbeats that have been held back for long enough.
pub(super) async fn keep_storing(held_back: Arc<HeldBack>) {
    let mut trouble = Trouble::of("heartbeats that were held back can't be stored");
    let mut ticks = every(PAUSE);
    loop {
        ticks.tick().await;
        trouble.note(&held_back.store_due().await);
    }
}

/// Saves the lists now and then.
pub(super) async fn keep_saving(saved: Arc<SavedLists>) {
    let mut ticks = every(SAVE_PAUSE);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        saved.save().await;
    }
}
