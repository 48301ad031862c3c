//! What is said of a worker's action before it is executed.
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

use crate::check::{Checking, check_sender, check_size};
use crate::component::worker::action::WorkerAction;
use crate::error::{SizedField, TxError};
use crate::lane::Errand;
use crate::params::Params;
use ciro_types::{AccountId, Offer, TextError, check_printable};

impl WorkerAction {
    pub(crate) const fn errand(&self) -> Errand {
        match self {
            Self::Register { .. } | Self::AddStake { .. } | Self::RequestUnstake { .. } | Self::WithdrawStake => {
                Errand::Plain
            }
            Self::PublishOffer { .. } => Errand::Work,
        }
    }

    pub(crate) fn check_sizes(&self, params: &Params) -> Result<(), TxError> {
        match self {
            Self::PublishOffer { offer } => {
                check_size((SizedField::Label, params.max_label_bytes), offer.label.as_bytes())
            }
            Self::Register { .. } | Self::AddStake { .. } | Self::RequestUnstake { .. } | Self::WithdrawStake => Ok(()),
        }
    }

    pub(crate) fn check(&self, with: &Checking<'_>) -> Result<(), TxError> {
        match self {
            Self::AddStake { amount } | Self::RequestUnstake { amount } if amount.0 == 0 => Err(TxError::ZeroAmount),
            Self::PublishOffer { offer } => check_offer(with.sender, offer),
            Self::Register { .. } | Self::AddStake { .. } | Self::RequestUnstake { .. } | Self::WithdrawStake => Ok(()),
        }
    }
}

fn check_offer(sender: AccountId, offer: &Offer) -> Result<(), TxError> {
    check_sender(offer.worker, sender)?;
    check_label(&offer.label)?;
    if offer.slots == 0 { Err(TxError::NoSlots) } else { Ok(()) }
}

/// A label ends on the screens of others. Its length is [`Params::max_label_bytes`]'s.
fn check_label(label: &str) -> Result<(), TxError> {
    let unprintable = |e: TextError| TxError::Unprintable { field: SizedField::Label, reason: e.to_string() };
    check_printable(label, usize::MAX).map_err(unprintable)
}
