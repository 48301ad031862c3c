//! What each choice is worth: the bits of every way in which a false opening could pass.
//!
//! All distances are below the Johnson bound: an oracle of rate ρ is read at radius 1 − √ρ·(1 + 1/m), with m of [`SLACKS`]. There list
//! decoding and mutual correlated agreement are theorems, and no capacity conjecture is used:
//!
//! - Lists have at most m/(2ρ) words (the Johnson bound: 1/(2η√ρ) at η = √ρ/m), and per query a word outside the radius survives with
//!   probability √ρ·(1 + 1/m).
//! - The points at which a line (or curve) of words is closer to the code than the words are together, on the same
//!   positions. Of a code of length n there are at most (2(m + ½)⁵ + 3(m + ½)γρ)/(3ρ^1.5)·n + (m + ½)/√ρ, γ the
//!   radius. This is Theorem 4.6 of Ben-Sasson, Carmon, Haböck, Kopparty and Saraf, ePrint 2025/2055: **BCHKS25**. A
//!   newer theorem has 8(t + ½)³/(3ρ)·n at t = max(m/2, 3) (Dao, Kominers, Thaler, ePrint 2026/2056, Theorem 5.12:
//!   **DKT26**), up to ten bits fewer. Both take (k − 1)/n for ρ, k the dimension.
//!
//! Parameters meet the target under the weaker of the two, and each [`Term`] says what it has under either.
//!
//! Floats do not appear: bits are rounded against the prover's favour, most in hundredths ("centibits").
//!
//! A term is the error of *one* challenge. The protocol is sound round by round and each hash evaluation is one attempt
//! at one challenge, so challenges do not add up. That the union of all terms still meets the target is a margin. Where
//! a term alone falls short, its challenge is drawn after a proof of work, and an attempt costs that many hash
//! evaluations more. A term names its challenges ([`Draws`]), so that a test can look for that work before each of
//! them.

use crate::params::{Params, Round};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_sumcheck::Work;

/// What a proof must resist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Security {
    /// 100 bits.
    #[default]
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
        self.bits().saturating_add(UNION_MARGIN_BITS)
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
    /// Bits of the term by itself, rounded down, under the weaker of the two theorems.
    pub bits: u32,
    /// As `bits`, under the newer theorem.
    pub bits_newer: u32,
    /// Proof of work before each of its challenges, bits.
    pub work: u32,
    /// Its challenges.
    pub draws: Draws,
}

impl Term {
    /// A term that is the same under both theorems.
    #[must_use]
    pub const fn new(what: &'static str, bits: u32, work: u32, draws: Draws) -> Self {
        Self { what, bits, bits_newer: bits, work, draws }
    }

    /// Bits with the work.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.bits.saturating_add(self.work)
    }

    /// Bits with the work, under the newer theorem.
    #[must_use]
    pub const fn total_newer(&self) -> u32 {
        self.bits_newer.saturating_add(self.work)
    }
}

/// Which challenges a term is about: those drawn under some labels, by their number under each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// The labels.
    pub labels: &'static [&'static str],
    /// The first one's number.
    pub first: usize,
    /// How many.
    pub count: usize,
}

impl Draws {
    /// All that are drawn under these labels.
    #[must_use]
    pub const fn all(labels: &'static [&'static str]) -> Self {
        Self { labels, first: 0, count: usize::MAX }
    }

    /// Some of those drawn under these labels.
    #[must_use]
    pub const fn some(labels: &'static [&'static str], first: usize, count: usize) -> Self {
        Self { labels, first, count }
    }

    /// Whether challenge number `number` under `label` is one of them.
    #[must_use]
    pub fn has(&self, label: &str, number: usize) -> bool {
        self.labels.contains(&label) && number.checked_sub(self.first).is_some_and(|after| after < self.count)
    }
}

/// How far below the Johnson radius an oracle is read, and what that costs. A larger m takes fewer queries and has longer lists and more
/// exceptional points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slack {
    /// The radius is 1 − √ρ·(1 + 1/m).
    pub m: u32,
    /// 100·log₂(1 + 1/m), rounded up: what each query loses.
    query_loss: u32,
    /// 100·log₂((2/3)·(m + ½)⁵), rounded up, and two for the terms of lower order: BCHKS25's factor.
    bchks: u32,
    /// 100·log₂((8/3)·(t + ½)³), rounded up, t = max(m/2, 3): DKT26's factor.
    dkt: u32,
}

