//! The verifier's rounds of one sumcheck.
//!
//! A round polynomial h of degree d travels as h(0), h(2), …, h(d). h(1) = claim − h(0) is implied. So the sum
//! condition holds by construction, and the check lies in the evaluation at the end.

use alloc::vec::Vec;
use ciro_transcript::cost::{Cost, E_MUL, wide};
use ciro_transcript::field::E_BYTES;
use ciro_transcript::sponge::{absorb_cost, challenge_cost};
use ciro_transcript::{E, F, ReadError, Reader, Transcript, meter};
use core::ops::Range;
use p3_field::{Field, PrimeCharacteristicRing};

/// A sumcheck after its last round: the claim that is left, and the point it is about. The caller must discharge it.
#[must_use]
#[derive(Clone, Debug)]
pub struct Reduced {
    /// One coordinate per round, first variable first.
    pub point: Vec<E>,
    /// What the summand must be at `point`.
    pub claim: E,
}

/// Proof of work in a sumcheck, between a round's message and its challenge.
#[derive(Clone, Debug)]
pub struct Work {
    /// Label of the nonces.
    pub label: &'static str,
    /// Bits of each.
    pub bits: u32,
    /// Which rounds take it.
    pub rounds: Range<usize>,
}

impl Work {
    /// None in any round.
    pub const NONE: Self = Self { label: "", bits: 0, rounds: 0..0 };

    /// Bits before the challenge of round number `round`.
    #[must_use]
    pub fn before(&self, round: usize) -> u32 {
        if self.rounds.contains(&round) { self.bits } else { 0 }
    }
}

/// Checks `rounds` rounds of a sumcheck of degree `degree` ≥ 1 for `claim`.
///
/// # Errors
/// If the proof ends or an element is not canonical.
pub fn verify_rounds(
    transcript: &mut Reader<'_>,
    label: &'static str,
    rounds: usize,
    degree: usize,
    claim: E,
) -> Result<Reduced, ReadError> {
    verify_hard_rounds(transcript, label, rounds, degree, claim, &Work::NONE)
}

/// As [`verify_rounds`], with proofs of work before the challenges of some rounds.
///
/// # Errors
/// As [`verify_rounds`], and if a proof of work is not there.
pub fn verify_hard_rounds(
    transcript: &mut Reader<'_>,
    label: &'static str,
    rounds: usize,
    degree: usize,
    claim: E,
    work: &Work,
) -> Result<Reduced, ReadError> {
    let mut point = Vec::with_capacity(rounds);
    let mut claim = claim;
    for round in 0..rounds {
        let sent = transcript.read_exts(label, degree)?;
        transcript.check_work(work.label, work.before(round))?;
        let r = transcript.challenge(label);
        claim = interpolate(&sent, claim, r);
        point.push(r);
    }
    Ok(Reduced { point, claim })
}

/// Field operations of an inverse in F: squarings and products by the bits of p − 2.
const INVERSE_OPS: u64 = 64;

/// Field operations of [`interpolate`] for a polynomial of this degree.
fn interpolate_ops(degree: usize) -> u64 {
    let nodes = wide(degree).saturating_add(1);
    let node = nodes.saturating_mul(E_MUL).saturating_add(INVERSE_OPS + 2 * E_MUL);
    nodes.saturating_mul(node)
}

/// Checking `rounds` rounds of degree `degree`, without proofs of work.
#[must_use]
pub fn rounds_cost(rounds: usize, degree: usize) -> Cost {
    let message = absorb_cost(degree.saturating_mul(E_BYTES));
    let point = Cost::memory(wide(rounds.saturating_mul(E_BYTES)));
    message.and(challenge_cost()).and(Cost::field(interpolate_ops(degree))).times(wide(rounds)).and(point)
}

/// h(r), for h given by `sent` = h(0), h(2), …, h(d) and h(0) + h(1) = `claim`.
pub fn interpolate(sent: &[E], claim: E, r: E) -> E {
    meter::field(interpolate_ops(sent.len()));
    let Some((&h0, rest)) = sent.split_first() else { return E::ZERO };
    let mut values = Vec::with_capacity(sent.len().saturating_add(1));
    values.push(h0);
    values.push(claim - h0);
    values.extend_from_slice(rest);
    lagrange(&values, r)
}

/// The value at `r` of the polynomial through (0, v₀), (1, v₁), ….
fn lagrange(values: &[E], r: E) -> E {
    let mut sum = E::ZERO;
    for (i, &v) in values.iter().enumerate() {
        let (mut numerator, mut denominator) = (E::ONE, F::ONE);
        for j in (0..values.len()).filter(|&j| j != i) {
            let (node, other) = (F::from_usize(i), F::from_usize(j));
            numerator *= r - other;
            denominator *= node - other;
        }
        // Nodes are distinct small integers, so the inverse exists.
        sum += v * numerator * denominator.try_inverse().unwrap_or(F::ZERO);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_reproduces_a_cubic() {
        let h = |x: E| x * x * x * E::from_u32(3) + x * E::from_u32(5) + E::from_u32(7);
        let sent = [h(E::ZERO), h(E::TWO), h(E::from_u32(3))];
        let claim = h(E::ZERO) + h(E::ONE);
        let r = E::from_u32(123_456);
        assert_eq!(interpolate(&sent, claim, r), h(r));
    }
}
