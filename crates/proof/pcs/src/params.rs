//! Rates, folds and queries of an opening, and the work that its challenges take.
//!
//! Everything follows from the sizes of the polynomials, the target and the profile; [`crate::soundness`] says what each choice is
//! worth.

use crate::soundness::{
    FIELD_BITS, SLACK_MOST, SLACKS, Security, Slack, WORK_BITS_MAX, join_bits, joint_sample_bits, list_bits,
    one_round_bits, proximity_bits, queries, sample_bits, tail_batch_bits,
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// What a proof is made for. Both profiles share all code; they differ in rates, folds and proof of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Profile {
    /// Fast to prove.
    #[default]
    Native,
    /// Small, and cheap to verify in a contract.
    Chain,
}

impl Profile {
    /// Proof of work before each query phase, bits: 2¹⁰ hashes take less than 0.1 ms, 2¹⁶ about two.
    #[must_use]
    pub const fn work_bits(self) -> u32 {
        match self {
            Self::Native => 10,
            Self::Chain => 16,
        }
    }

    /// Nanoseconds of proving that a byte of proof is worth.
    const fn price_of_byte(self) -> u64 {
        match self {
            Self::Native => 60,
            Self::Chain => 2000,
        }
    }
}

/// A polynomial to commit to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its variables.
    pub vars: u32,
    /// Cells beyond these are zero.
    pub used: usize,
    /// Committed once for many proofs, so that encoding it costs them nothing.
    pub is_shared: bool,
    /// Its leaves are salted.
    pub is_salted: bool,
}

impl Size {
    /// A polynomial all of whose cells may be used.
    #[must_use]
    pub fn full(vars: u32) -> Self {
        let used = 1usize.checked_shl(vars).unwrap_or(usize::MAX);
        Self { vars, used, is_shared: false, is_salted: false }
    }
}

/// One committed oracle of the tail and how it is queried when the next one (or the final polynomial) has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// log₂ of the number of columns: variables folded after this oracle.
    pub fold: u32,
    /// Variables left after that fold; each column has 2^`vars` values.
    pub vars: u32,
    /// log₂ of the inverse rate.
    pub log_inv_rate: u32,
    /// How far below the Johnson radius it is read.
    pub slack: Slack,
    /// Positions drawn.
    pub queries: usize,
    /// Columns that are committed: the others are zero.
    pub columns: usize,
    /// Each leaf ends in [`SALT_BYTES`] that nobody can guess.
    pub is_salted: bool,
}

/// Bytes of a leaf's salt.
pub const SALT_BYTES: usize = 32;

impl Round {
    /// log₂ of the number of leaves.
    #[must_use]
    pub const fn log_leaves(&self) -> u32 {
        self.vars.saturating_add(self.log_inv_rate)
    }

    /// Bytes that opening it takes, with cells of `cell` bytes: rows, and an estimate of the siblings of a pruned multi-proof.
    fn opening_bytes(&self, cell: u64) -> u64 {
        let queries = wide(self.queries);
        let shared = u64::from(self.queries.checked_ilog2().unwrap_or(0));
        let siblings = u64::from(self.log_leaves()).saturating_sub(shared);
        let salt = if self.is_salted { wide(SALT_BYTES) } else { 0 };
        let row = wide(self.columns).saturating_mul(cell).saturating_add(salt);
        queries.saturating_mul(row.saturating_add(siblings.saturating_mul(32)))
    }

    /// Cells of its codeword.
    fn code_cells(&self) -> u64 {
        shifted(wide(self.columns), self.log_leaves())
    }
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// n·2^`bits`, saturating.
fn shifted(n: u64, bits: u32) -> u64 {
    n.saturating_mul(1u64.checked_shl(bits).unwrap_or(u64::MAX))
}

fn total(costs: impl Iterator<Item = u64>) -> u64 {
    costs.fold(0, u64::saturating_add)
}

/// Everything both sides derive from the sizes of the polynomials alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// One per polynomial of the opening, in order: how its oracle is cut.
    pub first: Vec<Round>,
    /// The tail's oracles, in order.
    pub tail: Vec<Round>,
    /// Target.
    pub security: Security,
    /// Proof of work before each query phase, bits.
    pub work_bits: u32,
}

/// The final polynomial has at most this many variables: 2⁸ extension elements are 5 KiB, about what one more round costs.
const FINAL_VARS: u32 = 8;

/// Fold of a tail oracle, variables.
const TAIL_FOLD: u32 = 4;

