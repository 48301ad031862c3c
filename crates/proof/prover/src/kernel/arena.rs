//! Buffers that outlive a proof. Fresh memory costs a page fault per 4 KiB, which doubles the time of a proof; a thread that proves
//! again finds its pages warm.

use crate::kernel::PackedE;
use crate::kernel::blake::State;
use ciro_transcript::F;
use p3_field::PrimeCharacteristicRing;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::thread::LocalKey;
use wide::u32x8;

/// A thread keeps at most this many idle buffers of one type, the largest ones.
const KEPT_MAX: usize = 32;

/// Idle buffers of one thread, by ascending length.
type Shelf<T> = RefCell<Vec<Vec<T>>>;

/// What buffers are kept of.
pub trait Pooled: Copy + 'static {
    /// Fills what a buffer grows by.
    const FILL: Self;

    /// The thread's idle buffers.
    fn shelf() -> &'static LocalKey<Shelf<Self>>;
}

thread_local! {
    static WORDS: Shelf<F> = const { RefCell::new(Vec::new()) };
    static ELEMENTS: Shelf<PackedE> = const { RefCell::new(Vec::new()) };
    static DIGESTS: Shelf<State> = const { RefCell::new(Vec::new()) };
}

impl Pooled for F {
    const FILL: Self = F::ZERO;

    fn shelf() -> &'static LocalKey<Shelf<Self>> {
        &WORDS
    }
}

impl Pooled for PackedE {
    const FILL: Self = PackedE::ZERO;

    fn shelf() -> &'static LocalKey<Shelf<Self>> {
        &ELEMENTS
    }
}

impl Pooled for State {
    const FILL: Self = [u32x8::ZERO; 8];

    fn shelf() -> &'static LocalKey<Shelf<Self>> {
        &DIGESTS
    }
}

/// A buffer that goes back to the arena of the thread that drops it.
pub struct Buffer<T: Pooled> {
    /// Grows but never shrinks, so that nothing is filled twice.
    values: Vec<T>,
    len: usize,
}

impl<T: Pooled> Buffer<T> {
    /// A buffer of `len` values, which are whatever they were last.
    #[must_use]
    pub fn stale(len: usize) -> Self {
        let found = T::shelf().with_borrow_mut(|shelf| {
            let fit = shelf.partition_point(|kept| kept.len() < len);
            (fit < shelf.len()).then(|| shelf.remove(fit))
        });
        Self { values: found.unwrap_or_else(|| vec![T::FILL; len]), len }
    }

    /// Keeps the first `len` values.
    pub fn truncate(&mut self, len: usize) {
        self.len = len.min(self.len);
    }
}

impl<T: Pooled> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::stale(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl<T: Pooled> Drop for Buffer<T> {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        // A thread that is ending has no arena any more, and the buffer just goes.
        let _ = T::shelf().try_with(|shelf| {
            let mut shelf = shelf.borrow_mut();
            let at = shelf.partition_point(|kept| kept.len() < values.len());
            shelf.insert(at, values);
            if shelf.len() > KEPT_MAX {
                shelf.remove(0);
            }
        });
    }
}

impl<T: Pooled> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[..self.len]
    }
}

impl<T: Pooled> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_serves_the_next_of_its_size() {
        let mut first = Buffer::<F>::stale(100);
        first[7] = F::TWO;
        let at = first.as_ptr();
        drop(first);
        let second = Buffer::<F>::stale(50);
        assert_eq!((second.as_ptr(), second.len(), second[7]), (at, 50, F::TWO));
        assert_ne!(Buffer::<F>::stale(50).as_ptr(), at);
    }

    #[test]
    fn a_thread_keeps_a_bounded_number_of_buffers() {
        drop((0..2 * KEPT_MAX).map(Buffer::<F>::stale).collect::<Vec<_>>());
        assert_eq!(WORDS.with_borrow(Vec::len), KEPT_MAX);
    }
}
