//! The lists that a node saves, to have something to serve when it starts while its store is down.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use discovery_local::{Cached, LoadError};
use tracing::{info, warn};

use crate::settings::Settings;

/// Saves and loads the lists of a cache.
pub(crate) struct SavedLists {
    cached: Cached,
    path: PathBuf,
    /// Where the hosts are kept: lists of elsewhere are not this node's.
    store: String,
    max_age: Duration,
    max_bytes: usize,
    /// Held while they are written: the last time may meet one of the times between.
    writing: Mutex<()>,
}

impl SavedLists {
    /// The lists of that cache, unless the settings want none saved.
    pub(crate) fn of(cached: Cached, settings: &Settings) -> Option<Arc<Self>> {
        (settings.snapshot_max_age > 0).then(|| {
            Arc::new(Self {
                cached,
                path: settings.application_dir.join("lists.saved"),
                store: settings.table_in_words(),
                max_age: Duration::from_secs(settings.snapshot_max_age),
                max_bytes: settings.snapshot_max_mib << 20,
                writing: Mutex::default(),
            })
        })
    }

    /// Loads what was saved; tells whether there is anything to serve.
    pub(crate) fn load(&self) -> bool {
        let path = self.path.display();
        match self
            .cached
            .load_saved(&self.path, &self.store, self.max_age)
        {
            Ok(loaded) => {
                let (lists, saved_at) = (loaded.lists, loaded.saved_at);
                info!(%path, lists, %saved_at, "saved lists are served until the store answers");
                lists > 0
            }
            Err(LoadError::File(error)) if error.is_missing() => false,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                warn!(%path, error, "the file of saved lists is not used");
                false
            }
        }
    }

    /// Saves the lists, off the threads that answer requests.
    pub(crate) async fn save(self: &Arc<Self>) {
        let saving = Arc::clone(self);
        let saved = tokio::task::spawn_blocking(move || saving.write()).await;
        if let Ok(Err(error)) = saved {
            let error = &error as &dyn std::error::Error;
            warn!(path = %self.path.display(), error, "the lists are not saved");
        }
    }

    fn write(&self) -> std::io::Result<usize> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        self.cached.save(&self.path, &self.store, self.max_bytes)
    }
}
