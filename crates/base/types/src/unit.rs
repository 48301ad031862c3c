//! Counters with a unit. They do not convert into one another, and overflow panics rather than wraps.

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
    /// The height `blocks` later.
    ///
    /// # Panics
    /// On overflow, which 10⁹ blocks a second would reach after 580 years.
    #[must_use]
    pub const fn plus(self, blocks: u64) -> Self {
        Self(self.0 + blocks)
    }

    /// The next height.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }
}
