//! What a client wants, what it comes to, and how it ends.

use crate::error::ClientError;
use ciro_graph::Model;
use ciro_state::{FailReason, RefundReason};
use ciro_types::{Amount, Assurance, Hash32, ModelId, Requirements};
use serde::Serialize;

/// What a client wants, before the network has put a price on it.
pub struct Wish {
    /// The compiled model.
    pub model: Model,
    /// Canonical bytes of the raw input.
    pub input: Vec<u8>,
    /// The rung.
    pub assurance: Assurance,
    /// The machine.
    pub requirements: Requirements,
    /// The most to pay.
    pub max_price: Option<Amount>,
    /// Blocks until the money comes back.
    pub deadline: u64,
}

/// What a network has of a model.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It holds a deposit for it, though orders may no longer be taken.
    pub(crate) is_held: bool,
    /// It takes orders on it.
    pub(crate) is_registered: bool,
    /// Workers can fetch it.
    pub(crate) is_stored: bool,
}

impl Standing {
    pub(crate) const READY: Self = Self { is_held: true, is_registered: true, is_stored: true };
}

/// What workers can fetch now.
pub struct Published {
    /// The model.
    pub model: ModelId,
    /// The input's hash.
    pub input: Hash32,
    /// What that took from the wallet; None where the model was registered before.
    pub registration: Option<Registration>,
}

/// What registering a model takes from the wallet, once.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Registration {
    /// Held for as long as the network keeps the model: it comes back after `ciro wallet remove-model`. Zero where it is held already,
    /// because jobs on a withdrawn model were still open.
    pub deposit: Amount,
    /// Of the transaction, and gone.
    pub fee: Amount,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was answered and paid.
    Paid,
    /// Nobody answered it, and the money is back.
    Refunded(RefundReason),
}

impl End {
    /// Whether another order could be answered once model and input have been sent again.
    #[must_use]
    pub const fn lacked_supplies(&self) -> bool {
        match self {
            Self::Refunded(RefundReason::Failed(reason)) => match reason {
                FailReason::InputUnavailable | FailReason::ModelUnavailable => true,
                FailReason::InputInvalid | FailReason::ModelInvalid | FailReason::NoMajority => false,
            },
            Self::Paid | Self::Refunded(RefundReason::Expired | RefundReason::Cancelled | RefundReason::Unmatched) => {
                false
            }
        }
    }

    /// A refund is a refusal with its reason.
    ///
    /// # Errors
    /// [`ClientError::Refunded`].
    pub fn paid(self) -> Result<(), ClientError> {
        match self {
            Self::Paid => Ok(()),
            Self::Refunded(reason) => Err(ClientError::Refunded(reason)),
        }
    }
}
