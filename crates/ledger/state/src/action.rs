//! What can be asked of the ledger, component by component.
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

use crate::component::job::action::JobAction;
use crate::component::model::action::ModelAction;
use crate::component::token::action::TokenAction;
use crate::component::validator::action::ValidatorAction;
use crate::component::worker::action::WorkerAction;
use borsh::{BorshDeserialize, BorshSerialize};

/// One request, by the component that it is for. Components and their actions are encoded by position: new ones are appended, none is
/// reordered.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// What an account asks about its money.
    Token(TokenAction),
    /// What an owner asks about a model.
    Model(ModelAction),
    /// What a worker asks about its stake and its offer.
    Worker(WorkerAction),
    /// What is asked about a job, by its client or by those who serve it.
    Job(JobAction),
    /// What is reported of validators.
    Validator(ValidatorAction),
}

impl From<TokenAction> for Action {
    fn from(action: TokenAction) -> Self {
        Self::Token(action)
    }
}

impl From<ModelAction> for Action {
    fn from(action: ModelAction) -> Self {
        Self::Model(action)
    }
}

impl From<WorkerAction> for Action {
    fn from(action: WorkerAction) -> Self {
        Self::Worker(action)
    }
}

impl From<JobAction> for Action {
    fn from(action: JobAction) -> Self {
        Self::Job(action)
    }
}

impl From<ValidatorAction> for Action {
    fn from(action: ValidatorAction) -> Self {
        Self::Validator(action)
    }
}
