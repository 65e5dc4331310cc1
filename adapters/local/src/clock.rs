//! The machine's clocks.

use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use discovery_domain::Clock;

/// Tells the machine's time. The one place that asks for it.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is what the port is made of"
    )]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is what the port is made of"
    )]
    fn wall(&self) -> DateTime<Utc> {
        SystemTime::now().into()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_from_a_year_near_ours() {
        let clock = SystemClock::new();
        let first = clock.monotonic();
        while clock.monotonic() == first {}
        assert!(clock.monotonic() > first);
        assert!(clock.wall().timestamp() > 1_700_000_000);
    }
}
