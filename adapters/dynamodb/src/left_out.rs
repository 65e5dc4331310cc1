//! Rows that can't be read (liveness rule 8).

use mini_moka::sync::Cache;
use tracing::warn;

use crate::item::{IP_ADDRESS, Item, SERVICE, Unreadable, attribute};

/// The rows that were logged, so that each is logged once; a reason that changes makes it news.
pub(crate) struct LeftOut {
    logged: Cache<(String, String, String), ()>,
}

impl LeftOut {
    /// The most rows remembered.
    const MOST: u64 = 10_000;

    pub(crate) fn new() -> Self {
        Self {
            logged: Cache::new(Self::MOST),
        }
    }

    /// Logs a row that is left out of a list; tells whether that was news.
    pub(crate) fn log(&self, item: &Item, reason: &Unreadable) -> bool {
        let service = attribute(item, SERVICE).unwrap_or_default();
        let ip_address = attribute(item, IP_ADDRESS).unwrap_or_default();
        let row = (service.into(), ip_address.into(), reason.to_string());
        let is_news = !self.logged.contains_key(&row);
        if is_news {
            warn!(service, ip_address, %reason, "a stored row can't be read and is on no list");
            self.logged.insert(row, ());
        }
        is_news
    }
}
