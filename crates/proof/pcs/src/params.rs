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

/// Proof of work before each query phase, bits. About 10³ hashes: below 0.2 ms.
pub const WORK_BITS: u32 = 10;

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
}

impl Round {
    /// log₂ of the number of leaves.
    #[must_use]
    pub const fn log_leaves(&self) -> u32 {
        self.vars + self.log_inv_rate
    }
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
}

/// The final polynomial has at most this many variables: 2⁸ extension elements are 5 KiB, about what one more round costs.
const FINAL_VARS: u32 = 8;

/// Fold of a tail oracle, variables.
const TAIL_FOLD: u32 = 4;

/// Largest fold of a first oracle: 2⁸ base elements are a 1 KiB leaf.
const FIRST_FOLD_MAX: u32 = 8;

impl Params {
    /// The schedule for polynomials of `vars` variables each (at least [`Params::MIN_VARS`]).
    ///
    /// Small openings take rate 1/16: fewer queries halve the proof, and the larger code costs microseconds at this size.
    #[must_use]
    pub fn new(vars: &[u32], security: Security) -> Self {
        let largest = vars.iter().copied().max().unwrap_or(Self::MIN_VARS);
        let smallest = vars.iter().copied().min().unwrap_or(Self::MIN_VARS);
        let log_inv_rate = if largest <= 16 { 4 } else { 2 };
        let common = smallest.saturating_sub(2).min(largest.saturating_sub(4));
        let common = common.max(largest.saturating_sub(FIRST_FOLD_MAX)).min(smallest);
        let first = vars.iter().map(|&n| Self::round(n, n.saturating_sub(common), log_inv_rate, security)).collect();
        let mut tail = Vec::new();
        let (mut vars, mut rate) = (common, log_inv_rate);
        while vars > FINAL_VARS {
            // A fold of k shrinks the message by 2ᵏ; halving the domain meanwhile lowers the rate by k − 1 bits.
            rate = (rate + TAIL_FOLD - 1).min(10);
            let round = Self::round(vars, TAIL_FOLD, rate, security);
            vars = round.vars;
            tail.push(round);
        }
        Self { first, tail, security }
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

    fn round(n: u32, fold: u32, log_inv_rate: u32, security: Security) -> Round {
        let target = security.bits() + UNION_MARGIN_BITS - WORK_BITS;
        let queries = (target * 100).div_ceil(query_centibits(log_inv_rate));
        Round {
            fold,
            vars: n.saturating_sub(fold),
            log_inv_rate,
            queries: usize::try_from(queries).unwrap_or(usize::MAX),
        }
    }
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
            let bits = (queries * query_centibits(round.log_inv_rate)) / 100 + WORK_BITS;
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
                    for term in Params::new(&[a, b], security).terms() {
                        assert!(term.bits >= security.bits() + UNION_MARGIN_BITS, "{a} {b} {term:?}");
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
            let p = Params::new(&[n, n], Security::Bits100);
            for round in p.first.iter().chain(&p.tail) {
                let (degree, rate) = (round.vars as usize, round.log_inv_rate as usize);
                let queries = JohnsonBound.queries_error(rate, round.queries) + f64::from(WORK_BITS);
                let ours = round.queries as u32 * query_centibits(round.log_inv_rate) / 100 + WORK_BITS;
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
                let p = Params::new(&[a, b], Security::Bits100);
                assert_eq!(p.first[0].vars, p.first[1].vars, "{a} {b}");
                assert_eq!(p.first[0].log_inv_rate, p.first[1].log_inv_rate);
                assert_eq!(p.first[0].vars + p.first[0].fold, a);
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
