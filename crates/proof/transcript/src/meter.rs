//! What is done, counted where it is done: tests hold it against a [`Cost`](crate::Cost), which says beforehand what will be.
//!
//! Whatever loops over something reports here. Without the feature `meter`, which only tests have, nothing is counted.

/// So many field operations are done.
#[inline]
pub fn field(ops: u64) {
    #[cfg(feature = "meter")]
    counted::add(crate::Cost::field(ops));
    #[cfg(not(feature = "meter"))]
    let _ = ops;
}

/// A message of so many bytes is hashed.
#[inline]
pub fn hash(bytes: u64) {
    #[cfg(feature = "meter")]
    counted::add(crate::Cost::hash(bytes));
    #[cfg(not(feature = "meter"))]
    let _ = bytes;
}

#[cfg(feature = "meter")]
pub use counted::take;

#[cfg(feature = "meter")]
mod counted {
    use crate::Cost;
    use core::cell::Cell;

    std::thread_local! {
        static DONE: Cell<Cost> = const { Cell::new(Cost::ZERO) };
    }

    pub(super) fn add(cost: Cost) {
        DONE.with(|done| done.set(done.get().and(cost)));
    }

    /// What this thread has done since it was asked last. Memory is not counted here.
    #[must_use]
    pub fn take() -> Cost {
        DONE.with(|done| done.replace(Cost::ZERO))
    }
}
