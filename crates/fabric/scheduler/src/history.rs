//! Who has had a job before, and may have it again.
//!
//! A worker that failed a job, sat in it or cannot serve it is out for good. One that was busy, in trouble or late for
//! once comes last. It is asked again only if there are no others and it has rested, each time twice as long.

use ciro_types::{AccountId, Height};
use std::collections::{BTreeMap, BTreeSet};

/// Blocks until a worker that handed a job back is asked again, the first time.
const REST_BLOCKS: u64 = 4;
/// How often the rest doubles.
const DOUBLINGS: u32 = 4;

/// Until when a worker rests that has the job.
const HAS_IT: Height = Height(u64::MAX);

/// A worker's turns with one job that came to nothing.
#[derive(Clone, Copy, Debug)]
struct Return {
    times: u32,
    rests_until: Height,
}

/// The workers that a job may not go to first.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// Everybody who has or had the job, for good or not.
    known: BTreeSet<AccountId>,
    /// Those of them that may have it again.
    returns: BTreeMap<AccountId, Return>,
    /// A worker that was never paid let its lease run out.
    was_let_down: bool,
}

impl History {
    /// `worker` has the job, or may not have it again.
    pub(crate) fn bar(&mut self, worker: AccountId) {
        self.known.insert(worker);
        if let Some(past) = self.returns.get_mut(&worker) {
            past.rests_until = HAS_IT;
        }
    }

    /// `worker` gave the job back at `now` for a reason that passes.
    pub(crate) fn give_back(&mut self, worker: AccountId, now: Height) {
        self.known.insert(worker);
        let times = self.returns.get(&worker).map_or(0, |past| past.times).saturating_add(1);
        let rest = REST_BLOCKS << (times - 1).min(DOUBLINGS);
        self.returns.insert(worker, Return { times, rests_until: now.plus(rest) });
    }

    /// A newcomer let its lease of the job run out.
    pub(crate) const fn let_down(&mut self) {
        self.was_let_down = true;
    }

    /// Whether a newcomer let the job down: others are asked first from then on.
    pub(crate) const fn was_let_down(&self) -> bool {
        self.was_let_down
    }

    /// Whether nobody has had the job.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Everybody who is not asked first.
    pub(crate) const fn known(&self) -> &BTreeSet<AccountId> {
        &self.known
    }

    /// Everybody who does not come back to the job, however long it waits; and who has it.
    pub(crate) fn gone(&self) -> BTreeSet<AccountId> {
        let rests = |worker: &AccountId| self.returns.get(worker).is_some_and(|past| past.rests_until < HAS_IT);
        self.known.iter().filter(|worker| !rests(worker)).copied().collect()
    }

    /// Everybody who is not asked at `now`, even if nobody else is left; none if that is the same as [`Self::known`].
    pub(crate) fn out(&self, now: Height) -> Option<BTreeSet<AccountId>> {
        let has_rested = |worker: &AccountId| self.returns.get(worker).is_some_and(|past| past.rests_until <= now);
        let out: BTreeSet<AccountId> = self.known.iter().filter(|worker| !has_rested(worker)).copied().collect();
        (out.len() < self.known.len()).then_some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: AccountId = AccountId([1; 32]);

    #[test]
    fn a_worker_rests_longer_each_time_and_not_without_end() {
        let mut history = History::default();
        let rests: Vec<u64> = (0..8)
            .map(|_| {
                history.bar(WORKER);
                assert_eq!(history.out(Height(1_000)), None, "it has the job");
                history.give_back(WORKER, Height(10));
                (0..).find(|rest| history.out(Height(10 + rest)).is_some()).expect("it ends")
            })
            .collect();
        assert_eq!(rests, [4, 8, 16, 32, 64, 64, 64, 64]);
    }

    #[test]
    fn who_is_barred_stays_out() {
        let mut history = History::default();
        history.give_back(WORKER, Height(10));
        history.bar(WORKER);
        history.bar(AccountId([2; 32]));
        assert_eq!(history.out(Height(u64::MAX - 1)), None);
        assert_eq!(history.known().len(), 2);
    }
}