/// The slacks that are tried, in order.
pub const SLACKS: [Slack; 5] = [
    Slack { m: 20, query_loss: 8, bchks: 2123, dkt: 1160 },
    Slack { m: 10, query_loss: 14, bchks: 1640, dkt: 880 },
    Slack { m: 6, query_loss: 23, bchks: 1294, dkt: 684 },
    Slack { m: 4, query_loss: 33, bchks: 1029, dkt: 684 },
    SLACK_MOST,
];

/// The largest: the fewest exceptional points and the shortest lists.
pub(crate) const SLACK_MOST: Slack = Slack { m: 3, query_loss: 42, bchks: 848, dkt: 684 };

/// ⌈log₂ n⌉, 0 for n ≤ 1.
#[must_use]
pub const fn log_up(n: usize) -> u32 {
    usize::BITS.saturating_sub(n.saturating_sub(1).leading_zeros())
}

/// −100·log₂((1 + 1/m)·2^(−r/2)), rounded down: what one query at inverse rate 2^r is worth, in hundredths of a bit. At least one.
#[must_use]
pub(crate) const fn query_centibits(log_inv_rate: u32, slack: Slack) -> u32 {
    let worth = log_inv_rate.saturating_mul(50).saturating_sub(slack.query_loss);
    if worth == 0 { 1 } else { worth }
}

/// Queries that, with the proof of work, meet the target.
pub(crate) fn queries(security: Security, log_inv_rate: u32, slack: Slack, work_bits: u32) -> usize {
    let wanted = security.work_for(work_bits).saturating_mul(100);
    usize::try_from(wanted.div_ceil(query_centibits(log_inv_rate, slack))).unwrap_or(usize::MAX)
}

/// log₂ of the most pairs of words in a list, m²/(8ρ²), rounded up.
fn pair_bits(round: &Round) -> u32 {
    round.log_inv_rate.saturating_mul(2).saturating_add(log_up_of(round.slack.m.saturating_mul(round.slack.m), 8))
}

/// log₂ of the most words in a list, m/(2ρ), rounded up.
pub(crate) fn list_bits(round: &Round) -> u32 {
    round.log_inv_rate.saturating_add(log_up_of(round.slack.m, 2))
}

/// ⌈log₂(n/d)⌉.
fn log_up_of(n: u32, d: u32) -> u32 {
    log_up(usize::try_from(n.div_ceil(d)).unwrap_or(usize::MAX))
}

/// Bits of one challenge that folds or joins `count` oracles at once, under BCHKS25 and under DKT26.
#[must_use]
pub(crate) fn proximity_bits(round: &Round, count: usize) -> [u32; 2] {
    let (leaves, rate) = (round.log_leaves(), round.log_inv_rate);
    // The theorems' rate is that of k − 1 for the dimension k = 2^vars: smaller by k/(k − 1), of which log₂ is below 1.45/(k − 1).
    let short = 1u32.checked_shl(round.vars).unwrap_or(u32::MAX).saturating_sub(1).max(1);
    let hundredths = |factor: u32, rate_power: u32| {
        let rate = rate_power
            .saturating_mul(rate)
            .saturating_add(rate_power.saturating_mul(145).div_ceil(short.saturating_mul(100)));
        factor.saturating_add(leaves.saturating_mul(100)).saturating_add(rate)
    };
    let points = [hundredths(round.slack.bchks, 150), hundredths(round.slack.dkt, 100)];
    points.map(|points| FIELD_BITS.saturating_sub(points.div_ceil(100).saturating_add(log_up(count))))
}

/// Bits of `samples` values of a tail oracle's polynomial at powers of random elements. Two words of the list agree in one of them with
/// probability 2^vars/|E|.
pub(crate) fn sample_bits(round: &Round, samples: usize) -> u32 {
    let one = FIELD_BITS.saturating_sub(round.vars.saturating_add(round.fold));
    let all = one.saturating_mul(u32::try_from(samples).unwrap_or(0));
    all.saturating_sub(pair_bits(round))
}

/// Bits of one value each of the first oracles' polynomials, `count` many, at a random point: two words of a list agree with
/// probability variables/|E|.
pub(crate) fn joint_sample_bits(round: &Round, vars: u32, count: usize) -> u32 {
    let variables = log_up(usize::try_from(vars).unwrap_or(usize::MAX));
    FIELD_BITS.saturating_sub(pair_bits(round)).saturating_sub(variables).saturating_sub(log_up(count))
}

/// Bits of the batching of `claims` on a tail oracle.
pub(crate) fn tail_batch_bits(round: &Round, claims: usize) -> u32 {
    FIELD_BITS.saturating_sub(list_bits(round)).saturating_sub(log_up(claims.saturating_add(1)))
}

