//! Asking again: at once while an answer may come any moment, rarely once it does not.

use ciro_gateway::pause_after;
use std::time::{Duration, Instant};

/// How long something is asked again.
pub(crate) struct Patience {
    started: Instant,
    limit: Duration,
}

impl Patience {
    /// Begins now and lasts for `limit`.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { started: Instant::now(), limit }
    }

    /// Begins now and has no end.
    pub(crate) fn endless() -> Self {
        Self::new(Duration::MAX)
    }

    /// Whether to ask again.
    pub(crate) fn lasts(&self) -> bool {
        self.elapsed() < self.limit
    }

    /// Since it began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Sleeps until the next question is due.
    pub(crate) fn pause(&self) {
        std::thread::sleep(pause_after(self.elapsed()));
    }
}
