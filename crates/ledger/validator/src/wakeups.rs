//! The wake-ups that a validator has asked for.

use std::collections::BTreeSet;

/// Keeps every wish of a validator until its time has come. A wish that an earlier one pushed out would be lost: the
/// validator counts on it and does not ask again.
#[derive(Debug, Default)]
pub struct WakeUps {
    wishes: BTreeSet<u64>,
}

impl WakeUps {
    /// Grants [`crate::Effect::SetTimer`]: a wake-up at or after `at_ms`.
    pub fn set(&mut self, at_ms: u64) {
        self.wishes.insert(at_ms);
    }

    /// Whether a wake-up is due. Forgets what is: [`crate::Input::Timer`] must follow, at this time or later.
    pub fn take_due(&mut self, now_ms: u64) -> bool {
        let before = self.wishes.len();
        self.wishes.retain(|at_ms| *at_ms > now_ms);
        self.wishes.len() < before
    }

    /// When the next wake-up is due.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        self.wishes.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_outlives_an_earlier_one_whatever_the_order() {
        for order in [[50, 100], [100, 50]] {
            let mut wake_ups = WakeUps::default();
            order.into_iter().for_each(|at_ms| wake_ups.set(at_ms));
            assert!(!wake_ups.take_due(49));
            assert!(wake_ups.take_due(60), "{order:?}");
            assert_eq!(wake_ups.next(), Some(100), "{order:?}");
            assert!(!wake_ups.take_due(99) && wake_ups.take_due(100));
            assert_eq!(wake_ups.next(), None);
        }
    }
}
