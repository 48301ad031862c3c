//! Reproducible damage to bytes.

/// Damages bytes, always alike for one seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Damage(u64);

/// Integers at which lengths, counts and intervals break.
const EDGES: [u64; 8] = [0, 1, 0x7f, 0x80, 0xffff, 0x7f00_0001, 0xffff_ffff, u64::MAX];

impl Damage {
    /// Begins at `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % (bound.max(1) as u64)) as usize
    }

    /// One to four changes; `other` is what parts may be taken from.
    #[must_use]
    pub fn apply(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, other);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        let len = 1 + self.below(16);
        let end = (at + len).min(bytes.len());
        match self.below(8) {
            0..=2 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            3 if at < bytes.len() => bytes[at] = self.next() as u8,
            4 => {
                let edge = EDGES[self.below(EDGES.len())].to_le_bytes();
                let width = [1, 2, 4, 8][self.below(4)];
                bytes.iter_mut().skip(at).zip(&edge[..width]).for_each(|(byte, &edge)| *byte = edge);
            }
            5 => drop(bytes.splice(at..end, [])),
            6 => {
                let from = self.below(other.len());
                let part = other.iter().skip(from).take(len).copied();
                drop(bytes.splice(at..at, part));
            }
            _ => bytes.truncate(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_the_same_for_one_seed_and_differs_between_seeds() {
        let bytes: Vec<u8> = (0..200).collect();
        let damaged = |seed| Damage::new(seed).apply(&bytes, &bytes);
        assert_eq!(damaged(1), damaged(1));
        assert!((0..50).filter(|&seed| damaged(seed) != bytes).count() >= 45);
        assert!(Damage::new(3).apply(&[], &[]).is_empty());
    }
}
