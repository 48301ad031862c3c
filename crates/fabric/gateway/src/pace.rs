//! How fast bytes came of late.

use std::time::{Duration, Instant};

/// Bytes are counted by spans of this length: the last whole one, and the one that runs.
const SPAN: Duration = Duration::from_secs(2);

/// Bytes that came in the last two to four seconds. What came before earns nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    since: Instant,
    before: Option<u64>,
    running: u64,
}

impl Pace {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { since: now, before: None, running: 0 }
    }

    pub(crate) fn add(&mut self, bytes: u64, now: Instant) {
        self.roll(now);
        self.running = self.running.saturating_add(bytes);
    }

    /// Bytes per second, rounded down; as fast as can be for the first span.
    pub(crate) fn per_second(&mut self, now: Instant) -> u64 {
        self.roll(now);
        self.before.map_or(u64::MAX, |before| before.max(self.running) / SPAN.as_secs())
    }

    fn roll(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age < SPAN {
            return;
        }
        // Of a span that is over for longer than one nothing is left.
        self.before = Some(if age < 2 * SPAN { self.running } else { 0 });
        (self.since, self.running) = (now, 0);
    }
}
