//! The soundness budget of one proof: every way in which a false statement could pass, with its bits.
//!
//! Interactive terms are polynomial identities over E: degree over |E|, times the number of words that the first oracles could
//! stand for (their lists at the Johnson bound). Oracle terms come from `ciro_pcs`. The total is the union bound over all terms. In the
//! random-oracle model each hash evaluation is one attempt.

use crate::key::VerifyingKey;
use crate::layout::{
    Evaluations, constraint_columns, constraint_rounds, count, is_sent, lookup_columns, product_degree, product_rounds,
    slots,
};
use alloc::vec::Vec;
use ciro_pcs::params::Term;
use ciro_relation::Relation;
use ciro_transcript::E;
use p3_field::PrimeCharacteristicRing;

/// Bits of the challenge field, rounded down.
const FIELD_BITS: u32 = 154;

/// All terms and what they leave together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Each way to cheat.
    pub terms: Vec<Term>,
    /// Bits of the union of all terms, rounded down.
    pub total_bits: u32,
}

fn log_up(n: usize) -> u32 {
    usize::BITS.saturating_sub(n.saturating_sub(1).leading_zeros())
}

impl VerifyingKey {
    /// The budget of this model's proofs.
    #[must_use]
    pub fn budget(&self) -> Budget {
        let list = self.params().list_bits();
        let mut terms: Vec<Term> = interactive(self.relation())
            .into_iter()
            .map(|(what, degree)| Term { what, bits: FIELD_BITS.saturating_sub(list).saturating_sub(log_up(degree)) })
            .collect();
        terms.extend(self.params().terms());
        Budget::of(terms)
    }

    /// The budget of a proof of a batch and the opening of one of its samples together: a point within each column, claims to be reduced,
    /// and a second opening.
    #[must_use]
    pub fn sample_budget(&self) -> Budget {
        let Budget { mut terms, .. } = self.budget();
        let params = self.sample_params();
        let columns = &self.relation().samples;
        let point = columns.iter().map(|column| column.rows.log_len()).max().unwrap_or(0);
        let vars = self.sample_spaces().iter().map(|space| space.vars).max().unwrap_or(0);
        let claims = columns.len().saturating_add(params.first.len());
        for (what, degree) in [
            ("sample: cells at a point", count(point)),
            ("sample: sumcheck", claims.saturating_add(count(vars).saturating_mul(2))),
        ] {
            let bits = FIELD_BITS.saturating_sub(params.list_bits()).saturating_sub(log_up(degree));
            terms.push(Term { what, bits });
        }
        terms.extend(params.terms());
        Budget::of(terms)
    }
}

impl Budget {
    fn of(terms: Vec<Term>) -> Self {
        let least = terms.iter().map(|t| t.bits).min().unwrap_or(0);
        let total_bits = least.saturating_sub(log_up(terms.len()));
        Self { terms, total_bits }
    }
}

/// (what, degree of the identity), each an over-count.
fn interactive(relation: &Relation) -> Vec<(&'static str, usize)> {
    let (_, depth) = slots(relation);
    let depth = usize::try_from(depth).unwrap_or(usize::MAX);
    let width = relation.lookups.iter().map(|l| l.tuple.len()).max().unwrap_or(0).saturating_add(1);
    let leaves = 1usize.checked_shl(u32::try_from(depth).unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
    let constraints = relation.sections.iter().map(|s| s.constraints.len()).sum::<usize>();
    let rounds = constraint_rounds(relation);
    let [products, gathers, claims] = claims(relation);
    let gather_vars = relation.gathers.iter().map(ciro_relation::Gather::vars).max().unwrap_or(0);
    let batch_rounds = usize::try_from(relation.vars_max()).unwrap_or(usize::MAX);
    [
        ("lookup: fractions and tuple compression", leaves.saturating_mul(width)),
        ("lookup: layers", depth.saturating_mul(depth.saturating_mul(3).saturating_add(2))),
        ("constraints: zerocheck", constraints.saturating_add(rounds.saturating_mul(4))),
        (
            "products: sumcheck",
            products.saturating_add(product_rounds(relation).saturating_mul(product_degree(relation))),
        ),
        ("gathers: sumcheck", gathers.saturating_add(gather_vars.saturating_mul(2))),
        ("batch: sumcheck", claims.saturating_add(batch_rounds.saturating_mul(2))),
    ]
    .into()
}

/// How many claims the product, the gather and the batch phase weigh against one another: as many as they do in every proof.
fn claims(relation: &Relation) -> [usize; 3] {
    let mut claims = Evaluations::default();
    // Counted alone: where and what does not matter.
    let claim = |claims: &mut Evaluations, col| claims.claim(relation, col, Vec::new(), E::ZERO);
    lookup_columns(relation).into_iter().chain(constraint_columns(relation)).for_each(|col| claim(&mut claims, col));
    let products = claims.take_products();
    for product in products.iter().filter_map(|c| relation.products.get(c.product)) {
        let sent = [&product.a, &product.b].into_iter().filter(|o| is_sent(relation, o.col));
        sent.for_each(|operand| claim(&mut claims, operand.col));
    }
    let gathers = claims.take_gathered();
    for gather in gathers.iter().filter_map(|c| relation.gathers.get(c.gather)) {
        if is_sent(relation, gather.of) {
            claim(&mut claims, gather.of);
        }
    }
    let committed = claims.into_committed().map_or(usize::MAX, |claims| claims.len());
    [products.len(), gathers.len(), committed]
}