/// Largest fold of a first oracle: 2¹⁰ base elements are a 4 KiB leaf.
const FIRST_FOLD_MAX: u32 = 10;

/// Fewest variables common to all polynomials.
const COMMON_MIN: u32 = 2;

/// Longest code, log₂: the field has no larger subgroup of a power of two.
const LOG_LEAVES_MAX: u32 = 24;

/// Largest inverse rates of a first oracle, log₂, that are tried.
const FIRST_RATES: core::ops::RangeInclusive<u32> = 1..=4;

/// Most that the lists of all first oracles may cost together, bits: the field leaves the interactive terms that many.
const LIST_BITS_MAX: u32 = 24;

/// Nanoseconds, measured on two cores with AVX2. `NS_CODE` is for encoding and hashing one base cell of a code. `NS_FOLD` is for folding
/// one cell of a first polynomial. `NS_JOINED` is for the sumcheck over one element of the joined polynomial.
const NS_CODE: u64 = 5;
const NS_FOLD: u64 = 2;
const NS_JOINED: u64 = 40;

/// Nanoseconds that one attempt at a proof of work takes, eight at once.
const NS_ATTEMPT: u64 = 30;

/// log₂ of the degree up to which a phase's identity is to hold without work, whatever the first oracles' lists.
const OPEN_DEGREE_BITS: u32 = 16;

