//! Parameters and the soundness budget.
//!
//! All distances are below the Johnson bound: δ = 1 − √ρ − η with η = √ρ/20, where list decoding and correlated agreement are
//! theorems (no capacity conjecture). Per query a word outside the radius survives with probability (21/20)·√ρ.
//! Floats do not appear: bits are counted in hundredths, rounded against the prover's favour.

use alloc::vec::Vec;

/// What a proof must resist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// 100 bits.
    Bits100,
    /// 128 bits.
    Bits128,
}

impl Security {
    /// Target bits of the whole proof.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Bits100 => 100,
            Self::Bits128 => 128,
        }
    }
}

/// Bits added to the target of every term, so that the union of at most 64 terms still meets the target.
pub const UNION_MARGIN_BITS: u32 = 6;

/// What a proof is made for. Both profiles share all code; they differ in rates, folds and proof of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Fast to prove.
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
        self.vars + self.log_inv_rate
    }

    /// Bytes that opening it takes, with cells of `cell` bytes: rows, and an estimate of the siblings of a pruned multi-proof.
    fn opening_bytes(&self, cell: u64) -> u64 {
        let queries = wide(self.queries);
        let shared = u64::from(self.queries.checked_ilog2().unwrap_or(0));
        let siblings = u64::from(self.log_leaves()).saturating_sub(shared);
        let salt = if self.is_salted { wide(SALT_BYTES) } else { 0 };
        queries * (wide(self.columns) * cell + salt + siblings * 32)
    }

    /// Cells of its codeword.
    fn code_cells(&self) -> u64 {
        wide(self.columns) << self.log_leaves()
    }
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
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

/// Measured on two cores with AVX2, nanoseconds: encoding and hashing one base cell of a code, folding one cell of a first
/// polynomial, and the sumcheck over one element of the joined polynomial.
const NS_CODE: u64 = 5;
const NS_FOLD: u64 = 2;
const NS_JOINED: u64 = 40;

impl Params {
    /// The schedule for these polynomials (of at least [`Params::MIN_VARS`] variables): the cheapest of all cuts and rates, time and
    /// bytes weighed by the profile.
    #[must_use]
    pub fn new(sizes: &[Size], security: Security, profile: Profile) -> Self {
        let largest = sizes.iter().map(|s| s.vars).max().unwrap_or(Self::MIN_VARS);
        let smallest = sizes.iter().map(|s| s.vars).min().unwrap_or(Self::MIN_VARS);
        let least = largest.saturating_sub(FIRST_FOLD_MAX).max(COMMON_MIN).min(smallest);
        let mut best: Option<(u64, Self)> = None;
        for common in least..=smallest {
            for rate in FIRST_RATES {
                let schedule = Self::schedule(sizes, common, rate, security, profile);
                let is_too_long = |round: &Round| round.log_leaves() > LOG_LEAVES_MAX;
                if schedule.first.iter().chain(&schedule.tail).any(is_too_long) || schedule.list_bits() > LIST_BITS_MAX
                {
                    continue;
                }
                let cost = schedule.cost(sizes, profile);
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    best = Some((cost, schedule));
                }
            }
        }
        best.map_or_else(|| Self::schedule(sizes, least, 2, security, profile), |(_, schedule)| schedule)
    }

    fn schedule(sizes: &[Size], common: u32, log_inv_rate: u32, security: Security, profile: Profile) -> Self {
        let work_bits = profile.work_bits();
        let round = |n: u32, fold: u32, rate: u32, columns: usize| Round {
            fold,
            vars: n.saturating_sub(fold),
            log_inv_rate: rate,
            queries: queries(security, rate, work_bits),
            columns,
            is_salted: false,
        };
        let first = sizes.iter().map(|size| {
            let used = size.used.checked_shr(common).unwrap_or(0);
            let part = usize::from(used.checked_shl(common) != Some(size.used));
            let fold = size.vars.saturating_sub(common);
            Round {
                is_salted: size.is_salted,
                ..round(size.vars, fold, log_inv_rate, used.saturating_add(part).max(1))
            }
        });
        let first = first.collect();
        let mut tail = Vec::new();
        let (mut vars, mut rate) = (common, log_inv_rate);
        while vars > FINAL_VARS {
            // A fold of k shrinks the message by 2ᵏ; halving the domain meanwhile lowers the rate by k − 1 bits.
            rate = (rate + TAIL_FOLD - 1).min(10);
            let next = round(vars, TAIL_FOLD, rate, 1 << TAIL_FOLD);
            vars = next.vars;
            tail.push(next);
        }
        Self { first, tail, security, work_bits }
    }

    /// Nanoseconds, bytes included at the profile's price.
    fn cost(&self, sizes: &[Size], profile: Profile) -> u64 {
        const E: u64 = 5;
        let joined = NS_JOINED << self.common_vars();
        let folded: u64 = sizes.iter().map(|size| wide(size.used) * NS_FOLD).sum();
        let made = self.first.iter().zip(sizes).filter(|(_, size)| !size.is_shared);
        let committed: u64 = made.map(|(round, _)| round.code_cells() * NS_CODE).sum();
        let tail: u64 = self.tail.iter().map(|round| round.code_cells() * E * NS_CODE).sum();
        let opened =
            self.first.iter().map(|r| r.opening_bytes(4)).chain(self.tail.iter().map(|r| r.opening_bytes(4 * E)));
        let bytes = opened.sum::<u64>() + ((4 * E) << self.final_vars());
        joined + folded + committed + tail + bytes * profile.price_of_byte()
    }

    /// Fewest variables a committed polynomial has; smaller ones are padded with zeros.
    pub const MIN_VARS: u32 = 6;

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

