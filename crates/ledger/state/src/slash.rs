//! Why stake is taken, how much of it, and where it goes.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::BasisPoints;
use serde::{Deserialize, Serialize};

/// An offence. Shares are of everything still slashable: stake and unbonding.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub enum SlashReason {
    /// A worker's answer was contradicted by two others: 50 %.
    Malicious,
    /// A worker left a commitment unopened: 10 %.
    Unavailable,
    /// A validator signed two conflicting consensus messages: 30 %.
    Equivocation,
}

impl SlashReason {
    /// Its name in logs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malicious => "malicious",
            Self::Unavailable => "unavailable",
            Self::Equivocation => "equivocation",
        }
    }
}

impl SlashReason {
    /// The share that is taken, of 10,000.
    #[must_use]
    pub const fn rate(self) -> BasisPoints {
        match self {
            Self::Malicious => BasisPoints(5_000),
            Self::Unavailable => BasisPoints(1_000),
            Self::Equivocation => BasisPoints(3_000),
        }
    }

    /// Where the money goes. Clients bear a worker's offence, so it feeds the insurance fund. Everyone bears a validator's, so it is
    /// burned. That also leaves no profit in reporting oneself.
    #[must_use]
    pub const fn destination(self) -> SlashDestination {
        match self {
            Self::Malicious | Self::Unavailable => SlashDestination::Insurance,
            Self::Equivocation => SlashDestination::Burned,
        }
    }
}

/// Where slashed stake goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub enum SlashDestination {
    /// The fund that compensates clients.
    Insurance,
    /// Nowhere.
    Burned,
}
