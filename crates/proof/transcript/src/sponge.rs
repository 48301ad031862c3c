//! The hash chain under both sides of the transcript.

use crate::cost::{Cost, wide};
use crate::field::{E, E_BYTES, E_DEGREE, F, base_from_bytes};
use crate::meter;
use alloc::vec::Vec;
use blake2::{Blake2s256, Digest as _};
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};

/// A Blake2s-256 digest.
pub type Digest = [u8; 32];

/// The hash chain. State is one digest. Every step hashes the state, a step kind, a label and its length, and the data and its length. So
/// no two sequences of steps feed the same bytes.
#[derive(Clone)]
pub struct Sponge {
    state: Digest,
}

/// A length as it is hashed.
fn length(bytes: &[u8]) -> [u8; 8] {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes()
}

const ABSORB: u8 = 0;
const CHALLENGE: u8 = 1;
const GRIND: u8 = 2;

/// Bytes of a step besides its label and its data: state, kind and two lengths.
const STEP_BYTES: usize = 32 + 1 + 8 + 8;

/// The longest label, for costs.
const LABEL_BYTES: usize = 24;

/// Draws of eight words that a challenge takes, five of which have to be below p: a second one in one challenge of four million.
const DRAWS: u64 = 2;

/// Absorbing a message of so many bytes.
#[must_use]
pub fn absorb_cost(bytes: usize) -> Cost {
    Cost::hash(wide(STEP_BYTES.saturating_add(LABEL_BYTES).saturating_add(bytes)))
}

/// Drawing a challenge.
#[must_use]
pub fn challenge_cost() -> Cost {
    absorb_cost(0).times(2).times(DRAWS)
}

/// Drawing so many query positions, eight at a time.
#[must_use]
pub fn positions_cost(count: usize) -> Cost {
    absorb_cost(0).times(2).times(wide(count.div_ceil(8)))
}

/// Bytes of [`Sponge::work_message`]: state, kind, two lengths and the nonce.
pub const WORK_MESSAGE_BYTES: usize = 32 + 1 + 8 + 8 + 8;

impl Sponge {
    /// A fresh chain for `protocol` (name and version).
    #[must_use]
    pub fn new(protocol: &str) -> Self {
        let mut sponge = Self { state: [0; 32] };
        sponge.absorb("protocol", protocol.as_bytes());
        sponge
    }

    fn step(&self, kind: u8, label: &str, data: &[u8]) -> Digest {
        meter::hash(wide(STEP_BYTES.saturating_add(label.len()).saturating_add(data.len())));
        let mut hash = Blake2s256::new();
        hash.update(self.state);
        hash.update([kind]);
        hash.update(length(label.as_bytes()));
        hash.update(label.as_bytes());
        hash.update(length(data));
        hash.update(data);
        hash.finalize().into()
    }

    /// Absorbs labelled bytes.
    pub fn absorb(&mut self, label: &str, data: &[u8]) {
        self.state = self.step(ABSORB, label, data);
    }

    fn squeeze(&mut self, label: &str) -> Digest {
        self.state = self.step(CHALLENGE, label, &[]);
        // What leaves the chain is a second hash, so an output never equals a state.
        self.step(CHALLENGE, "out", &[])
    }

