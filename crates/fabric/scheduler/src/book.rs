//! The offer book and the match.
//!
//! The match is the free worker with the lowest `price × 1000 / max(reputation, 250)` among those that satisfy every predicate.
//! Equal scores are broken by the demand's pivot: the first account at or after it, going round. Accounts are keys, so
//! pivots drawn from job ids spread equal work evenly, and anyone can replay the choice.
//!
//! A worker whose lease ran out is benched: nothing is granted to it for a while. Each time lasts twice as long, until
//! it is paid for an answer. So an offer that is never served costs the network a lease now and then, however cheap it
//! is. Where all that could serve are benched, the one that is free soonest is asked. Otherwise none could ever be
//! paid again.
//!
//! A worker that was never paid is a *newcomer*: it is granted one lease at a time. A job that a newcomer let down goes to others first.
//!
//! Workers with the same flags, memory and reputation band form a class. A demand looks at the best score of each
//! class that can serve its requirements. It descends into a class only if that may hold the winner.

use crate::class::{BAND, Class, ClassKey, Rank, Score};
use crate::refusal::refusal;
use ciro_api::Refusal;
use ciro_state::Reputation;
use ciro_types::{AccountId, Amount, Height, LeaseToken, Offer, Requirements};
use std::collections::{BTreeMap, BTreeSet};

/// One seat to fill.
#[derive(Clone, Debug)]
pub struct Demand<'a> {
    /// What the machine must have.
    pub requirements: &'a Requirements,
    /// The most the worker may ask, before the protocol fee.
    pub price_cap: Amount,
    /// Workers that may not serve: they had this job before.
    pub excluded: &'a BTreeSet<AccountId>,
    /// Breaks ties: the first equal worker at or after it wins.
    pub pivot: AccountId,
}

/// The answer to a demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This worker serves, at the price of its offer.
    Matched {
        /// Who.
        worker: AccountId,
        /// What it asks, before the protocol fee.
        price: Amount,
    },
    /// Nobody can serve now.
    Refused(Refusal),
}

/// A worker with a standing offer.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) offer: Offer,
    pub(crate) reputation: Reputation,
    class: usize,
    score: Score,
}

impl Candidate {
    /// Whether `demand` may be given to this worker, free or not.
    pub(crate) fn satisfies(&self, demand: &Demand<'_>) -> bool {
        let needs = demand.requirements;
        self.offer.price <= demand.price_cap
            && self.reputation.0 >= needs.min_reputation
            && self.offer.memory >= needs.memory
            && self.offer.flags.covers(needs.flags)
            && !demand.excluded.contains(&self.offer.worker)
    }
}

/// Blocks for which a worker is benched at least after its first lease that ran out.
const BENCH_BLOCKS: u64 = 16;
/// How often that doubles at most.
const BENCH_DOUBLINGS: u32 = 10;

/// A worker that let leases run out.
#[derive(Clone, Copy, Debug, Default)]
struct Bench {
    /// How many since it was last paid.
    misses: u32,
    /// From this height on it is granted leases again.
    until: Height,
}

/// Requirement shapes remembered at once; more are recomputed.
const SHAPES: usize = 4096;

/// Standing offers, and the leases their workers hold.
#[derive(Clone, Debug, Default)]
pub struct Book {
    candidates: BTreeMap<AccountId, Candidate>,
    /// Kept without an offer too: a worker may withdraw and return while it holds leases.
    live: BTreeMap<AccountId, BTreeSet<LeaseToken>>,
    reputations: BTreeMap<AccountId, Reputation>,
    benched: BTreeMap<AccountId, Bench>,
    newcomers: BTreeSet<AccountId>,
    now: Height,
    classes: Vec<Class>,
    /// Best score of each class, side by side so that a scan touches little memory.
    best: Vec<Option<Score>>,
    numbers: BTreeMap<ClassKey, usize>,
    /// Classes that can serve a shape of requirements.
    shapes: BTreeMap<(u32, u16, u16), Vec<usize>>,
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `offer` in place of any earlier one of its worker.
    pub fn publish(&mut self, offer: Offer) {
        let worker = offer.worker;
        self.withdraw(worker);
        let reputation = self.reputation(worker);
        let key = ClassKey { flags: offer.flags, memory: offer.memory, band: reputation.0 / BAND };
        let (class, score) = (self.class(key), score(offer.price, reputation));
        self.candidates.insert(worker, Candidate { offer, reputation, class, score });
        self.refresh(worker);
    }

