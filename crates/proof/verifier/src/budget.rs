//! The soundness budget of one proof: every way in which a false statement could pass, with its bits.
//!
//! Interactive terms are polynomial identities over E: degree over |E|, times the number of words that the first
//! oracles could stand for. Those are their lists at the Johnson bound, unless they are sampled. Oracle terms come
//! from `ciro_pcs`. Each term is about one challenge, which follows a [proof of work](crate::Work) where the term
//! falls short. The total is nevertheless the union bound over all terms. In the random-oracle model each hash
//! evaluation is one attempt.

use crate::batch::{round_work, vars_max};
use crate::key::VerifyingKey;
use crate::layout::count;
use crate::work::{Degrees, identity_bits};
use alloc::vec::Vec;
use ciro_pcs::soundness::{Draws, log_up};
use ciro_pcs::{Params, Term};
use ciro_relation::Space;

/// All terms and what they leave together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Each way to cheat.
    pub terms: Vec<Term>,
    /// Bits of the union of all terms, rounded down, under the weaker of the two theorems (`ciro_pcs::soundness`).
    pub total_bits: u32,
    /// As `total_bits`, under the newer one.
    pub total_bits_newer: u32,
}

/// Largest degree of a round polynomial.
const ROUND_DEGREE: usize = 3;

/// What is drawn between messages of the phases before the batch, after their first challenges.
const ROUNDS: [&str; 7] = [
    "lookup split",
    "lookup layer",
    "lookup rounds",
    "lookup parts",
    "constraint rounds",
    "product rounds",
    "gather rounds",
];

impl VerifyingKey {
    /// The budget of this model's proofs.
    #[must_use]
    pub fn budget(&self) -> Budget {
        let (degrees, work, params) = (Degrees::of(self.relation()), self.work(), self.params());
        let open = params.open_list_bits();
        let term =
            |what, degree, list, work, labels| Term::new(what, identity_bits(degree, list), work, Draws::all(labels));
        let fractions = "lookup: fractions and tuple compression";
        let round = "one round of lookups, constraints, products, gathers";
        let mut terms = Vec::from([
            term(fractions, degrees.fractions, open, work.lookups, &["alpha", "beta"]),
            term("constraints: zerocheck", degrees.constraints, open, work.constraints, &["rho", "lambda"]),
            term("products: claims together", degrees.products, open, work.products, &["mu"]),
            term("gathers: claims together", degrees.gathers, open, work.gathers, &["theta"]),
            term(round, ROUND_DEGREE, open, 0, &ROUNDS),
            term("batch: claims together", degrees.batch, params.list_bits(), work.batch, &["eta"]),
        ]);
        terms.extend(params.sample_term());
        terms.extend(opening_terms(&self.relation().spaces, params));
        Budget::of(terms)
    }

    /// Proof of work in the opening of one sample, bits: before its point, and before its claims are reduced.
    #[must_use]
    pub fn sample_work(&self) -> [u32; 2] {
        self.sample_degrees().map(|degree| {
            let params = self.sample_params();
            params.security.work_for(identity_bits(degree, params.list_bits()))
        })
    }

    /// Degrees of what its two first challenges are about: cells at a point, and claims together.
    fn sample_degrees(&self) -> [usize; 2] {
        let columns = &self.relation().samples;
        let point = columns.iter().map(|column| column.rows.log_len()).max().unwrap_or(0);
        [count(point), columns.len().saturating_add(self.sample_spaces().len())]
    }

    /// The budget of a proof of a batch and the opening of one of its samples together.
    #[must_use]
    pub fn sample_budget(&self) -> Budget {
        let Budget { mut terms, .. } = self.budget();
        terms.extend(self.sample_terms());
        Budget::of(terms)
    }

    /// The terms of the opening of one sample by itself.
    #[must_use]
    pub fn sample_terms(&self) -> Vec<Term> {
        let (params, [point, claims], [point_work, claims_work]) =
            (self.sample_params(), self.sample_degrees(), self.sample_work());
        let term = |what, degree, work, labels| {
            Term::new(what, identity_bits(degree, params.list_bits()), work, Draws::all(labels))
        };
        let mut terms = Vec::from([
            term("sample: cells at a point", point, point_work, &["sample point"]),
            term("sample: claims together", claims, claims_work, &["eta"]),
        ]);
        terms.extend(opening_terms(&self.sample_spaces(), &params));
        terms
    }
}

/// The terms of the opening of some polynomials, with the work that the rounds before it take.
fn opening_terms(spaces: &[Space], params: &Params) -> Vec<Term> {
    params.terms(&round_work(vars_max(spaces), params))
}

impl Budget {
    fn of(terms: Vec<Term>) -> Self {
        let union = |bits: fn(&Term) -> u32| {
            let least = terms.iter().map(bits).min().unwrap_or(0);
            least.saturating_sub(log_up(terms.len()))
        };
        let (total_bits, total_bits_newer) = (union(Term::total), union(Term::total_newer));
        Self { terms, total_bits, total_bits_newer }
    }
}
