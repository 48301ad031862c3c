//! All claimed evaluations reduce to one point ρ, at whose suffixes all committed polynomials are opened. One that the verifier
//! holds itself, public weights, it evaluates.
//!
//! Σ_i ηⁱ·valueᵢ = Σ_x Σ_f f(x)·w_f(x) over the polynomials f, where w_f sums ηⁱ·eq over the windows of the claims on
//! f. A polynomial in fewer variables is tied to zero on the leading ones. The last [`LOW_VARS`] variables are bound
//! first. The leading coordinates of ρ fold the first oracles of the opening, so at the higher target their challenges
//! follow proofs of work.

use crate::error::VerifyError;
use crate::evaluate::Checks;
use crate::layout::{Evaluation, Evaluations, count};
use crate::products::absent;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use ciro_pcs::{Opening, Params, verify_opening};
use ciro_relation::{Poly, Relation, Space, Window};
use ciro_sumcheck::{
    Reduced as Challenged, Work, eq, eq_bits, eq_ops, eq_table, suffix, table_ops, verify_hard_rounds,
};
use ciro_transcript::cost::{E_MUL, wide};
use ciro_transcript::{Digest, E, Reader, Transcript, meter};
use p3_field::PrimeCharacteristicRing;

/// How many of the last variables are bound before the first one. Then a prover sums over the leading variables in the
/// base field, once, and needs no table of w.
pub const LOW_VARS: usize = 8;

/// The point ρ, from the challenges in the order in which they were drawn.
#[must_use]
pub fn in_order(mut challenges: Vec<E>) -> Vec<E> {
    let low = LOW_VARS.min(challenges.len());
    challenges.rotate_left(low);
    challenges
}

/// The work in the rounds whose challenges fold a first oracle. These are the rounds of leading variables. They are all rounds if even
/// the last [`LOW_VARS`] are more than the oracles' columns have.
#[must_use]
pub fn round_work(vars: usize, params: &Params) -> Work {
    let common = count(params.common_vars());
    let low = LOW_VARS.min(vars);
    let first = if common < low { 0 } else { low };
    let folds = low.saturating_add(vars.saturating_sub(common));
    Work { label: "batch round work", bits: params.first_work(), rounds: first..folds }
}

/// Variables of the longest of some polynomials: rounds of a sumcheck about all of them.
#[must_use]
pub fn vars_max(spaces: &[Space]) -> usize {
    spaces.iter().map(|space| count(space.vars)).max().unwrap_or(0)
}

/// What the verifier has of a polynomial.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    /// The weights that its cells are.
    Weights(&'a [Vec<i32>]),
    /// A commitment.
    Committed(Digest),
}

/// What all claims were reduced to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduced {
    /// The point ρ.
    pub point: Vec<E>,
    /// The values at its suffixes of the polynomials that are committed, in order.
    pub values: Vec<E>,
}

/// Verifies the batch phase and the opening it leads to. `known` is about the relation's polynomials, in order.
///
/// # Errors
/// By the batch or by the opening, or if a claim is left that neither discharges.
pub fn verify<'a>(
    transcript: &mut Reader<'_>,
    relation: &'a Relation,
    params: &Params,
    known: &[Known<'a>],
    claims: Evaluations,
    checks: &mut Checks<'a>,
) -> Result<Reduced, VerifyError> {
    let claims = claims.into_committed().ok_or(VerifyError::Undischarged)?;
    reduce(transcript, &relation.spaces, params, known, claims, checks)
}

/// As [`verify`], for claims on some polynomials, which `known` and `params` are about.
///
/// # Errors
/// By the batch or by the opening.
pub fn reduce<'a>(
    transcript: &mut Reader<'_>,
    spaces: &[Space],
    params: &Params,
    known: &[Known<'a>],
    claims: Vec<Evaluation>,
    checks: &mut Checks<'a>,
) -> Result<Reduced, VerifyError> {
    let eta = transcript.challenge("eta");
    let sum = claims.iter().rev().fold(E::ZERO, |acc, c| acc * eta + c.value);
    let rounds = vars_max(spaces);
    let Challenged { point: challenges, claim } =
        verify_hard_rounds(transcript, "batch rounds", rounds, 2, sum, &round_work(rounds, params))?;
    let point = in_order(challenges);
    let roots = known.iter().filter_map(|known| match known {
        Known::Committed(root) => Some(*root),
        Known::Weights(_) => None,
    });
    let values = transcript.read_exts("opened values", roots.clone().count())?;
    let openings: Vec<Opening> = roots.zip(&values).map(|(root, &value)| Opening { root, value }).collect();
    let mut sent = values.clone().into_iter();
    let of = |known: &Known<'a>| match known {
        Known::Weights(weights) => Value::Weights(weights),
        Known::Committed(_) => Value::Sent(sent.next().unwrap_or(E::ZERO)),
    };
    let known: Vec<(Space, Value<'a>)> = spaces.iter().copied().zip(known.iter().map(of)).collect();
    let rho = point.clone();
    checks.add(move |evaluator| {
        let total = total(evaluator.relation(), &known, &claims, (eta, &rho));
        if total == claim { Ok(()) } else { Err(VerifyError::Batch) }
    })?;
    verify_opening(transcript, params, &openings, &point).map_err(VerifyError::Opening)?;
    Ok(Reduced { point, values })
}

