//! Deadlines in virtual milliseconds. The caller owns the clock; this only says when it wants to be woken.

use super::Timeouts;
use crate::malachite::{Timeout, TimeoutKind};
use std::collections::BTreeMap;

/// What a deadline is for. At most one per key; scheduling again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKey {
    /// Nothing to propose for this long: propose an empty block.
    Idle,
    /// There is work for the next height, and now it may start.
    Due,
    /// Ask a peer for the decided block we lack.
    Sync,
    /// A phase of a round; the number orders the phases.
    Round { phase: u8, round: u32 },
}

/// Pending deadlines and the earliest wake-up already asked for.
#[derive(Debug, Default)]
pub(super) struct Timers {
    deadlines: BTreeMap<TimerKey, u64>,
    armed: Option<u64>,
}

impl Timers {
    pub(super) fn set(&mut self, key: TimerKey, at_ms: u64) {
        self.deadlines.insert(key, at_ms);
    }

    pub(super) fn cancel(&mut self, key: TimerKey) {
        self.deadlines.remove(&key);
    }

    pub(super) fn is_set(&self, key: TimerKey) -> bool {
        self.deadlines.contains_key(&key)
    }

    /// Forgets every phase deadline; they never outlive a round.
    pub(super) fn cancel_rounds(&mut self) {
        self.deadlines.retain(|key, _| !matches!(key, TimerKey::Round { .. }));
    }

    /// Removes and returns what is due, earliest first. Late and spurious wake-ups are both fine.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Vec<TimerKey> {
        self.armed = self.armed.filter(|&at| at > now_ms);
        let mut due: Vec<_> =
            self.deadlines.iter().filter(|&(_, &at)| at <= now_ms).map(|(&key, &at)| (at, key)).collect();
        due.sort_unstable();
        due.iter().for_each(|(_, key)| self.cancel(*key));
        due.into_iter().map(|(_, key)| key).collect()
    }

    /// The wake-up to ask for now, unless an earlier or equal one is already on its way.
    pub(super) fn arm(&mut self) -> Option<u64> {
        let earliest = *self.deadlines.values().min()?;
        if self.armed.is_some_and(|at| at <= earliest) {
            return None;
        }
        self.armed = Some(earliest);
        Some(earliest)
    }
}

/// The key and duration, milliseconds, of a phase timeout.
pub(super) fn round_timer(timeout: Timeout, timeouts: &Timeouts) -> (TimerKey, u64) {
    let round = crate::malachite::context::round_number(timeout.round);
    let (phase, base, step) = match timeout.kind {
        TimeoutKind::Propose => (0, timeouts.propose_ms, timeouts.propose_step_ms),
        TimeoutKind::Prevote => (1, timeouts.vote_ms, timeouts.vote_step_ms),
        TimeoutKind::Precommit => (2, timeouts.vote_ms, timeouts.vote_step_ms),
        TimeoutKind::Rebroadcast => (3, timeouts.rebroadcast_ms, timeouts.vote_step_ms),
        // Never scheduled: no height has a target time, so that no step depends on a wall clock.
        TimeoutKind::FinalizeHeight(_) => (4, 0, 0),
    };
    let duration = base.saturating_add(step.saturating_mul(u64::from(round))).min(timeouts.max_ms);
    (TimerKey::Round { phase, round }, duration)
}

/// The timeout that a phase deadline stands for, or `None` for other keys.
pub(super) fn timeout_of(key: TimerKey) -> Option<Timeout> {
    let TimerKey::Round { phase, round } = key else { return None };
    let kind = match phase {
        0 => TimeoutKind::Propose,
        1 => TimeoutKind::Prevote,
        2 => TimeoutKind::Precommit,
        3 => TimeoutKind::Rebroadcast,
        _ => return None,
    };
    Some(Timeout::new(crate::malachite::Round::new(round), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_is_asked_for_once_until_an_earlier_one_is_needed() {
        let mut timers = Timers::default();
        timers.set(TimerKey::Idle, 100);
        assert_eq!(timers.arm(), Some(100));
        assert_eq!(timers.arm(), None);
        timers.set(TimerKey::Sync, 50);
        assert_eq!(timers.arm(), Some(50));
        assert_eq!(timers.take_due(60), vec![TimerKey::Sync]);
        assert_eq!(timers.arm(), Some(100), "the later deadline is asked for again once the earlier has passed");
    }

    #[test]
    fn due_deadlines_come_in_order_of_time_and_moved_ones_at_their_new_time() {
        let mut timers = Timers::default();
        let round = |phase| TimerKey::Round { phase, round: 0 };
        timers.set(round(0), 10);
        timers.set(round(1), 5);
        timers.set(round(0), 20);
        assert_eq!(timers.take_due(15), vec![round(1)]);
        assert_eq!(timers.take_due(20), vec![round(0)]);
    }
}
