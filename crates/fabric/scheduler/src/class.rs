//! Workers that no job can tell apart by hardware, in the order in which they are preferred.

use ciro_types::{AccountId, CapabilityFlags, MemoryMib};
use std::collections::BTreeSet;
use std::ops::Bound;

/// What a class's workers have in common. Reputation is banded, so that classes stay few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClassKey {
    pub(crate) flags: CapabilityFlags,
    pub(crate) memory: MemoryMib,
    pub(crate) band: u16,
}

/// Reputation points in one band.
pub(crate) const BAND: u16 = 100;

/// Price divided by reputation: what an answer is expected to cost. Smaller is preferred.
pub(crate) type Score = u128;

/// A worker's rank for one demand. Cheaper workers come first. Among equals, the first at or after the demand's pivot comes first, in a
/// circle.
pub(crate) type Rank = (Score, bool, AccountId);

/// The free workers of one class.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) key: ClassKey,
    free: BTreeSet<(Score, AccountId)>,
}

impl Class {
    pub(crate) const fn new(key: ClassKey) -> Self {
        Self { key, free: BTreeSet::new() }
    }

    pub(crate) fn insert(&mut self, score: Score, worker: AccountId) {
        self.free.insert((score, worker));
    }

    pub(crate) fn remove(&mut self, score: Score, worker: AccountId) {
        self.free.remove(&(score, worker));
    }

    /// The best free worker's score.
    pub(crate) fn best(&self) -> Option<Score> {
        self.free.first().map(|(score, _)| *score)
    }

    /// The best-ranked free worker that is eligible and scores at most `bound`.
    /// Cost: logarithmic, plus one step per free worker that is better ranked and not eligible.
    pub(crate) fn first(&self, pivot: AccountId, bound: Score, eligible: impl Fn(AccountId) -> bool) -> Option<Rank> {
        let mut next = self.best();
        while let Some(score) = next.filter(|score| *score <= bound) {
            if let Some(worker) = self.circle(score, pivot).find(|worker| eligible(*worker)) {
                return Some((score, worker < pivot, worker));
            }
            next = self.above(score);
        }
        None
    }

    /// The free workers at `score`, from `pivot` on and around.
    fn circle(&self, score: Score, pivot: AccountId) -> impl Iterator<Item = AccountId> {
        let (first, last) = (AccountId([0; 32]), AccountId([u8::MAX; 32]));
        let after = self.free.range((score, pivot)..=(score, last));
        let before = self.free.range((score, first)..(score, pivot));
        after.chain(before).map(|(_, worker)| *worker)
    }

    fn above(&self, score: Score) -> Option<Score> {
        let last = AccountId([u8::MAX; 32]);
        let mut rest = self.free.range((Bound::Excluded((score, last)), Bound::Unbounded));
        rest.next().map(|(score, _)| *score)
    }
}
