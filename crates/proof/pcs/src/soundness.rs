//! What each choice is worth: the bits of every way in which a false opening could pass.
//!
//! All distances are below the Johnson bound: δ = 1 − √ρ − η with η = √ρ/20, where list decoding and correlated agreement are
//! theorems (no capacity conjecture). Per query a word outside the radius survives with probability (21/20)·√ρ. A list has at most
//! 1/(2η√ρ) = 10/ρ words. Floats do not appear: bits are rounded against the prover's favour, those of queries in hundredths.
//!
//! A term is the error of *one* challenge. The protocol is sound round by round and each hash evaluation is one attempt at one
//! challenge, so challenges do not add up; that the union of all terms still meets the target is a margin. Where a term alone falls
//! short, its challenge is drawn after a proof of work, and an attempt costs that many hash evaluations more.

use crate::params::{Params, Round};
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

    /// Bits that each term must have, work included.
    #[must_use]
    pub const fn term_bits(self) -> u32 {
        self.bits() + UNION_MARGIN_BITS
    }

    /// Proof of work, bits, that a challenge takes whose term has `bits`.
    #[must_use]
    pub const fn work_for(self, bits: u32) -> u32 {
        self.term_bits().saturating_sub(bits)
    }
}

/// Bits added to the target of every term, so that the union of at most 64 terms still meets the target.
pub const UNION_MARGIN_BITS: u32 = 6;

/// Bits of the challenge field, rounded down.
pub const FIELD_BITS: u32 = 154;

/// Most proof of work, bits, that any challenge takes: half a second of one core.
pub const WORK_BITS_MAX: u32 = 24;

/// One line of the budget: what could go wrong, and how unlikely it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// What the adversary would have to hit.
    pub what: &'static str,
    /// Bits of the term by itself, rounded down.
    pub bits: u32,
    /// Proof of work before the challenge it depends on, bits.
    pub work: u32,
}

impl Term {
    /// Bits with the work.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.bits + self.work
    }
}

/// ⌈log₂ n⌉, 0 for n ≤ 1.
#[must_use]
pub const fn log_up(n: usize) -> u32 {
    usize::BITS - n.saturating_sub(1).leading_zeros()
}

/// −100·log₂((21/20)·2^(−r/2)), rounded down: what one query at inverse rate 2^r is worth, in hundredths of a bit.
#[must_use]
pub const fn query_centibits(log_inv_rate: u32) -> u32 {
    // log₂(21/20) = 0.07039, rounded up to 0.08.
    50 * log_inv_rate - 8
}

/// Queries that, with the proof of work, meet the target at an inverse rate.
pub(crate) fn queries(security: Security, log_inv_rate: u32, work_bits: u32) -> usize {
    let wanted = security.work_for(work_bits) * 100;
    usize::try_from(wanted.div_ceil(query_centibits(log_inv_rate))).unwrap_or(usize::MAX)
}

/// log₂ of the most pairs of words in a list, 50/ρ², rounded up.
const fn pair_bits(round: &Round) -> u32 {
    2 * round.log_inv_rate + 6
}

/// Bits of one challenge that folds an oracle, or joins the first ones. Correlated agreement for lines up to the Johnson bound has
/// 8·N·(m + ½)³/(3ρ) exceptional points at m = 10, N the code length (Dao, Kominers, Thaler 2026, Theorem 5.12).
pub(crate) const fn proximity_bits(round: &Round) -> u32 {
    // 8·(10.5)³/3 < 2¹²; and one challenge folds up to four first oracles.
    FIELD_BITS.saturating_sub(12 + 2 + round.log_leaves() + round.log_inv_rate)
}

/// Bits of `samples` values of a tail oracle's polynomial at powers of random elements: two words of the list agree in one of them
/// with probability 2^vars/|E|.
pub(crate) fn sample_bits(round: &Round, samples: usize) -> u32 {
    let one = FIELD_BITS.saturating_sub(round.vars + round.fold);
    let all = one.saturating_mul(u32::try_from(samples).unwrap_or(0));
    all.saturating_sub(pair_bits(round))
}

/// Bits of one value each of the first oracles' polynomials, `count` many, at a random point: two words of a list agree with
/// probability variables/|E|.
pub(crate) fn joint_sample_bits(round: &Round, vars: u32, count: usize) -> u32 {
    let variables = log_up(usize::try_from(vars).unwrap_or(usize::MAX));
    FIELD_BITS.saturating_sub(pair_bits(round) + variables + log_up(count))
}

/// Bits of the batching of `claims` on a tail oracle.
pub(crate) fn tail_batch_bits(round: &Round, claims: usize) -> u32 {
    FIELD_BITS.saturating_sub(round.list_bits() + log_up(claims.saturating_add(1)))
}

/// Bits of one round of a sumcheck of degree two that is about 2^`list` words.
pub(crate) fn one_round_bits(list: u32) -> u32 {
    FIELD_BITS.saturating_sub(list + 1)
}

/// What the queries of an oracle are worth without work.
fn query_bits(round: &Round) -> u32 {
    let queries = u32::try_from(round.queries).unwrap_or(u32::MAX);
    queries.saturating_mul(query_centibits(round.log_inv_rate)) / 100
}

impl Params {
    /// log₂ of the product of the first oracles' list sizes, rounded up.
    #[must_use]
    pub fn list_bits(&self) -> u32 {
        self.first.iter().map(Round::list_bits).sum()
    }

