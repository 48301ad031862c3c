//! Salts of leaves: what keeps a digest from confirming a guess of the row that it is of.
//!
//! A leaf's salt is Blake2s of a seed and the leaf's number. So whoever is given the seed can make the whole commitment
//! anew, and whoever is shown some salts learns nothing of the others.

use crate::kernel::blake::{BLOCK_WORDS, LANES, State, compress, lane, start};
use ciro_transcript::Digest;
use wide::u32x8;

/// Bytes that are hashed for one salt: seed and number.
const MESSAGE_BYTES: u32 = 36;

/// The salts of a codeword's rows.
pub struct Salts(Vec<State>);

impl Salts {
    /// Those of `rows` leaves, a multiple of [`LANES`].
    #[must_use]
    pub fn new(seed: &Digest, rows: usize) -> Self {
        let mut block = [u32x8::ZERO; BLOCK_WORDS];
        for (word, bytes) in block.iter_mut().zip(seed.as_chunks::<4>().0) {
            *word = u32x8::splat(u32::from_le_bytes(*bytes));
        }
        let group = |first: usize| {
            let mut block = block;
            block[8] = u32x8::new(std::array::from_fn(|l| (first + l) as u32));
            let mut state = start();
            compress(&mut state, &block, MESSAGE_BYTES, true);
            state
        };
        Self((0..rows).step_by(LANES).map(group).collect())
    }

    /// The words of the salts from `row` on, a multiple of [`LANES`].
    #[must_use]
    pub fn words(&self, row: usize) -> &State {
        &self.0[row / LANES]
    }

    /// The salt of one row.
    #[must_use]
    pub fn of(&self, row: usize) -> Digest {
        lane(&self.0[row / LANES], row % LANES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_pcs::leaf_digest;

    #[test]
    fn a_salt_is_the_hash_of_seed_and_number() {
        let seed = std::array::from_fn(|i| 7 * i as u8);
        let salts = Salts::new(&seed, 24);
        for row in 0..24u32 {
            assert_eq!(salts.of(row as usize), leaf_digest(&[&seed[..], &row.to_le_bytes()].concat()));
        }
    }
}
