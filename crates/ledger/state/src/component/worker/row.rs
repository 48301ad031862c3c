//! Workers: stake, the way out of stake, and reputation.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{Amount, Height};
use serde::{Deserialize, Serialize};

/// The most withdrawals one worker may have under way, so that a slash touches a bounded number of rows.
pub const MAX_UNBONDINGS: usize = 16;

/// The most additions to a stake that are remembered apart. Beyond it the two oldest count as made at the later one's height.
pub const MAX_ADDITIONS: usize = 16;

/// Standing of a worker, 0–1000. Saturates at both ends.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Reputation(pub u16);

impl Reputation {
    /// Best possible.
    pub const MAX: Self = Self(1_000);
    /// Where everyone starts.
    pub const START: Self = Self(500);
    /// Earned by a settled job.
    pub const DONE: i16 = 10;
    /// Cost of a lease or a reveal window that ran out.
    pub const TIMEOUT: i16 = -50;
    /// Cost of judging that a job cannot be answered that another worker then answers. See [`crate::FailReason::is_judgement`].
    pub const FALSE_ALARM: i16 = -50;
    /// Cost of an answer that two others contradict.
    pub const LOST_DISPUTE: i16 = -100;

    /// The standing after `change` points, kept within 0–1000.
    #[must_use]
    pub fn changed(self, change: i16) -> Self {
        Self(self.0.saturating_add_signed(change).min(Self::MAX.0))
    }
}

/// A part of the stake on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Unbonding {
    /// First height at which it may be withdrawn.
    pub release: Height,
    /// How much is left of it.
    pub amount: Amount,
}

/// A part of the stake that came lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Addition {
    /// In this block, or before it.
    pub height: Height,
    /// How much.
    pub amount: Amount,
}

/// A registered worker. The record outlives the stake, so that nobody sheds a bad reputation by leaving.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Worker {
    /// Active stake.
    pub stake: Amount,
    /// Parts on their way out, earliest release first; slashable until withdrawn.
    pub unbonding: Vec<Unbonding>,
    /// Standing.
    pub reputation: Reputation,
    /// Sequence of the last offer; the next one must be higher.
    pub offer_sequence: u64,
    /// Jobs paid.
    pub jobs_done: u64,
    /// Leases and reveal windows that ran out.
    pub timeouts: u64,
    /// Disputes lost.
    pub disputes_lost: u64,
    /// Jobs it judged that nobody could answer, and somebody did.
    pub false_alarms: u64,
    /// Prices of the A2 seats it holds in open jobs, summed. Its stake must cover them.
    pub pledged: Amount,
    /// When it registered.
    pub registered: Height,
    /// Additions to its stake since the oldest job that can be open, oldest first.
    pub additions: Vec<Addition>,
}

impl Worker {
    /// A worker that has just arrived, stake not yet moved in.
    #[must_use]
    pub const fn new(registered: Height) -> Self {
        Self {
            stake: Amount::ZERO,
            unbonding: Vec::new(),
            reputation: Reputation::START,
            offer_sequence: 0,
            jobs_done: 0,
            timeouts: 0,
            disputes_lost: 0,
            false_alarms: 0,
            pledged: Amount::ZERO,
            registered,
            additions: Vec::new(),
        }
    }

    /// What it had at stake before the block at `height`, as far as it still has. Stake that comes once lots are known must not
    /// change them.
    #[must_use]
    pub fn stake_before(&self, height: Height) -> Amount {
        let later: Amount = self.additions.iter().filter(|part| part.height >= height).map(|part| part.amount).sum();
        Amount(self.stake.0.saturating_sub(later.0))
    }

    /// Remembers an addition made at `now`, and forgets those made before `oldest`.
    pub fn note_addition(&mut self, now: Height, amount: Amount, oldest: Height) {
        self.additions.retain(|part| part.height >= oldest);
        if self.additions.len() >= MAX_ADDITIONS {
            let first = self.additions.remove(0);
            if let Some(second) = self.additions.first_mut() {
                second.amount = Amount(second.amount.0.saturating_add(first.amount.0));
            }
        }
        self.additions.push(Addition { height: now, amount });
    }

    /// Everything on its way out.
    #[must_use]
    pub fn unbonding_total(&self) -> Amount {
        self.unbonding.iter().map(|part| part.amount).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_count_from_the_block_after_them_and_many_count_as_later_ones() {
        let mut worker = Worker::new(Height(1));
        let (one, oldest) = (Amount::ONE, Height(2));
        worker.stake = Amount::ciro(100);
        for n in 0..20 {
            worker.note_addition(Height(10 + n), one, oldest);
        }
        worker.stake = Amount::ciro(120);
        let before = [10, 12, 20, 29, 30].map(|height| worker.stake_before(Height(height)));
        assert_eq!(before, [100, 100, 110, 119, 120].map(Amount::ciro), "never more than there was");
        assert_eq!(worker.additions.len(), MAX_ADDITIONS);
        worker.note_addition(Height(40), one, Height(29));
        assert_eq!(worker.additions.len(), 2, "no open job is as old as the others");
        worker.stake = Amount::ONE;
        assert_eq!(worker.stake_before(Height(1)), Amount::ZERO, "slashed meanwhile");
    }
}
