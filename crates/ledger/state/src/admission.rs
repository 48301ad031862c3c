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

use crate::action::{Action, JobAction, ModelAction, TokenAction, ValidatorAction, WorkerAction};
use crate::error::TxError;
use crate::exec;
use crate::lease::Authority;
use crate::state::State;
use ciro_crypto::model_id;
use ciro_types::{AccountId, Height, ModelRoots};

impl State {
    /// Whether `sender` has the right that this action claims, by the present state. Signatures inside are not looked at.
    /// Cost: a few lookups; a hash of the program for a model; one pass over the workers for an A2 seat without a lease.
    ///
    /// # Errors
    /// [`TxError`] as the next block would refuse it. Some pass: see [`is_premature`].
    pub fn admit(&self, sender: AccountId, action: &Action) -> Result<(), TxError> {
        let next = self.height().next();
        match action {
            Action::Job(JobAction::Settle { authority, .. }) => self.admit_answer(next, sender, authority),
            Action::Job(JobAction::Commit { authority, .. }) => {
                exec::check_seat(self, next, authority.job(), sender)?;
                self.admit_answer(next, sender, authority)
            }
            Action::Job(JobAction::Reveal { job, .. }) => exec::check_silence(self, *job, sender),
            Action::Job(JobAction::Abandon { lease, .. }) | Action::Job(JobAction::Fail { lease, .. }) => {
                exec::check_running(self, next, &lease.lease)
            }
            Action::Model(ModelAction::Register { program, roots }) => self.admit_model(program, roots),
            Action::Token(TokenAction::Transfer { .. })
            | Action::Model(ModelAction::Remove { .. })
            | Action::Worker(WorkerAction::Register { .. })
            | Action::Worker(WorkerAction::AddStake { .. })
            | Action::Worker(WorkerAction::RequestUnstake { .. })
            | Action::Worker(WorkerAction::WithdrawStake)
            | Action::Worker(WorkerAction::PublishOffer { .. })
            | Action::Job(JobAction::Submit { .. })
            | Action::Job(JobAction::Cancel { .. })
            | Action::Job(JobAction::ReportTimeout { .. })
            | Action::Validator(ValidatorAction::ReportEquivocation { .. }) => Ok(()),
        }
    }

    /// A registration takes room for a whole verification, in the pool and in a block.
    fn admit_model(&self, program: &[u8], roots: &ModelRoots) -> Result<(), TxError> {
        let model = model_id(program, roots);
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