/// The value of a polynomial at ρ.
enum Value<'a> {
    /// To be made of its weights.
    Weights(&'a [Vec<i32>]),
    /// As it was sent.
    Sent(E),
}

/// Σ over the polynomials of their values at ρ, each times the weight of the claims on it.
fn total(relation: &Relation, known: &[(Space, Value<'_>)], claims: &[Evaluation], (eta, rho): (E, &[E])) -> E {
    let powers: Vec<E> = eta.powers().take(claims.len()).collect();
    let mut total = E::ZERO;
    for (space, value) in known {
        let vars = count(space.vars);
        let own = suffix(rho, vars);
        let value = match value {
            Value::Weights(weights) => relation.evaluate_model(weights, own),
            Value::Sent(value) => *value,
        };
        total += value * absent(rho, vars) * claims_weight(claims, &powers, space.poly, own);
    }
    total
}

/// Σ ηⁱ·eq(window of claim i, ρ) over the claims on `poly`.
fn claims_weight(claims: &[Evaluation], powers: &[E], poly: Poly, rho: &[E]) -> E {
    let mut equals = Equals { rho, known: BTreeMap::new() };
    let own = claims.iter().zip(powers).filter(|(claim, _)| claim.window.poly == poly);
    own.map(|(claim, &power)| power * window_weight(claim, &mut equals)).sum()
}

/// eq of points with the last coordinates of ρ, each computed once: many claims are at the same point.
struct Equals<'a> {
    rho: &'a [E],
    known: BTreeMap<&'a [E], E>,
}

impl<'a> Equals<'a> {
    fn at(&mut self, point: &'a [E]) -> E {
        let rho = self.rho;
        *self.known.entry(point).or_insert_with(|| eq(point, suffix(rho, point.len())))
    }
}

/// Field operations of the weight of a claim on a window, which powers of η and the claims' sum are part of.
#[must_use]
pub fn window_ops(window: &Window, vars: usize) -> u64 {
    let high = count(window.high);
    let tables = table_ops(high).saturating_mul(2);
    // Two products a block, and at most two places for the bits that the table leaves.
    let blocks = wide(window.blocks.len()).saturating_mul(2 * E_MUL);
    let around = wide(vars.saturating_add(8)).saturating_mul(2 * E_MUL);
    tables.saturating_add(blocks).saturating_add(around).saturating_add(eq_ops(vars))
}

/// Σ over the claim's blocks of eq(cell of the window, ρ)·eq(cell of the column, point).
fn window_weight<'a>(claim: &'a Evaluation, equals: &mut Equals<'a>) -> E {
    meter::field(wide(claim.window.blocks.len()).saturating_mul(2 * E_MUL).saturating_add(4 * E_MUL));
    let rho = equals.rho;
    let high = count(claim.window.high).min(claim.point.len());
    let (choice, point) = claim.point.split_at(high);
    let (place, _) = rho.split_at(rho.len().saturating_sub(point.len()));
    let log_block = u32::try_from(point.len()).unwrap_or(u32::MAX);
    let first = claim.window.offset.checked_shr(log_block).unwrap_or(0);
    // Blocks are neighbours: the last bits of their places from a table, the others, of which there are two cases, one by one.
    let (ahead, near) = place.split_at(place.len().saturating_sub(high));
    let (choices, places) = (eq_table(choice, E::ONE), eq_table(near, E::ONE));
    let mut chosen = E::ZERO;
    let mut run = (usize::MAX, E::ZERO);
    for (at, &block) in (first..).zip(&claim.window.blocks) {
        let case = at.checked_shr(claim.window.high).unwrap_or(0);
        if run.0 != case {
            run = (case, eq_bits(case, ahead));
        }
        let index = at.checked_rem(places.len()).unwrap_or(0);
        let entry = |table: &[E], i: usize| table.get(i).copied().unwrap_or(E::ZERO);
        chosen += run.1 * entry(&places, index) * entry(&choices, block);
    }
    chosen * equals.at(point)
}
