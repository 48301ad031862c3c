//! Asking again: at once while an answer may come any moment, rarely once it does not.

use std::time::{Duration, Instant};

/// The shortest pause. An answer takes some milliseconds at best.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// The longest pause. Many commands may wait for the same network.
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// A pause is this part of the time that has passed, which bounds what waiting adds to it.
const PAUSE_PART: u32 = 16;

/// How long a client that has waited for `elapsed` waits before it asks again.
#[must_use]
pub fn pause_after(elapsed: Duration) -> Duration {
    elapsed.checked_div(PAUSE_PART).unwrap_or_default().clamp(PAUSE_MIN, PAUSE_MAX)
}

/// How long something is asked again.
pub struct Patience {
    started: Instant,
    limit: Duration,
}

impl Patience {
    /// Begins now and lasts for `limit`.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { started: Instant::now(), limit }
    }

    /// Begins now and has no end.
    #[must_use]
    pub fn endless() -> Self {
        Self::new(Duration::MAX)
    }

    /// Whether to ask again.
    #[must_use]
    pub fn lasts(&self) -> bool {
        self.elapsed() < self.limit
    }

    /// Since it began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Sleeps until the next question is due.
    pub fn pause(&self) {
        std::thread::sleep(pause_after(self.elapsed()));
    }
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
