//! The verifier of a joined opening. The module doc of the crate is the protocol; the names here are its names.

use crate::cost::POINT_OPS;
use crate::merkle::{base_leaf_bytes, ext_leaf_bytes, leaf_digest, read_root};
use crate::params::{Params, Round};
use alloc::vec::Vec;
use ciro_sumcheck::{Work, eq, eq_table, evaluate, powers_point, suffix, verify_hard_rounds};
use ciro_transcript::cost::{E_MUL, F_MUL, wide};
use ciro_transcript::{Digest, E, F, ReadError, Reader, Transcript, meter};
use core::ops::Mul;
use p3_field::{PrimeCharacteristicRing, TwoAdicField};

/// Why an opening was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PcsError {
    /// The bytes could not be read.
    #[error("opening: {0}")]
    Read(#[from] ReadError),
    /// Opened rows do not hash to the committed root.
    #[error("opening: rows of oracle {oracle} do not hash to its root")]
    Root {
        /// Which oracle: first ones in order, then the tail.
        oracle: usize,
    },
    /// The final polynomial contradicts the queries.
    #[error("opening: the final polynomial contradicts query {query}")]
    FinalQuery {
        /// Which query.
        query: usize,
    },
    /// The final polynomial contradicts the claims.
    #[error("opening: the final polynomial contradicts the claimed evaluations")]
    FinalClaim,
}

/// One polynomial of a joined opening.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Root of its codeword's tree.
    pub root: Digest,
    /// Its value at the last n coordinates of the point.
    pub value: E,
}

/// A weighted sum over the cube of the current polynomial g: Σ_b g(b)·w(b), w a sum of products over coordinates.
struct Claims {
    /// (coefficient, point): eq-weights.
    eqs: Vec<(E, Vec<E>)>,
    /// (coefficient, point): power-weights, Π over bits that are one.
    powers: Vec<(E, Vec<E>)>,
    /// What the sum must be.
    sum: E,
}

impl Claims {
    /// Replaces the first variables by `bound`: coefficients absorb them.
    fn bind(&mut self, bound: &[E]) {
        for (c, point) in &mut self.eqs {
            *c *= eq(point, bound);
            *point = point.split_off(bound.len().min(point.len()));
        }
        for (c, point) in &mut self.powers {
            *c *= power_weight(point, bound);
            *point = point.split_off(bound.len().min(point.len()));
        }
    }

    /// Adds a batched claim g(pow(x)) = value.
    fn add_power(&mut self, scale: E, x: E, vars: usize, value: E) {
        self.powers.push((scale, powers_point(x, vars)));
        self.sum += scale * value;
    }

    /// The sum that `g` (a full table) actually has.
    fn evaluate(&self, g: &[E]) -> E {
        let eqs = self.eqs.iter().fold(E::ZERO, |acc, (c, point)| acc + *c * evaluate(g, point));
        self.powers
            .iter()
            .fold(eqs, |acc, (c, point)| acc + *c * dot_powers(g, point.last().copied().unwrap_or(E::ZERO)))
    }
}

/// Π (1 − rᵢ + rᵢ·pᵢ): the power-weight's extension at r.
fn power_weight(point: &[E], r: &[E]) -> E {
    meter::field(wide(point.len().min(r.len())).saturating_mul(2 * E_MUL));
    point.iter().zip(r).fold(E::ONE, |acc, (&p, &r)| acc * (E::ONE - r + r * p))
}

/// What an element of E is multiplied by.
trait Factor: Copy {
    /// Field operations of a product.
    const OPS: u64;
}

impl Factor for E {
    const OPS: u64 = E_MUL;
}

impl Factor for F {
    const OPS: u64 = F_MUL;
}

/// Σ g[i]·xⁱ by Horner, at a point of either field. At one of the base field, as queries are, products take a fifth of the work.
fn dot_powers<X: Factor>(g: &[E], x: X) -> E
where
    E: Mul<X, Output = E>,
{
    meter::field(wide(g.len()).saturating_mul(X::OPS));
    g.iter().rev().fold(E::ZERO, |acc, &v| acc * x + v)
}