/// Bits of the joining of `count` polynomials by powers of one challenge, for any of 2^`list` choices of words.
pub(crate) fn join_bits(list: u32, count: usize) -> u32 {
    FIELD_BITS.saturating_sub(list).saturating_sub(log_up(count))
}

/// Bits of one round of a sumcheck of degree two that is about 2^`list` words.
pub(crate) fn one_round_bits(list: u32) -> u32 {
    FIELD_BITS.saturating_sub(list).saturating_sub(1)
}

/// What the queries of an oracle are worth without work.
fn query_bits(round: &Round) -> u32 {
    let queries = u32::try_from(round.queries).unwrap_or(u32::MAX);
    queries.saturating_mul(query_centibits(round.log_inv_rate, round.slack)).div_euclid(100)
}

impl Params {
    /// log₂ of the product of the first oracles' list sizes, rounded up.
    #[must_use]
    pub fn list_bits(&self) -> u32 {
        self.first.iter().map(list_bits).fold(0, u32::saturating_add)
    }

    /// log₂ of how many pairs of words the phases before the batch are about: one, if the first oracles are sampled.
    #[must_use]
    pub fn open_list_bits(&self) -> u32 {
        if self.is_first_sampled() { 0 } else { self.list_bits() }
    }

    /// The term of the samples of the first oracles, if they are sampled.
    #[must_use]
    pub fn sample_term(&self) -> Option<Term> {
        let first = self.first.first().filter(|_| self.is_first_sampled())?;
        let bits = joint_sample_bits(first, self.largest_vars(), self.first.len());
        Some(Term::new("first oracles: sample", bits, 0, Draws::all(&["sample point"])))
    }

    /// The terms of the opening and of the rounds of the batch phase before it. `folds` says what work those rounds take that fold a first
    /// oracle.
    #[must_use]
    pub fn terms(&self, folds: &Work) -> Vec<Term> {
        let mut terms = Vec::new();
        let (list, count) = (self.list_bits(), self.first.len());
        terms.push(Term::new("batch: one round", one_round_bits(list), 0, Draws::all(&["batch rounds"])));
        let join = self.first_work();
        terms.push(Term::new("first oracles: joining", join_bits(list, count), join, Draws::all(&["join"])));
        let fold = Draws::some(&["batch rounds"], folds.rounds.start, folds.rounds.len());
        for round in &self.first {
            terms.push(self.queries_term("first oracle: queries", round, 0));
            let [bits, bits_newer] = proximity_bits(round, count);
            let what = "first oracle: proximity of one fold";
            terms.push(Term { what, bits, bits_newer, work: folds.bits, draws: fold });
            let what = "first oracle: proximity of joining";
            terms.push(Term { what, bits, bits_newer, work: join, draws: Draws::all(&["join"]) });
        }
        for i in 0..self.tail.len() {
            terms.extend(self.tail_terms(i));
        }
        terms
    }

    /// The terms of oracle `i` of the tail.
    fn tail_terms(&self, i: usize) -> Vec<Term> {
        let (Some(round), before) = (self.tail.get(i), self.tail.get(..i).unwrap_or(&[])) else { return Vec::new() };
        let work = self.fold_work(round);
        let folded = before.iter().map(|round| round.fold).sum();
        let [folded, folds] = [folded, round.fold].map(|n: u32| usize::try_from(n).unwrap_or(usize::MAX));
        let fold = Draws::some(&["fold"], folded, folds);
        let [bits, bits_newer] = proximity_bits(round, 1);
        let sampled = before.iter().map(|round| self.samples(round)).sum();
        Vec::from([
            self.queries_term("tail oracle: queries", round, i.saturating_add(1)),
            Term { what: "tail oracle: proximity of one fold", bits, bits_newer, work, draws: fold },
            Term::new("tail oracle: one round", one_round_bits(list_bits(round)), work, fold),
            Term::new(
                "tail oracle: batching",
                tail_batch_bits(round, self.tail_claims(i)),
                self.batch_work(i),
                Draws::some(&["batch"], i, 1),
            ),
            Term::new(
                "tail oracle: out-of-domain samples",
                sample_bits(round, self.samples(round)),
                0,
                Draws::some(&["out-of-domain"], sampled, self.samples(round)),
            ),
        ])
    }

