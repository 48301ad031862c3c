//! Buffers that outlive a proof. Fresh memory costs a page fault per 4 KiB, which doubles the time of a proof. A
//! process that proves again finds its pages warm, on whichever thread.

use crate::kernel::PackedE;
use crate::kernel::blake::State;
use ciro_transcript::F;
use p3_field::PrimeCharacteristicRing;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use wide::u32x8;

/// A shelf keeps at most this many idle buffers, the largest ones.
const KEPT_MAX: usize = 32;

/// Idle buffers, by ascending length.
pub struct Shelf<T>(Vec<Vec<T>>);

impl<T> Shelf<T> {
    /// The shortest buffer of at least `len` values.
    fn take(&mut self, len: usize) -> Option<Vec<T>> {
        let fit = self.0.partition_point(|kept| kept.len() < len);
        (fit < self.0.len()).then(|| self.0.remove(fit))
    }

    /// Keeps a buffer; returns one that there is no room for.
    fn keep(&mut self, values: Vec<T>) -> Option<Vec<T>> {
        let at = self.0.partition_point(|kept| kept.len() < values.len());
        self.0.insert(at, values);
        (self.0.len() > KEPT_MAX).then(|| self.0.remove(0))
    }
}

/// What buffers are kept of.
pub trait Pooled: Copy + 'static {
    /// New values, all zero. The system gives zeros for nothing until they are touched, by whichever thread.
    fn fresh(len: usize) -> Vec<Self>;

    /// The idle buffers of the process.
    fn shelf() -> &'static Mutex<Shelf<Self>>;
}

/// Whatever a thread did that panicked, buffers on a shelf are whole.
fn with_shelf<T: Pooled, R>(f: impl FnOnce(&mut Shelf<T>) -> R) -> R {
    f(&mut T::shelf().lock().unwrap_or_else(PoisonError::into_inner))
}

static WORDS: Mutex<Shelf<F>> = Mutex::new(Shelf(Vec::new()));
static ELEMENTS: Mutex<Shelf<PackedE>> = Mutex::new(Shelf(Vec::new()));
static DIGESTS: Mutex<Shelf<State>> = Mutex::new(Shelf(Vec::new()));

impl Pooled for F {
    fn fresh(len: usize) -> Vec<Self> {
        F::zero_vec(len)
    }

    fn shelf() -> &'static Mutex<Shelf<Self>> {
        &WORDS
    }
}

impl Pooled for PackedE {
    fn fresh(len: usize) -> Vec<Self> {
        PackedE::zero_vec(len)
    }

    fn shelf() -> &'static Mutex<Shelf<Self>> {
        &ELEMENTS
    }
}

impl Pooled for State {
    fn fresh(len: usize) -> Vec<Self> {
        vec![[u32x8::ZERO; 8]; len]
    }

    fn shelf() -> &'static Mutex<Shelf<Self>> {
        &DIGESTS
    }
}

/// A buffer that goes back to its shelf when it is dropped.
pub struct Buffer<T: Pooled> {
    /// Grows but never shrinks, so that nothing is filled twice.
    values: Vec<T>,
    len: usize,
}

impl<T: Pooled> Buffer<T> {
    /// A buffer of `len` values, which are whatever they were last.
    #[must_use]
    pub fn stale(len: usize) -> Self {
        let found = with_shelf(|shelf: &mut Shelf<T>| shelf.take(len));
        Self { values: found.unwrap_or_else(|| T::fresh(len)), len }
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
        // What there is no room for is freed without the lock.
        drop(with_shelf(|shelf: &mut Shelf<T>| shelf.keep(values)));
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
    fn the_shortest_buffer_that_is_long_enough_is_taken() {
        let mut shelf = Shelf(Vec::new());
        for len in [30, 10, 20] {
            assert!(shelf.keep(vec![F::TWO; len]).is_none());
        }
        let lengths = [11, 11, 31, 1].map(|len| shelf.take(len).map(|found| found.len()));
        assert_eq!(lengths, [Some(20), Some(30), None, Some(10)]);
    }

    #[test]
    fn a_shelf_keeps_the_largest_buffers() {
        let mut shelf = Shelf(Vec::new());
        let dropped: Vec<usize> =
            (1..=2 * KEPT_MAX).filter_map(|len| shelf.keep(vec![F::ONE; len])).map(|buffer| buffer.len()).collect();
        assert_eq!(dropped, (1..=KEPT_MAX).collect::<Vec<_>>());
        assert_eq!(shelf.0.iter().map(Vec::len).min(), Some(KEPT_MAX + 1));
    }

    #[test]
    fn a_buffer_has_the_length_asked_for_and_can_be_cut() {
        let mut buffer = Buffer::<F>::stale(100);
        buffer.fill(F::ONE);
        buffer.truncate(7);
        assert_eq!((buffer.len(), buffer.iter().copied().sum::<F>()), (7, F::from_u8(7)));
        drop(buffer);
        assert_eq!(Buffer::<F>::stale(50).len(), 50);
    }
}
