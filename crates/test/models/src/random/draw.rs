//! Reproducible choices.

/// A source of choices: the same ones for the same seed (xorshift64*).
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// The choices of a seed. Neighbouring seeds have nothing in common.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut draw = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        // The first states of similar seeds are similar.
        for _ in 0..9 {
            draw.bits();
        }
        draw
    }

    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    /// A number below `n`; zero if `n` is.
    pub fn below(&mut self, n: u64) -> u64 {
        self.bits() % n.max(1)
    }

    /// A number from `lo` to `hi`, both included; `lo` if `hi` is smaller.
    pub fn within(&mut self, lo: i64, hi: i64) -> i64 {
        lo + self.below((hi - lo + 1).max(1).unsigned_abs()) as i64
    }

    /// As [`Draw::within`], of 32 bits.
    pub fn of(&mut self, lo: i32, hi: i32) -> i32 {
        i32::try_from(self.within(lo.into(), hi.into())).unwrap_or(lo)
    }

    /// As [`Draw::within`], a dimension, a shift or a count.
    pub fn size<T: TryFrom<u64> + Default>(&mut self, lo: u64, hi: u64) -> T {
        let n = lo + self.below((hi + 1).saturating_sub(lo));
        T::try_from(n).unwrap_or_default()
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of some.
    ///
    /// # Panics
    /// If there are none.
    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// So many numbers from `lo` to `hi`.
    pub fn many(&mut self, len: u32, lo: i32, hi: i32) -> Vec<i32> {
        (0..len).map(|_| self.of(lo, hi)).collect()
    }
}
