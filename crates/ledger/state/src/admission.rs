//! What is not worth a place in a pool: whatever the next block would refuse as the state stands. It is found without
//! a signature or a proof. A block may hold such a transaction all the same, and its sender pays for it. A validator
//! that looks here first does not spend a proof check on somebody without a right to answer.
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

use crate::error::TxError;
use crate::exec;
use crate::lease::Authority;
use crate::state::State;
use crate::tx::{Action, model_id};
use ciro_types::{AccountId, Hash32, Height};

impl State {
    /// Whether `sender` has the right that this action claims, by the present state. Signatures inside are not looked at.
    /// Cost: a few lookups; a hash of the program for a model; one pass over the workers for an A2 seat without a lease.
    ///
    /// # Errors
    /// [`TxError`] as the next block would refuse it. Some pass: see [`is_premature`].
    pub fn admit(&self, sender: AccountId, action: &Action) -> Result<(), TxError> {
        let next = self.height().next();
        match action {
            Action::SettleJob { authority, .. } => self.admit_answer(next, sender, authority),
            Action::CommitResult { authority, .. } => {
                exec::check_seat(self, next, authority.job(), sender)?;
                self.admit_answer(next, sender, authority)
            }
            Action::RevealResult { job, .. } => exec::check_silence(self, *job, sender),
            Action::AbandonLease { lease, .. } | Action::FailJob { lease, .. } => {
                exec::check_running(self, next, &lease.lease)
            }
            Action::RegisterModel { program, weight_root } => self.admit_model(program, *weight_root),
            Action::Transfer { .. }
            | Action::RemoveModel { .. }
            | Action::RegisterWorker { .. }
            | Action::AddStake { .. }
            | Action::RequestUnstake { .. }
            | Action::WithdrawStake
            | Action::PublishOffer { .. }
            | Action::SubmitJob { .. }
            | Action::CancelJob { .. }
            | Action::ReportTimeout { .. }
            | Action::ReportEquivocation { .. } => Ok(()),
        }
    }

    /// A registration takes room for a whole verification, in the pool and in a block.
    fn admit_model(&self, program: &[u8], weight_root: Hash32) -> Result<(), TxError> {
        let model = model_id(program, weight_root);
        match self.tables.models.get(&model) {
            Some(known) if !known.is_retired => Err(TxError::ModelKnown { model }),
            Some(_) | None => Ok(()),
        }
    }

    fn admit_answer(&self, next: Height, sender: AccountId, authority: &Authority) -> Result<(), TxError> {
        exec::check_right(self, next, sender, authority).map(|_| ())
    }
}

/// Whether a block that is on its way may make this acceptable: it holds the order, the last seat or the model.
#[must_use]
pub const fn is_premature(error: &TxError) -> bool {
    matches!(
        error,
        TxError::UnknownJob { .. }
            | TxError::UnknownModel { .. }
            | TxError::NotSeated { .. }
            | TxError::RevealTooEarly { .. }
            | TxError::LeaseRequired { .. }
    )
}
