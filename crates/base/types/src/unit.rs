//! Counters with a unit. They do not convert into one another. Strangers' records hold any number. So arithmetic is
//! total: each operation says what it does at the end of its range, and none panics or wraps.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use serde::{Deserialize, Serialize};

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
            Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter! {
    /// A block height. Genesis is 0; the first decided block is 1.
    Height(u64)
}
counter! {
    /// How many transactions an account has sent; the next one must carry exactly this value.
    Nonce(u64)
}
counter! {
    /// A fencing token: strictly increasing over all leases of a network, so a stale holder is recognised.
    LeaseToken(u64)
}
counter! {
    /// Memory in MiB.
    MemoryMib(u32)
}
counter! {
    /// Hundredths of a percent; 10,000 is the whole.
    BasisPoints(u16)
}

impl Height {
    /// The height `blocks` later. Saturates at the last height, which 10⁹ blocks a second would reach after 580 years: a deadline beyond it
    /// is never past.
    #[must_use]
    pub const fn plus(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }

    /// The next height. Saturates like [`Height::plus`]; where a stranger's height must have a next one, ask [`Height::checked_next`].
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// The next height, or `None` after the last.
    #[must_use]
    pub const fn checked_next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_after_the_last_height() {
        let last = Height(u64::MAX);
        assert_eq!((last.next(), last.plus(u64::MAX), last.checked_next()), (last, last, None));
        assert_eq!(
            (Height(0).next(), Height(3).plus(4), Height(6).checked_next()),
            (Height(1), Height(7), Some(Height(7)))
        );
    }
}
