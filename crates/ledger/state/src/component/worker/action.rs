//! What can be asked of this component.
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{Amount, Offer};

/// What a worker asks about its stake and its offer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum WorkerAction {
    /// Makes the sender a worker with an initial stake.
    Register {
        /// Moved from the balance; at least the minimum stake.
        stake: Amount,
    },
    /// Adds to the sender's worker stake. Unbonding already under way keeps its release heights.
    AddStake {
        /// Moved from the balance, above zero.
        amount: Amount,
    },
    /// Starts the unstaking delay for a part of the stake. That part stays slashable until it is withdrawn.
    RequestUnstake {
        /// How much of the stake, above zero.
        amount: Amount,
    },
    /// Returns every part of the stake whose delay is over to the balance.
    WithdrawStake,
    /// Replaces the sender's standing offer.
    PublishOffer {
        /// The offer; its worker is the sender.
        offer: Offer,
    },
}