    fn queries_term(&self, what: &'static str, round: &Round, number: usize) -> Term {
        Term::new(what, query_bits(round), self.work_bits, Draws::some(&["queries"], number, 1))
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

    /// The terms, with the work of all folds.
    fn terms(params: &Params) -> Vec<Term> {
        let folds = params.first_folds() as usize;
        let terms = params.terms(&Work { label: "", bits: params.first_work(), rounds: 0..folds });
        terms.into_iter().chain(params.sample_term()).collect()
    }

    /// Under either theorem.
    fn check(params: &Params) {
        let (terms, wanted) = (terms(params), params.security.term_bits());
        assert!(terms.len() < 1 << UNION_MARGIN_BITS);
        for term in terms {
            assert!(term.total() >= wanted && term.total_newer() >= wanted, "{params:?} {term:?}");
            assert!(term.work <= WORK_BITS_MAX, "{params:?} {term:?}");
        }
    }

    #[test]
    fn every_term_of_every_size_meets_its_target_with_margin_and_bearable_work() {
        [Security::Bits100, Security::Bits128].into_iter().flat_map(all).for_each(|params| check(&params));
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
                check(&params);
            }
        }
    }

    /// An independent accounting of the newer theorem, of lists and of queries must never give a term fewer bits than ours does.
    #[test]
    fn no_term_is_more_optimistic_than_an_independent_accounting() {
        for params in [Security::Bits100, Security::Bits128].into_iter().flat_map(all) {
            for round in params.first.iter().chain(&params.tail) {
                let (degree, rate) = (round.vars as usize, round.log_inv_rate as usize);
                let m = f64::from(round.slack.m);
                let log_eta = -(rate as f64) / 2.0 - m.log2();
                let exact = -(round.queries as f64) * ((1.0 + 1.0 / m).log2() - rate as f64 / 2.0);
                assert!(f64::from(query_bits(round)) <= exact, "{round:?}");
                let proximity = |count| {
                    JohnsonBound.prox_gaps_error_at_log_eta(degree, rate, FIELD_BITS as usize, count, log_eta + 1e-9)
                };
                let [bchks, dkt] = proximity_bits(round, 1);
                assert!(f64::from(dkt) <= proximity(2) && bchks <= dkt, "{round:?}");
                let list = JohnsonBound.list_size_bits_at_log_eta(degree, rate, log_eta);
                assert!(list <= f64::from(list_bits(round)) && 2.0 * list - 1.0 <= f64::from(pair_bits(round)));
            }
        }
    }

    /// The exceptional points of BCHKS25's Theorem 4.6 as it is printed, at the radius of this slack.
    fn exceptional_points(round: &Round) -> f64 {
        let (k, n) = (f64::from(round.vars).exp2(), f64::from(round.log_leaves()).exp2());
        let nominal = (-f64::from(round.log_inv_rate)).exp2();
        let gamma = 1.0 - nominal.sqrt() * (1.0 + 1.0 / f64::from(round.slack.m));
        let rate = (k - 1.0) / n;
        // The least m that the theorem takes there, but for rounding.
        let m = (rate.sqrt() / (1.0 - rate.sqrt() - gamma) - 1e-9).ceil().max(3.0) + 0.5;
        (2.0 * m.powi(5) + 3.0 * m * gamma * rate) / (3.0 * rate.powf(1.5)) * n + m / rate.sqrt()
    }

    #[test]
    fn exceptional_points_are_not_understated() {
        for slack in SLACKS {
            for (vars, log_inv_rate) in (2..=23).flat_map(|vars| (1..=10).map(move |rate| (vars, rate))) {
                let round = Round { fold: 4, vars, log_inv_rate, slack, queries: 1, columns: 16, is_salted: false };
                let [bits, _] = proximity_bits(&round, 1);
                let exact = f64::from(FIELD_BITS) - exceptional_points(&round).log2();
                assert!(f64::from(bits) <= exact, "{round:?}: {bits} {exact}");
                // Of short codes the radius is farther from their own Johnson bound than from that of their rate.
                assert!(vars < 12 || exact < f64::from(bits) + 1.8, "{round:?}: {bits} {exact}");
                assert_eq!(proximity_bits(&round, 4)[0], bits - 2);
            }
        }
    }

    #[test]
    fn the_worth_of_a_query_is_not_overstated() {
        for slack in SLACKS {
            for r in 1..=12u32 {
                let exact = -((1.0 + 1.0 / f64::from(slack.m)).log2() - f64::from(r) / 2.0);
                assert!(f64::from(query_centibits(r, slack)) / 100.0 <= exact);
            }
        }
    }

    #[test]
    fn the_field_has_the_bits_that_are_counted() {
        let exact = 5.0 * f64::from(ciro_transcript::field::P).log2();
        assert!(f64::from(FIELD_BITS) <= exact && exact < f64::from(FIELD_BITS + 1));
    }
}
