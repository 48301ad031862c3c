//! The one source of chance.

use ciro_crypto::Hasher;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A stream of draws, the same on every machine.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// The stream `label` of `seed`. Streams are independent: a draw more in one changes nothing in another.
    #[must_use]
    pub fn new(seed: u64, label: &str) -> Self {
        let mut hasher = Hasher::new("ciro/sim/rng/v1");
        hasher.update(&seed.to_le_bytes()).update(label.as_bytes());
        Self(ChaCha8Rng::from_seed(hasher.finish().0))
    }

    /// Uniform in `low..=high`, up to a bias that no run can see.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.next_u64() % (high - low + 1)
    }

    /// True in `percent` of 100 draws.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.between(0, 99) < percent
    }

    /// An index below `len`, which is not zero.
    pub fn index(&mut self, len: usize) -> usize {
        self.between(0, len as u64 - 1) as usize
    }
}