/// Queries that, with the proof of work, meet the target at an inverse rate.
fn queries(security: Security, log_inv_rate: u32, work_bits: u32) -> usize {
    let target = security.bits() + UNION_MARGIN_BITS - work_bits;
    usize::try_from((target * 100).div_ceil(query_centibits(log_inv_rate))).unwrap_or(usize::MAX)
}

/// −100·log₂((21/20)·2^(−r/2)), rounded down: what one query at inverse rate 2^r is worth, in hundredths of a bit.
#[must_use]
pub const fn query_centibits(log_inv_rate: u32) -> u32 {
    // log₂(21/20) = 0.07039, rounded up to 0.08.
    50 * log_inv_rate - 8
}

/// One line of the budget: what could go wrong, and how unlikely it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// What the adversary would have to hit.
    pub what: &'static str,
    /// Bits of security of this term, rounded down.
    pub bits: u32,
}

/// Bits of the challenge field, rounded down.
const FIELD_BITS: u32 = 154;

impl Params {
    /// log₂ of the product of the first oracles' list sizes, rounded up. A list at the Johnson bound has at most
    /// 1/(2η√ρ) = 10/ρ words.
    #[must_use]
    pub fn list_bits(&self) -> u32 {
        self.first.iter().map(|r| r.log_inv_rate + 4).sum()
    }

    /// The terms of the opening. Proximity: correlated agreement for lines up to the Johnson bound, C = 8·N·(m + ½)³/(3ρ) exceptional
    /// points at m = 10, N the code length (Dao, Kominers, Thaler 2026, Theorem 5.12), per folding variable.
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        let mut terms = Vec::new();
        for round in self.first.iter().chain(&self.tail) {
            let queries = u32::try_from(round.queries).unwrap_or(u32::MAX);
            let bits = (queries * query_centibits(round.log_inv_rate)) / 100 + self.work_bits;
            terms.push(Term { what: "queries of one oracle", bits });
            // 8·(10.5)³/3 < 2¹²; 1/ρ once from the formula; one variable fold or joining challenge doubles at most 2³ times.
            let exceptional = 12 + round.log_leaves() + round.log_inv_rate + 4;
            terms.push(Term { what: "proximity of folds", bits: FIELD_BITS.saturating_sub(exceptional) });
        }
        for round in &self.tail {
            // Two words of the list agree at the sample with probability L²/2 · 2^vars / |E|.
            let list = round.log_inv_rate + 4;
            let bits = FIELD_BITS.saturating_sub(2 * list + round.vars + round.fold);
            terms.push(Term { what: "out-of-domain sample", bits });
            terms.push(Term { what: "tail sumcheck and batching", bits: FIELD_BITS.saturating_sub(list + 10) });
        }
        terms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_of_every_size_meets_its_target_with_margin() {
        for security in [Security::Bits100] {
            for a in Params::MIN_VARS..=24 {
                for b in Params::MIN_VARS..=24 {
                    for profile in [Profile::Native, Profile::Chain] {
                        let sizes = [Size::full(a), Size::full(b)];
                        for term in Params::new(&sizes, security, profile).terms() {
                            assert!(term.bits >= security.bits() + UNION_MARGIN_BITS, "{a} {b} {term:?}");
                        }
                    }
                }
            }
        }
    }

    /// An independent accounting of the same theorems must never give a term fewer bits than ours does.
    #[test]
    fn no_term_is_more_optimistic_than_an_independent_accounting() {
        use p3_security::assumption::SecurityAssumption::JohnsonBound;
        for n in Params::MIN_VARS..=24 {
            let p = Params::new(&[Size::full(n), Size::full(n)], Security::Bits100, Profile::Native);
            for round in p.first.iter().chain(&p.tail) {
                let (degree, rate) = (round.vars as usize, round.log_inv_rate as usize);
                let queries = JohnsonBound.queries_error(rate, round.queries) + f64::from(p.work_bits);
                let ours = round.queries as u32 * query_centibits(round.log_inv_rate) / 100 + p.work_bits;
                assert!(f64::from(ours) <= queries, "{round:?}: {ours} {queries}");
                let proximity = JohnsonBound.prox_gaps_error(degree, rate, 154, 1 << 3);
                let exceptional = 12 + round.log_leaves() + round.log_inv_rate + 4;
                assert!(f64::from(FIELD_BITS - exceptional) <= proximity, "{round:?} {proximity}");
                assert!(JohnsonBound.list_size_bits(degree, rate) <= f64::from(round.log_inv_rate + 4));
            }
        }
    }

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
        for a in Params::MIN_VARS..=28 {
            for b in a.saturating_sub(4).max(Params::MIN_VARS)..=(a + 4).min(28) {
                for profile in [Profile::Native, Profile::Chain] {
                    let p = Params::new(&[Size::full(a), Size::full(b)], Security::Bits100, profile);
                    let longest = p.first.iter().chain(&p.tail).map(Round::log_leaves).max();
                    assert!(longest <= Some(LOG_LEAVES_MAX), "{a} {b} {profile:?}: {longest:?}");
                }
            }
        }
    }

    #[test]
    fn the_worth_of_a_query_is_not_overstated() {
        for r in 1..=12u32 {
            let exact = -((21.0f64 / 20.0).log2() - f64::from(r) / 2.0);
            assert!(f64::from(query_centibits(r)) / 100.0 <= exact);
        }
    }
}