/// Distinct query positions in ascending order.
fn distinct(mut positions: Vec<u32>) -> Vec<u32> {
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// ω^position on the domain of 2^`log_size` points.
fn domain_point(log_size: u32, position: u32) -> F {
    meter::field(POINT_OPS);
    let generator = F::two_adic_generator(usize::try_from(log_size).unwrap_or(0).min(F::TWO_ADICITY));
    generator.exp_u64(u64::from(position))
}

/// A queried oracle: its rows combined to values of the folded codeword.
struct Folded {
    /// (point of the domain, value), in ascending order of position.
    values: Vec<(F, E)>,
}

/// Reads the rows of base-field oracles at `positions`, checks them against the roots and folds and joins them.
fn read_first(
    transcript: &mut Reader<'_>,
    openings: &[Opening],
    params: &Params,
    weights: &[Vec<E>],
    positions: &[u32],
) -> Result<Folded, PcsError> {
    let log_leaves = params.first.first().map_or(0, Round::log_leaves);
    let mut values: Vec<(F, E)> = positions.iter().map(|&p| (domain_point(log_leaves, p), E::ZERO)).collect();
    for (oracle, ((opening, round), weights)) in openings.iter().zip(&params.first).zip(weights).enumerate() {
        let width = round.columns.max(1);
        let cells = transcript.read_opened_bases("rows", width.saturating_mul(positions.len()))?;
        let salts =
            if round.is_salted { transcript.read_opened_digests("salts", positions.len())? } else { Vec::new() };
        let mut salts = salts.iter();
        let mut leaves = Vec::with_capacity(positions.len());
        for ((row, &position), (_, value)) in cells.chunks_exact(width).zip(positions).zip(&mut values) {
            meter::field(wide(width).saturating_mul(F_MUL));
            let mut leaf = base_leaf_bytes(row);
            leaf.extend(salts.next().into_iter().flatten());
            leaves.push((position, leaf_digest(&leaf)));
            *value += row.iter().zip(weights).fold(E::ZERO, |acc, (&x, &w)| acc + w * x);
        }
        let root = read_root(transcript, "paths", leaves, round.log_leaves())?;
        if root != Some(opening.root) {
            return Err(PcsError::Root { oracle });
        }
    }
    Ok(Folded { values })
}

fn read_tail(
    transcript: &mut Reader<'_>,
    root: &Digest,
    round: &Round,
    oracle: usize,
    weights: &[E],
    positions: &[u32],
) -> Result<Folded, PcsError> {
    let width = round.columns.max(1);
    let cells = transcript.read_opened_exts("rows", width.saturating_mul(positions.len()))?;
    let mut leaves = Vec::with_capacity(positions.len());
    let mut values = Vec::with_capacity(positions.len());
    for (row, &position) in cells.chunks_exact(width).zip(positions) {
        meter::field(wide(width).saturating_mul(E_MUL));
        leaves.push((position, leaf_digest(&ext_leaf_bytes(row))));
        let folded = row.iter().zip(weights).fold(E::ZERO, |acc, (&x, &w)| acc + w * x);
        values.push((domain_point(round.log_leaves(), position), folded));
    }
    if read_root(transcript, "paths", leaves, round.log_leaves())? != Some(*root) {
        return Err(PcsError::Root { oracle });
    }
    Ok(Folded { values })
}

/// Which oracle the next queries go to.
enum Oracle<'a> {
    First,
    Tail { root: Digest, round: &'a Round, index: usize },
}

/// Verifies that each polynomial has its claimed value at the last nᵢ coordinates of `point`.
///
/// # Errors
/// [`PcsError`] names what contradicts what.
pub fn verify_opening(
    transcript: &mut Reader<'_>,
    params: &Params,
    openings: &[Opening],
    point: &[E],
) -> Result<(), PcsError> {
    let common = usize::try_from(params.common_vars()).unwrap_or(0);
    transcript.check_work("join work", params.first_work())?;
    let lambda = transcript.challenge("join");
    let mut claims = Claims { eqs: Vec::new(), powers: Vec::new(), sum: E::ZERO };
    let mut weights = Vec::with_capacity(openings.len());
    let mut scale = E::ONE;
    for (opening, round) in openings.iter().zip(&params.first) {
        let own = suffix(point, common.saturating_add(usize::try_from(round.fold).unwrap_or(0)));
        let (fold, _) = own.split_at(own.len().saturating_sub(common));
        weights.push(eq_table(fold, scale));
        claims.sum += scale * opening.value;
        scale *= lambda;
    }
    claims.eqs.push((E::ONE, suffix(point, common).to_vec()));

    let mut oracle = Oracle::First;
    let mut fold_weights: Vec<E> = Vec::new();
    for (i, round) in params.tail.iter().enumerate() {
        let vars = usize::try_from(round.vars.saturating_add(round.fold)).unwrap_or(0);
        let root = transcript.read_digest("tail root")?;
        let samples = transcript.challenges("out-of-domain", params.samples(round));
        let answers = transcript.read_exts("out-of-domain", samples.len())?;
        let folded = query(transcript, &oracle, openings, params, &weights, &fold_weights)?;
        transcript.check_work("claims work", params.batch_work(i))?;
        let gamma = transcript.challenge("batch");
        let mut scale = E::ONE;
        let queried = folded.values.into_iter().map(|(x, value)| (E::from(x), value));
        for (x, value) in samples.into_iter().zip(answers).chain(queried) {
            scale *= gamma;
            claims.add_power(scale, x, vars, value);
        }
        let rounds = usize::try_from(round.fold).unwrap_or(0);
        let work = Work { label: "fold work", bits: params.fold_work(round), rounds: 0..rounds };
        let reduced = verify_hard_rounds(transcript, "fold", rounds, 2, claims.sum, &work)?;
        claims.sum = reduced.claim;
        claims.bind(&reduced.point);
        fold_weights = eq_table(&reduced.point, E::ONE);
        oracle = Oracle::Tail { root, round, index: openings.len().saturating_add(i) };
    }

    let size = 1usize.checked_shl(params.final_vars()).unwrap_or(0);
    let g = transcript.read_exts("final polynomial", size)?;
    let folded = query(transcript, &oracle, openings, params, &weights, &fold_weights)?;
    for (query, (x, value)) in folded.values.into_iter().enumerate() {
        if dot_powers(&g, x) != value {
            return Err(PcsError::FinalQuery { query });
        }
    }
    if claims.evaluate(&g) != claims.sum {
        return Err(PcsError::FinalClaim);
    }
    Ok(())
}

/// Checks the proof of work, draws the positions of `oracle` and reads it there.
fn query(
    transcript: &mut Reader<'_>,
    oracle: &Oracle<'_>,
    openings: &[Opening],
    params: &Params,
    weights: &[Vec<E>],
    fold_weights: &[E],
) -> Result<Folded, PcsError> {
    transcript.check_work("work", params.work_bits)?;
    match oracle {
        Oracle::First => {
            let Some(round) = params.first.first() else { return Ok(Folded { values: Vec::new() }) };
            let positions = distinct(transcript.positions("queries", round.queries, round.log_leaves()));
            read_first(transcript, openings, params, weights, &positions)
        }
        Oracle::Tail { root, round, index } => {
            let positions = distinct(transcript.positions("queries", round.queries, round.log_leaves()));
            read_tail(transcript, root, round, *index, fold_weights, &positions)
        }
    }
}