impl Params {
    /// The schedule for these polynomials (of at least [`Params::MIN_VARS`] variables): the cheapest of all cuts, rates and slacks, time
    /// and bytes weighed by the profile. A slack that takes less of a radius than another is tried only if that one takes work.
    #[must_use]
    pub fn new(sizes: &[Size], security: Security, profile: Profile) -> Self {
        let largest = sizes.iter().map(|s| s.vars).max().unwrap_or(Self::MIN_VARS);
        let smallest = sizes.iter().map(|s| s.vars).min().unwrap_or(Self::MIN_VARS);
        let least = largest.saturating_sub(FIRST_FOLD_MAX).max(COMMON_MIN).min(smallest);
        let mut best: Option<(u64, Self)> = None;
        for common in least..=smallest {
            for rate in FIRST_RATES {
                for slack in SLACKS {
                    let schedule = Self::schedule(sizes, common, (rate, slack), security, profile);
                    if schedule.is_possible() {
                        let cost = schedule.cost(sizes, profile);
                        let is_workless = schedule.first_work() == 0;
                        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                            best = Some((cost, schedule));
                        }
                        if is_workless {
                            break;
                        }
                    }
                }
            }
        }
        best.map_or_else(|| Self::schedule(sizes, least, (2, SLACK_MOST), security, profile), |(_, schedule)| schedule)
    }

    /// Whether the field has room for its codes and its lists, and its work is bearable. No work stands before the samples of the first
    /// oracles, nor before the rounds of the batch phase that fold nothing.
    fn is_possible(&self) -> bool {
        let fits = |round: &Round| round.log_leaves() <= LOG_LEAVES_MAX;
        let is_enough = |bits: u32| self.security.work_for(bits) == 0;
        let sample = |first: &Round| joint_sample_bits(first, self.largest_vars(), self.first.len());
        let is_sampled_well =
            !self.is_first_sampled() || self.first.first().is_none_or(|first| is_enough(sample(first)));
        let rounds = || self.first.iter().chain(&self.tail);
        let is_listed_well = self.list_bits() <= LIST_BITS_MAX && is_enough(one_round_bits(self.list_bits()));
        let work = self.tail.iter().map(|round| self.fold_work(round)).chain([self.first_work()]);
        rounds().all(fits) && is_listed_well && is_sampled_well && work.max() <= Some(WORK_BITS_MAX)
    }

    fn schedule(
        sizes: &[Size],
        common: u32,
        (log_inv_rate, slack): (u32, Slack),
        security: Security,
        profile: Profile,
    ) -> Self {
        let work_bits = profile.work_bits();
        let round = |n: u32, fold: u32, rate: u32, slack: Slack, columns: usize| Round {
            fold,
            vars: n.saturating_sub(fold),
            log_inv_rate: rate,
            slack,
            queries: queries(security, rate, slack, work_bits),
            columns,
            is_salted: false,
        };
        let first = sizes.iter().map(|size| {
            let used = size.used.checked_shr(common).unwrap_or(0);
            let part = usize::from(used.checked_shl(common) != Some(size.used));
            let fold = size.vars.saturating_sub(common);
            Round {
                is_salted: size.is_salted,
                ..round(size.vars, fold, log_inv_rate, slack, used.saturating_add(part).max(1))
            }
        });
        let first = first.collect();
        let mut tail = Vec::new();
        let (mut vars, mut rate) = (common, log_inv_rate);
        while vars > FINAL_VARS {
            // A fold of k shrinks the message by 2ᵏ; halving the domain meanwhile lowers the rate by k − 1 bits.
            rate = rate.saturating_add(TAIL_FOLD.saturating_sub(1)).min(10);
            let tried = SLACKS.map(|slack| round(vars, TAIL_FOLD, rate, slack, 1 << TAIL_FOLD));
            let Some(next) = best_of_tail(tried, security, profile) else { break };
            vars = next.vars;
            tail.push(next);
        }
        Self { first, tail, security, work_bits }
    }

    /// Nanoseconds, bytes included at the profile's price.
    fn cost(&self, sizes: &[Size], profile: Profile) -> u64 {
        const E: u64 = 5;
        let joined = shifted(NS_JOINED, self.common_vars());
        let folded = sizes.iter().map(|size| wide(size.used).saturating_mul(NS_FOLD));
        let made = self.first.iter().zip(sizes).filter(|(_, size)| !size.is_shared);
        let committed = made.map(|(round, _)| round.code_cells().saturating_mul(NS_CODE));
        let tail = self.tail.iter().map(|round| round.code_cells().saturating_mul(E * NS_CODE));
        let opened =
            self.first.iter().map(|r| r.opening_bytes(4)).chain(self.tail.iter().map(|r| r.opening_bytes(4 * E)));
        let bytes = total(opened.chain([shifted(4 * E, self.final_vars())]));
        let price = bytes.saturating_mul(profile.price_of_byte());
        total(folded.chain(committed).chain(tail).chain([joined, self.work_ns(), price]))
    }

    /// Nanoseconds for the proofs of work before challenges, those of the queries apart.
    fn work_ns(&self) -> u64 {
        // The folds of the batch phase, and joining.
        let first = u64::from(self.first_folds()).saturating_add(1).saturating_mul(work_ns(self.first_work()));
        let tail = |(i, round): (usize, &Round)| {
            let folds = u64::from(round.fold).saturating_mul(work_ns(self.fold_work(round)));
            folds.saturating_add(work_ns(self.batch_work(i)))
        };
        total(self.tail.iter().enumerate().map(tail).chain([first]))
    }

    /// Proof of work, bits, before each challenge that folds the first oracles or joins them.
    #[must_use]
    pub fn first_work(&self) -> u32 {
        let count = self.first.len();
        let folds = self.first.iter().map(|round| weaker(proximity_bits(round, count)));
        let least = folds.chain([join_bits(self.list_bits(), count)]).min().unwrap_or(FIELD_BITS);
        self.security.work_for(least)
    }

    /// Proof of work, bits, before each challenge that folds this oracle of the tail.
    #[must_use]
    pub fn fold_work(&self, round: &Round) -> u32 {
        fold_work(round, self.security)
    }

    /// Proof of work, bits, before the challenge that batches the claims on oracle `i` of the tail.
    #[must_use]
    pub fn batch_work(&self, i: usize) -> u32 {
        self.tail.get(i).map_or(0, |round| self.security.work_for(tail_batch_bits(round, self.tail_claims(i))))
    }

    /// Claims that are batched on oracle `i` of the tail: its own samples, and the queries of the oracle before.
    #[must_use]
    pub(crate) fn tail_claims(&self, i: usize) -> usize {
        let before = i.checked_sub(1).map_or_else(|| self.first.first(), |before| self.tail.get(before));
        let samples = self.tail.get(i).map_or(0, |round| self.samples(round));
        before.map_or(0, |round| round.queries).saturating_add(samples)
    }

    /// Out-of-domain samples of an oracle of the tail. A second one takes a pass over its polynomial, which is always cheaper than work.
    #[must_use]
    pub fn samples(&self, round: &Round) -> usize {
        if self.security.work_for(sample_bits(round, 1)) == 0 { 1 } else { 2 }
    }

    /// Whether the first oracles are sampled before anything is drawn. It leaves one word of each list. Otherwise every phase's identity
    /// pays for all of them. Only the lower target affords that without work in every round.
    #[must_use]
    pub fn is_first_sampled(&self) -> bool {
        self.security.work_for(FIELD_BITS.saturating_sub(self.list_bits().saturating_add(OPEN_DEGREE_BITS))) > 0
    }

    /// Fewest variables a committed polynomial has; smaller ones are padded with zeros.
    pub const MIN_VARS: u32 = 6;

    /// Variables of the largest polynomial.
    #[must_use]
    pub fn largest_vars(&self) -> u32 {
        self.first.iter().map(|round| round.vars.saturating_add(round.fold)).max().unwrap_or(0)
    }

    /// Rounds of the batch phase whose challenges fold a first oracle: all but the last ones.
    #[must_use]
    pub fn first_folds(&self) -> u32 {
        self.largest_vars().saturating_sub(self.common_vars())
    }

    /// Variables common to all polynomials after the first fold.
    #[must_use]
    pub fn common_vars(&self) -> u32 {
        self.first.first().map_or(0, |r| r.vars)
    }

    /// Variables of the polynomial sent in the clear.
    #[must_use]
    pub fn final_vars(&self) -> u32 {
        self.tail.last().map_or_else(|| self.common_vars(), |r| r.vars)
    }
}