    /// Takes a worker's offer out of the book.
    pub fn withdraw(&mut self, worker: AccountId) {
        if let Some(candidate) = self.candidates.remove(&worker) {
            self.leave(&candidate);
        }
    }

    /// Notes a worker's standing.
    pub fn set_reputation(&mut self, worker: AccountId, reputation: Reputation) {
        self.reputations.insert(worker, reputation);
        if let Some(offer) = self.candidates.get(&worker).map(|candidate| candidate.offer.clone()) {
            self.publish(offer);
        }
    }

    /// Counts a live lease against the worker's slots.
    pub fn occupy(&mut self, worker: AccountId, token: LeaseToken) {
        self.live.entry(worker).or_default().insert(token);
        self.refresh(worker);
    }

    /// The lease is over: its slot is free.
    pub fn vacate(&mut self, worker: AccountId, token: LeaseToken) {
        if let Some(tokens) = self.live.get_mut(&worker) {
            tokens.remove(&token);
            if tokens.is_empty() {
                self.live.remove(&worker);
            }
        }
        self.refresh(worker);
    }

    /// This worker was never paid.
    pub fn note_newcomer(&mut self, worker: AccountId) {
        self.newcomers.insert(worker);
        self.refresh(worker);
    }

    /// Whether this worker was never paid.
    #[must_use]
    pub fn is_newcomer(&self, worker: &AccountId) -> bool {
        self.newcomers.contains(worker)
    }

    /// A lease of this worker ran out unused. It is benched for at least `lease_blocks`: whoever answers nothing does not hold a
    /// lease for most of the time. While it is benched nothing more is counted: such a lease was out when the bench began.
    pub fn bench(&mut self, worker: AccountId, lease_blocks: u64) {
        let bench = self.benched.entry(worker).or_default();
        if self.now < bench.until {
            return;
        }
        let doublings = bench.misses.min(BENCH_DOUBLINGS);
        bench.until = self.now.plus(lease_blocks.max(BENCH_BLOCKS).saturating_mul(1 << doublings));
        bench.misses = bench.misses.saturating_add(1);
        self.refresh(worker);
    }

    /// The worker was paid for an answer.
    pub fn absolve(&mut self, worker: AccountId) {
        let (was_benched, was_newcomer) = (self.benched.remove(&worker).is_some(), self.newcomers.remove(&worker));
        if was_benched || was_newcomer {
            self.refresh(worker);
        }
    }

    /// Says how high the ledger is. Benched workers whose time is over come back.
    pub fn advance(&mut self, now: Height) {
        let before = std::mem::replace(&mut self.now, now);
        let is_back = |bench: &Bench| before < bench.until && bench.until <= now;
        let back: Vec<_> = self.benched.iter().filter(|(_, bench)| is_back(bench)).map(|(id, _)| *id).collect();
        back.into_iter().for_each(|worker| self.refresh(worker));
    }

    /// Whether any slot is free, be it of a benched worker.
    #[must_use]
    pub fn has_free_slot(&self) -> bool {
        self.best.iter().any(Option::is_some) || self.benched_and_free().next().is_some()
    }