    /// A uniform element of E: 31-bit words, those of p or more rejected.
    pub fn challenge(&mut self, label: &str) -> E {
        let mut accepted = [F::ZERO; E_DEGREE];
        let mut slots = accepted.iter_mut();
        while slots.len() > 0 {
            let block = self.squeeze(label);
            let words = block.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word) & 0x7fff_ffff);
            let elements = words.filter_map(|word| base_from_bytes(word.to_le_bytes()));
            // An element without a slot is dropped; a slot would be lost the other way round.
            elements.zip(slots.by_ref()).for_each(|(element, slot)| *slot = element);
        }
        E::from_basis_coefficients_fn(|i| accepted.get(i).copied().unwrap_or(F::ZERO))
    }

    /// `count` uniform positions below 2^`bits`, repetitions allowed. `bits` ≤ 32.
    pub fn positions(&mut self, label: &str, count: usize, bits: u32) -> Vec<u32> {
        let mask = 1u32.checked_shl(bits).map_or(u32::MAX, |end| end.saturating_sub(1));
        let mut positions = Vec::with_capacity(count);
        while positions.len() < count {
            let block = self.squeeze(label);
            let words = block.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w) & mask);
            positions.extend(words.take(count.saturating_sub(positions.len())));
        }
        positions
    }

    /// What is hashed to check `nonce`: one block, for provers that hash many at once. The nonce is the last eight bytes.
    #[must_use]
    pub fn work_message(&self, nonce: u64) -> [u8; WORK_MESSAGE_BYTES] {
        let mut message = [0; WORK_MESSAGE_BYTES];
        let parts = [&self.state[..], &[GRIND], &0u64.to_le_bytes(), &8u64.to_le_bytes(), &nonce.to_le_bytes()];
        for (byte, part) in message.iter_mut().zip(parts.into_iter().flatten()) {
            *byte = *part;
        }
        message
    }

    /// Whether `nonce` has `bits` of proof of work for the current state.
    #[must_use]
    pub fn grinds(&self, nonce: u64, bits: u32) -> bool {
        let digest = self.step(GRIND, "", &nonce.to_le_bytes());
        let (head, _) = digest.split_at(8);
        let word = head.try_into().map_or(0, u64::from_le_bytes);
        word.trailing_zeros() >= bits
    }
}

/// What both sides of the transcript can do: absorb what both already know, and draw challenges.
pub trait Transcript {
    /// The chain.
    fn sponge(&mut self) -> &mut Sponge;

    /// Absorbs bytes known to both sides (statement, shapes).
    fn absorb(&mut self, label: &'static str, data: &[u8]) {
        self.sponge().absorb(label, data);
    }

    /// A challenge.
    fn challenge(&mut self, label: &'static str) -> E {
        self.sponge().challenge(label)
    }

    /// `count` challenges.
    fn challenges(&mut self, label: &'static str, count: usize) -> Vec<E> {
        (0..count).map(|_| self.challenge(label)).collect()
    }

    /// Query positions.
    fn positions(&mut self, label: &'static str, count: usize, bits: u32) -> Vec<u32> {
        self.sponge().positions(label, count, bits)
    }
}

/// Concatenated canonical bytes of extension elements.
pub(crate) fn exts_to_bytes(xs: &[E]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(xs.len().saturating_mul(E_BYTES));
    for x in xs {
        bytes.extend_from_slice(&crate::field::ext_to_bytes(*x));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_data_and_order_all_change_the_challenge() {
        let run = |steps: &[(&str, &[u8])]| {
            let mut s = Sponge::new("t");
            for (label, data) in steps {
                s.absorb(label, data);
            }
            s.challenge("c")
        };
        let base = run(&[("a", b"1"), ("b", b"2")]);
        assert_eq!(base, run(&[("a", b"1"), ("b", b"2")]));
        assert_ne!(base, run(&[("b", b"2"), ("a", b"1")]));
        assert_ne!(base, run(&[("a", b"12"), ("b", b"")]));
        assert_ne!(base, run(&[("a", b"1"), ("c", b"2")]));
    }

    #[test]
    fn the_work_message_is_what_grinds_hashes() {
        let mut s = Sponge::new("t");
        s.absorb("a", b"1");
        for nonce in [0, 1, 77, u64::MAX] {
            let digest: Digest = Blake2s256::digest(s.work_message(nonce)).into();
            assert_eq!(digest, s.step(GRIND, "", &nonce.to_le_bytes()));
        }
    }

    #[test]
    fn positions_stay_below_the_bound_and_differ_by_draw() {
        let mut s = Sponge::new("t");
        let first = s.positions("q", 100, 5);
        assert!(first.len() == 100 && first.iter().all(|p| *p < 32));
        assert_ne!(first, s.positions("q", 100, 5));
    }
}