    /// log₂ of how many pairs of words the phases before the batch are about: one, if the first oracles are sampled.
    #[must_use]
    pub fn open_list_bits(&self) -> u32 {
        if self.is_first_sampled() { 0 } else { self.list_bits() }
    }

    /// The terms of the opening, of the folds that the batch phase makes for it, and of the samples of the first oracles.
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        let mut terms = Vec::new();
        if let Some(first) = self.first.first().filter(|_| self.is_first_sampled()) {
            let bits = joint_sample_bits(first, self.largest_vars(), self.first.len());
            terms.push(Term { what: "first oracles: sample", bits, work: 0 });
        }
        let (bits, work) = (one_round_bits(self.list_bits()), self.first_work());
        terms.push(Term { what: "first oracles: one round, joining", bits, work });
        for round in &self.first {
            terms.push(self.queries_term("first oracle: queries", round));
            terms.push(Term { what: "first oracle: proximity of one fold", bits: proximity_bits(round), work });
        }
        for (i, round) in self.tail.iter().enumerate() {
            let work = self.fold_work(round);
            terms.push(self.queries_term("tail oracle: queries", round));
            terms.push(Term { what: "tail oracle: proximity of one fold", bits: proximity_bits(round), work });
            terms.push(Term { what: "tail oracle: one round", bits: one_round_bits(round.list_bits()), work });
            let bits = tail_batch_bits(round, self.tail_claims(i));
            terms.push(Term { what: "tail oracle: batching", bits, work: self.batch_work(i) });
            let bits = sample_bits(round, self.samples(round));
            terms.push(Term { what: "tail oracle: out-of-domain samples", bits, work: 0 });
        }
        terms
    }

    fn queries_term(&self, what: &'static str, round: &Round) -> Term {
        Term { what, bits: query_bits(round), work: self.work_bits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Profile, Size};
    use p3_security::assumption::SecurityAssumption::JohnsonBound;

    /// Parameters of all pairs of sizes up to 2²⁴ cells.
    fn all(security: Security) -> impl Iterator<Item = Params> {
        let vars = || Params::MIN_VARS..=24;
        let profiles = [Profile::Native, Profile::Chain];
        let sizes = vars().flat_map(move |a| vars().map(move |b| [Size::full(a), Size::full(b)]));
        sizes.flat_map(move |sizes| profiles.map(|profile| Params::new(&sizes, security, profile)))
    }

    #[test]
    fn every_term_of_every_size_meets_its_target_with_margin_and_bearable_work() {
        for security in [Security::Bits100, Security::Bits128] {
            for params in all(security) {
                let terms = params.terms();
                assert!(terms.len() < 1 << UNION_MARGIN_BITS);
                for term in terms {
                    assert!(term.total() >= security.term_bits(), "{params:?} {term:?}");
                    assert!(term.work <= WORK_BITS_MAX, "{params:?} {term:?}");
                }
            }
        }
    }

    /// A committed input and output join the weights and the witness, or the weights are public and the witness is alone.
    #[test]
    fn every_term_meets_its_target_however_many_polynomials_there_are() {
        let targets = [Security::Bits100, Security::Bits128];
        let profiles = [Profile::Native, Profile::Chain];
        for (security, profile) in targets.into_iter().flat_map(|security| profiles.map(|profile| (security, profile)))
        {
            for (vars, count) in (Params::MIN_VARS..=26).flat_map(|vars| [1, 3, 4].map(|count| (vars, count))) {
                let small = vars.saturating_sub(4).max(Params::MIN_VARS);
                let sizes: Vec<Size> = [vars, small, small, vars].map(Size::full)[..count].to_vec();
                let params = Params::new(&sizes, security, profile);
                assert_eq!(params.first.len(), count);
                for term in params.terms() {
                    assert!(term.total() >= security.term_bits(), "{vars} {count} {params:?} {term:?}");
                    assert!(term.work <= WORK_BITS_MAX, "{vars} {count} {term:?}");
                }
            }
        }
    }

    /// An independent accounting of the same theorems must never give a term fewer bits than ours does.
    #[test]
    fn no_term_is_more_optimistic_than_an_independent_accounting() {
        for params in [Security::Bits100, Security::Bits128].into_iter().flat_map(all) {
            for round in params.first.iter().chain(&params.tail) {
                let (degree, rate) = (round.vars as usize, round.log_inv_rate as usize);
                assert!(f64::from(query_bits(round)) <= JohnsonBound.queries_error(rate, round.queries), "{round:?}");
                let proximity = JohnsonBound.prox_gaps_error(degree, rate, FIELD_BITS as usize, 2);
                // Both first oracles are folded at once.
                assert!(f64::from(proximity_bits(round)) <= proximity - 1.0, "{round:?} {proximity}");
                assert!(JohnsonBound.list_size_bits(degree, rate) <= f64::from(round.list_bits()));
                assert!(2.0 * JohnsonBound.list_size_bits(degree, rate) - 1.0 <= f64::from(pair_bits(round)));
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

    #[test]
    fn the_field_has_the_bits_that_are_counted() {
        let exact = 5.0 * f64::from(ciro_transcript::field::P).log2();
        assert!(f64::from(FIELD_BITS) <= exact && exact < f64::from(FIELD_BITS + 1));
    }
}