    /// How many offers stand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Whether no offer stands.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// Matches `demand`, or explains why nobody can serve it. An explanation looks at every offer; callers that only
    /// want a match use [`Self::pick`].
    #[must_use]
    pub fn decide(&mut self, demand: &Demand<'_>) -> Decision {
        match self.pick(demand) {
            Some((worker, price)) => Decision::Matched { worker, price },
            None => Decision::Refused(self.explain(demand)),
        }
    }

    /// The best worker for `demand` and its price. Cost: one comparison per class that can serve the requirements, and a
    /// descent into those that may hold the winner.
    #[must_use]
    pub fn pick(&mut self, demand: &Demand<'_>) -> Option<(AccountId, Amount)> {
        self.pick_among(demand, true)
    }

    /// As [`Self::pick`], among workers that have been paid before.
    #[must_use]
    pub fn pick_proven(&mut self, demand: &Demand<'_>) -> Option<(AccountId, Amount)> {
        self.pick_among(demand, false)
    }

    /// The best newcomer that has its trial lease and free slots. It is free as soon as that lease is answered, and so counts for a
    /// quote.
    #[must_use]
    pub fn pick_on_trial(&self, demand: &Demand<'_>) -> Option<(AccountId, Amount)> {
        let has_slots = |candidate: &&Candidate| self.has_slots(candidate, candidate.offer.slots);
        let is_on_trial = |candidate: &&Candidate| self.is_newcomer(&candidate.offer.worker);
        let able = self.candidates.values().filter(|candidate| candidate.satisfies(demand));
        let best = able.filter(is_on_trial).filter(has_slots).min_by_key(|found| (found.score, found.offer.worker))?;
        Some((best.offer.worker, best.offer.price))
    }

    /// The benched worker that is free soonest, if nobody else could serve, now or later. So there is neither a worker with a free slot
    /// nor one that is busy. Whoever is in `gone` will not serve. Cost: linear in benched workers, and in offers if one of those can
    /// serve.
    #[must_use]
    pub fn pick_benched(&self, demand: &Demand<'_>, gone: &BTreeSet<AccountId>) -> Option<(AccountId, Amount)> {
        let able = self.benched_and_free().filter(|(_, candidate)| candidate.satisfies(demand));
        let (_, best) = able.min_by_key(|(until, candidate)| (*until, candidate.score, candidate.offer.worker))?;
        let later = Demand { excluded: gone, ..demand.clone() };
        let could_serve = |other: &Candidate| !self.is_benched(&other.offer.worker) && other.satisfies(&later);
        (!self.candidates.values().any(could_serve)).then_some((best.offer.worker, best.offer.price))
    }

    /// Benched workers with a free slot, each with the height from which it is benched no more.
    fn benched_and_free(&self) -> impl Iterator<Item = (Height, &Candidate)> {
        let benched = self.benched.iter().filter(|(_, bench)| self.now < bench.until);
        let found = benched.filter_map(|(worker, bench)| Some((bench.until, self.candidates.get(worker)?)));
        found.filter(|(_, candidate)| self.holds_fewer(candidate, self.slots_of(candidate)))
    }

    fn pick_among(&mut self, demand: &Demand<'_>, with_newcomers: bool) -> Option<(AccountId, Amount)> {
        let mut winner: Option<Rank> = None;
        self.shape(demand.requirements);
        for &class in self.shapes.get(&shape_key(demand.requirements)).into_iter().flatten() {
            let bound = winner.map_or(Score::MAX, |(score, ..)| score);
            if self.best[class].is_none_or(|best| best > bound) {
                continue;
            }
            let eligible = |worker| {
                let is_allowed = with_newcomers || !self.newcomers.contains(&worker);
                is_allowed && self.candidates.get(&worker).is_some_and(|found| found.satisfies(demand))
            };
            if let Some(rank) = self.classes[class].first(demand.pivot, bound, eligible) {
                winner = Some(winner.map_or(rank, |best| best.min(rank)));
            }
        }
        let (_, _, worker) = winner?;
        self.candidates.get(&worker).map(|candidate| (worker, candidate.offer.price))
    }