/// Nanoseconds of one proof of work.
fn work_ns(bits: u32) -> u64 {
    if bits == 0 { 0 } else { NS_ATTEMPT.checked_shl(bits).unwrap_or(u64::MAX) }
}

fn weaker([bchks, dkt]: [u32; 2]) -> u32 {
    bchks.min(dkt)
}

fn fold_work(round: &Round, security: Security) -> u32 {
    security.work_for(weaker(proximity_bits(round, 1)).min(one_round_bits(list_bits(round))))
}

/// Of oracles that differ in their slack, the first that takes no work; else the cheapest.
fn best_of_tail<const N: usize>(tried: [Round; N], security: Security, profile: Profile) -> Option<Round> {
    let cost = |round: &Round| {
        let work = u64::from(round.fold).saturating_mul(work_ns(fold_work(round, security)));
        work.saturating_add(round.opening_bytes(20).saturating_mul(profile.price_of_byte()))
    };
    let workless = tried.iter().find(|round| fold_work(round, security) == 0);
    workless.or_else(|| tried.iter().min_by_key(|round| cost(round))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_polynomials_share_the_folded_size_and_the_rate() {
        for a in Params::MIN_VARS..=24 {
            for b in Params::MIN_VARS..=24 {
                let p = Params::new(&[Size::full(a), Size::full(b)], Security::Bits100, Profile::Native);
                assert_eq!(p.first[0].vars, p.first[1].vars, "{a} {b}");
                assert_eq!(p.first[0].log_inv_rate, p.first[1].log_inv_rate);
                assert_eq!(p.first[0].vars + p.first[0].fold, a);
            }
        }
    }

    #[test]
    fn every_code_fits_the_field() {
        use ciro_transcript::F;
        use p3_field::TwoAdicField;
        assert_eq!(LOG_LEAVES_MAX as usize, F::TWO_ADICITY);
        for security in [Security::Bits100, Security::Bits128] {
            for a in Params::MIN_VARS..=28 {
                for b in a.saturating_sub(4).max(Params::MIN_VARS)..=(a + 4).min(28) {
                    for profile in [Profile::Native, Profile::Chain] {
                        let p = Params::new(&[Size::full(a), Size::full(b)], security, profile);
                        let longest = p.first.iter().chain(&p.tail).map(Round::log_leaves).max();
                        assert!(longest <= Some(LOG_LEAVES_MAX), "{a} {b} {profile:?}: {longest:?}");
                    }
                }
            }
        }
    }

    /// Challenges of 100-bit proofs are drawn without work, and their first oracles are not sampled.
    #[test]
    fn work_is_for_the_higher_target_only() {
        let params = |a, b, security| Params::new(&[Size::full(a), Size::full(b)], security, Profile::Native);
        for a in Params::MIN_VARS..=24 {
            for b in Params::MIN_VARS..=24 {
                let p = params(a, b, Security::Bits100);
                let tail = p.tail.iter().enumerate().map(|(i, round)| p.fold_work(round) + p.batch_work(i));
                assert_eq!((p.first_work(), tail.sum::<u32>(), p.is_first_sampled()), (0, 0, false), "{a} {b}");
                assert!(p.tail.iter().all(|round| p.samples(round) == 1));
                assert!(params(a, b, Security::Bits128).is_first_sampled());
            }
        }
        let large = params(24, 24, Security::Bits128);
        assert!(large.first_work() > 0 && large.tail.iter().all(|round| large.samples(round) == 2));
    }
}
