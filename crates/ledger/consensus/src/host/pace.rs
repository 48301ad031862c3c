//! A least time between blocks.
//!
//! The ledger counts blocks where people count time: leases, reveal windows, deadlines. Whoever always has a
//! transaction ready could otherwise make a window of a minute pass within seconds, for fees alone. Workers would lose
//! standing and stake by it.
//!
//! Each validator starts a height only once it is due by its own clock: one in `pace_ms`, and some sooner after a pause. Every
//! quorum holds honest power, so nobody decides faster, whoever proposes. Safety does not depend on it: a block that others have
//! decided is taken at once.

/// When the next height is due.
#[derive(Debug, Default)]
pub(super) struct Pace {
    due_ms: u64,
}

impl Pace {
    /// When that is, milliseconds of the caller's clock.
    pub(super) const fn due_ms(&self) -> u64 {
        self.due_ms
    }

    /// A block was committed. Blocks that others decided may come faster than the pace: they delay the next one by no more than one
    /// of our own does.
    pub(super) fn note(&mut self, now_ms: u64, pace_ms: u64, slack_ms: u64) {
        let (earliest, latest) = (now_ms.saturating_sub(slack_ms), now_ms.saturating_add(pace_ms));
        self.due_ms = self.due_ms.max(earliest).saturating_add(pace_ms).min(latest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE_MS: u64 = 100;
    const SLACK_MS: u64 = 300;

    /// When each of so many blocks is committed if each starts as soon as it is due.
    fn commits(pace: &mut Pace, from_ms: u64, blocks: usize) -> Vec<u64> {
        let mut now_ms = from_ms;
        let commit = |_| {
            now_ms = now_ms.max(pace.due_ms());
            pace.note(now_ms, PACE_MS, SLACK_MS);
            now_ms
        };
        (0..blocks).map(commit).collect()
    }

    #[test]
    fn after_a_pause_some_blocks_come_at_once_and_the_others_at_the_pace() {
        let mut pace = Pace::default();
        assert_eq!(commits(&mut pace, 5_000, 6), [5_000, 5_000, 5_000, 5_000, 5_100, 5_200]);
        assert_eq!(commits(&mut pace, 9_000, 5), [9_000, 9_000, 9_000, 9_000, 9_100]);
    }

    #[test]
    fn blocks_that_others_decided_delay_the_next_by_one_pace_at_most() {
        let mut pace = Pace::default();
        (0..1_000).for_each(|_| pace.note(5_000, PACE_MS, SLACK_MS));
        assert_eq!(pace.due_ms(), 5_100);
    }
}
