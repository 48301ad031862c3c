//! Proof of work where an identity lacks bits: by the degree of what a phase's first challenges are about.

use crate::layout::{Claims, constraint_rounds, slots};
use ciro_pcs::Params;
use ciro_pcs::soundness::{FIELD_BITS, log_up};
use ciro_relation::Relation;

/// Proof of work before the first challenge of each phase, bits: what its identity lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Before `alpha`.
    pub lookups: u32,
    /// Before `rho`.
    pub constraints: u32,
    /// Before `mu`.
    pub products: u32,
    /// Before `theta`.
    pub gathers: u32,
    /// Before `eta`.
    pub batch: u32,
}

impl Work {
    /// The work that proofs of this relation take.
    #[must_use]
    pub fn new(relation: &Relation, params: &Params) -> Self {
        let degrees = Degrees::of(relation);
        let work = |degree, list| params.security.work_for(identity_bits(degree, list));
        let open = params.open_list_bits();
        Self {
            lookups: work(degrees.fractions, open),
            constraints: work(degrees.constraints, open),
            products: work(degrees.products, open),
            gathers: work(degrees.gathers, open),
            batch: work(degrees.batch, params.list_bits()),
        }
    }
}

/// Bits of an identity of this degree that is to hold for 2^`list` words.
pub(crate) fn identity_bits(degree: usize, list: u32) -> u32 {
    FIELD_BITS.saturating_sub(list).saturating_sub(log_up(degree))
}

/// Degrees of the identities that each phase's first challenges are about, each an over-count. None for a phase that is absent.
pub(crate) struct Degrees {
    pub(crate) fractions: usize,
    pub(crate) constraints: usize,
    pub(crate) products: usize,
    pub(crate) gathers: usize,
    pub(crate) batch: usize,
}

impl Degrees {
    pub(crate) fn of(relation: &Relation) -> Self {
        let (_, depth) = slots(relation);
        let width = relation.lookups.iter().map(|l| l.tuple.len()).max().unwrap_or(0).saturating_add(1);
        let leaves = if relation.lookups.is_empty() { 0 } else { 1usize.checked_shl(depth).unwrap_or(usize::MAX) };
        let constraints = relation.sections.iter().map(|s| s.constraints.len()).sum::<usize>();
        let claims = Claims::of(relation);
        Self {
            fractions: leaves.saturating_mul(width),
            constraints: constraints.saturating_add(constraint_rounds(relation)),
            products: claims.products.len(),
            gathers: claims.gathered.len(),
            // And one for each committed polynomial, if they are sampled.
            batch: claims.committed.len().saturating_add(relation.committed().count()),
        }
    }
}