    /// Why nobody can serve `demand`: counts over all offers. Cost: linear in offers.
    #[must_use]
    pub fn explain(&self, demand: &Demand<'_>) -> Refusal {
        refusal(self.candidates.values().map(|candidate| (candidate, self.is_free(candidate))), demand)
    }

    fn is_free(&self, candidate: &Candidate) -> bool {
        self.has_slots(candidate, self.slots_of(candidate))
    }

    /// How many leases a worker may hold at once.
    fn slots_of(&self, candidate: &Candidate) -> u16 {
        let trial = if self.is_newcomer(&candidate.offer.worker) { 1 } else { u16::MAX };
        candidate.offer.slots.min(trial)
    }

    /// Whether a worker has fewer leases than that, and rests from none.
    fn has_slots(&self, candidate: &Candidate, slots: u16) -> bool {
        self.holds_fewer(candidate, slots) && !self.is_benched(&candidate.offer.worker)
    }

    fn holds_fewer(&self, candidate: &Candidate, slots: u16) -> bool {
        self.live.get(&candidate.offer.worker).map_or(0, BTreeSet::len) < usize::from(slots)
    }

    fn is_benched(&self, worker: &AccountId) -> bool {
        self.benched.get(worker).is_some_and(|bench| self.now < bench.until)
    }

    fn reputation(&self, worker: AccountId) -> Reputation {
        self.reputations.get(&worker).copied().unwrap_or(Reputation::START)
    }

    /// Brings the worker's place among the free in line with its slots.
    fn refresh(&mut self, worker: AccountId) {
        let Some(candidate) = self.candidates.get(&worker) else { return };
        let (number, score, free) = (candidate.class, candidate.score, self.is_free(candidate));
        let class = &mut self.classes[number];
        if free {
            class.insert(score, worker);
        } else {
            class.remove(score, worker);
        }
        self.best[number] = class.best();
    }

    fn leave(&mut self, candidate: &Candidate) {
        let class = &mut self.classes[candidate.class];
        class.remove(candidate.score, candidate.offer.worker);
        self.best[candidate.class] = class.best();
    }

    fn class(&mut self, key: ClassKey) -> usize {
        if let Some(&number) = self.numbers.get(&key) {
            return number;
        }
        let number = self.classes.len();
        self.classes.push(Class::new(key));
        self.best.push(None);
        self.numbers.insert(key, number);
        // Remembered shapes do not know the new class.
        self.shapes.clear();
        number
    }

    /// Makes sure that the classes serving `needs` are remembered.
    fn shape(&mut self, needs: &Requirements) {
        let key = shape_key(needs);
        if self.shapes.contains_key(&key) {
            return;
        }
        if self.shapes.len() >= SHAPES {
            self.shapes.clear();
        }
        let serves = |class: &Class| {
            class.key.memory >= needs.memory
                && class.key.flags.covers(needs.flags)
                && class.key.band >= needs.min_reputation / BAND
        };
        let classes = self.classes.iter().enumerate().filter(|(_, class)| serves(class)).map(|(number, _)| number);
        self.shapes.insert(key, classes.collect());
    }
}

const fn shape_key(needs: &Requirements) -> (u32, u16, u16) {
    (needs.memory.0, needs.flags.0, needs.min_reputation)
}

/// Standing below which an answer is expected to cost no more. Without it, whoever took all standing from a worker would get its jobs at
/// any price. At the start a worker is worth half of the best, at the end a quarter.
const REPUTATION_FLOOR: u16 = 250;

/// What an answer is expected to cost: the price, up to four times it for a worker that often fails.
fn score(price: Amount, reputation: Reputation) -> Score {
    let divisor = u128::from(reputation.0.max(REPUTATION_FLOOR));
    price.0.saturating_mul(u128::from(Reputation::MAX.0)) / divisor
}
