//! Asking again: at once while an answer may come any moment, rarely once it does not.

use std::time::{Duration, Instant};

/// The shortest pause. An answer takes some milliseconds at best.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// The longest pause. Many commands may wait for the same network.
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// A pause is this part of the time that has passed, which bounds what waiting adds to it.
const PART: u32 = 16;

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

fn pause_after(elapsed: Duration) -> Duration {
    (elapsed / PART).clamp(PAUSE_MIN, PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_the_time_that_has_passed_within_bounds() {
        assert_eq!(pause_after(Duration::ZERO), PAUSE_MIN);
        assert_eq!(pause_after(Duration::from_millis(160)), Duration::from_millis(10));
        assert_eq!(pause_after(Duration::from_secs(3_600)), PAUSE_MAX);
    }
}
