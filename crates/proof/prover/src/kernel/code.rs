//! Reed-Solomon codewords.
//!
//! A message of 2ᵐ coefficients is evaluated on the subgroup of order N = 2ⁿ. With N = R·L and ω of order N, position j
//! = k·L + s is the point ωˢ·(ω^L)ᵏ. So lane s of one vectorised transform of size R holds the coset of ωˢ. Its
//! coefficients are those of the message modulo X^R − ω^(sR), each times ω^(sy). No zero is ever transformed, results
//! come out in order, and L values lie side by side at every step.

use ciro_transcript::F;
use p3_field::{Field, PackedValue, PrimeCharacteristicRing, PrimeField32, TwoAdicField};

type P = <F as Field>::Packing;

/// log₂ of the fewest cosets done at once: the widest packing has as many lanes.
const LOG_LANES_MIN: u32 = 4;

const _: () = assert!(P::WIDTH <= 1 << LOG_LANES_MIN);

/// What all columns of a codeword share.
pub struct Code {
    log_rows: u32,
    /// Packed values per row, L of them lanes.
    packs: usize,
    /// ω^(sR) for each lane s.
    step: Vec<F>,
    /// c·ω^(sy), row y, lane s. See [`word`] for c.
    shifts: Vec<F>,
    /// For each log₂ size of a transform, the powers of its root: half as many.
    twiddles: Vec<Vec<F>>,
}

/// The canonical integer of a value that [`Code::encode`] wrote. Codewords are hashed as canonical integers, so that is how they are
/// kept. Each is multiplied by the constant c that makes the representation of c·x the canonical integer x.
#[must_use]
#[inline(always)]
pub fn word(encoded: F) -> u32 {
    encoded.to_unique_u32()
}

fn word_factor() -> F {
    F::from_u32(F::ONE.to_unique_u32()).inverse()
}

impl Code {
    /// The code of 2^`vars` coefficients at inverse rate 2^`log_inv_rate`.
    ///
    /// # Panics
    /// If the code is shorter than 16 or the message than 16 / 2^`log_inv_rate`.
    #[must_use]
    pub fn new(vars: u32, log_inv_rate: u32) -> Self {
        let log_lanes = log_inv_rate.max(LOG_LANES_MIN);
        let log_rows = (vars + log_inv_rate).checked_sub(log_lanes).expect("codes have at least 16 positions");
        assert!(log_rows <= vars, "expected at least {} coefficients, got 2^{vars}", 1 << (log_lanes - log_inv_rate));
        let (rows, lanes) = (1usize << log_rows, 1usize << log_lanes);
        let root = F::two_adic_generator((vars + log_inv_rate) as usize);
        let first = root.powers().collect_n(lanes);
        let step = root.exp_power_of_2(log_rows as usize).powers().collect_n(lanes);
        let mut shifts = vec![word_factor(); rows * lanes];
        for y in 1..rows {
            let (done, rest) = shifts.split_at_mut(y * lanes);
            let before = P::pack_slice(&done[(y - 1) * lanes..]);
            let next = P::pack_slice_mut(&mut rest[..lanes]);
            for ((n, &b), &f) in next.iter_mut().zip(before).zip(P::pack_slice(&first)) {
                *n = b * f;
            }
        }
        let powers = |log: u32| F::two_adic_generator(log as usize).powers().collect_n((1 << log) / 2);
        Self { log_rows, packs: lanes / P::WIDTH, step, shifts, twiddles: (0..=log_rows).map(powers).collect() }
    }

    /// Writes the codeword of `message`, to be read by [`word`].
    pub fn encode(&self, message: &[F], code: &mut [F]) {
        let code = P::pack_slice_mut(code);
        let (shifts, step) = (P::pack_slice(&self.shifts), P::pack_slice(&self.step));
        let rows = 1usize << self.log_rows;
        for (y, shifts) in shifts.chunks_exact(self.packs).enumerate() {
            let at = reverse(y, self.log_rows) * self.packs;
            for ((code, &shift), &step) in code[at..at + self.packs].iter_mut().zip(shifts).zip(step) {
                let coefficients = message[y..].iter().step_by(rows).rev();
                *code = coefficients.fold(P::ZERO, |acc, &c| acc * step + P::broadcast(c)) * shift;
            }
        }
        self.transform(code, self.log_rows);
    }

    /// The transform of 2^`log` rows in bit-reversed order, depth first, so that small transforms stay in the nearest cache.
    fn transform(&self, rows: &mut [P], log: u32) {
        match log {
            0 => {}
            1 => {
                let (low, high) = rows.split_at_mut(self.packs);
                for (a, b) in low.iter_mut().zip(high) {
                    (*a, *b) = (*a + *b, *a - *b);
                }
            }
            _ => {
                let quarter = rows.len() / 4;
                for part in rows.chunks_exact_mut(quarter) {
                    self.transform(part, log - 2);
                }
                self.combine(rows, log);
            }
        }
    }

    /// Two layers of butterflies in one pass.
    fn combine(&self, rows: &mut [P], log: u32) {
        let (inner, outer) = (&self.twiddles[log as usize - 1], &self.twiddles[log as usize]);
        let (low, high) = rows.split_at_mut(rows.len() / 2);
        let (a, b) = low.split_at_mut(low.len() / 2);
        let (c, d) = high.split_at_mut(high.len() / 2);
        let count = 1usize << (log - 2);
        let rows = a.chunks_exact_mut(self.packs).zip(b.chunks_exact_mut(self.packs));
        let rows = rows.zip(c.chunks_exact_mut(self.packs).zip(d.chunks_exact_mut(self.packs)));
        for (i, ((a, b), (c, d))) in rows.enumerate() {
            let [w, v, u] = [inner[i], outer[i], outer[i + count]].map(P::from);
            for ((a, b), (c, d)) in a.iter_mut().zip(b).zip(c.iter_mut().zip(d)) {
                // Row 0 has trivial factors but for u: a branch that every transform of four rows takes.
                let (wb, wd) = if i == 0 { (*b, *d) } else { (*b * w, *d * w) };
                let (even, even_high, odd, odd_high) = (*a + wb, *a - wb, *c + wd, *c - wd);
                let odd = if i == 0 { odd } else { odd * v };
                let odd_high = odd_high * u;
                (*a, *c) = (even + odd, even - odd);
                (*b, *d) = (even_high + odd_high, even_high - odd_high);
            }
        }
    }
}

fn reverse(index: usize, bits: u32) -> usize {
    if bits == 0 { 0 } else { index.reverse_bits() >> (usize::BITS - bits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codeword_holds_the_message_at_the_powers_of_the_root() {
        for (vars, rate) in [(2, 2), (3, 4), (4, 2), (6, 4), (7, 4), (8, 7), (9, 2), (2, 10)] {
            let message: Vec<F> = (0..1u32 << vars).map(|i| F::from_u32(i * i + 7)).collect();
            let mut code = F::zero_vec(1 << (vars + rate));
            Code::new(vars, rate).encode(&message, &mut code);
            let root = F::two_adic_generator((vars + rate) as usize);
            for (&value, x) in code.iter().zip(root.powers()) {
                let expected = message.iter().rev().fold(F::ZERO, |acc, &c| acc * x + c);
                assert_eq!(word(value), expected.as_canonical_u32(), "{vars} {rate}");
            }
        }
    }
}
