//! The ordered phase: the fees of a block, then one checked transaction after the other, each all or nothing.
//!
//! Handlers may write before they know that they succeed: a refusal rolls the whole transaction back.

mod accounts;
mod evidence;
mod jobs;
mod leases;
mod lots;
mod models;
mod offers;
mod origin;
mod redundant;
mod seats;
mod settle;
mod slashing;
mod sweep;
mod voters;
mod workers;

pub(crate) use accounts::charge;
pub(crate) use leases::{check_right, check_running};
pub(crate) use lots::stir;
pub(crate) use redundant::{check_seat, check_silence};
pub(crate) use sweep::sweep;
pub(crate) use voters::hand_over;

use crate::action::{Action, JobAction, ModelAction, TokenAction, ValidatorAction, WorkerAction};
use crate::check::{Checked, Finding};
use crate::error::TxError;
use crate::outcome::Outcome;
use crate::state::State;
use crate::tx::output_hash;
use origin::Origin;

/// Executes one transaction that has paid. On refusal the state is as if it had done nothing else.
pub(crate) fn execute(state: &mut State, checked: &Checked) -> Result<Outcome, TxError> {
    let result = checked.verdict.clone().and_then(|finding| dispatch(state, checked, finding));
    match result {
        Ok(_) => state.commit(),
        Err(_) => state.rollback(),
    }
    result
}

fn dispatch(state: &mut State, checked: &Checked, finding: Finding) -> Result<Outcome, TxError> {
    let sender = checked.tx.body.sender;
    let origin = Origin { sender, tx: checked.id };
    match &checked.tx.body.action {
        Action::Token(TokenAction::Transfer { to, amount }) => accounts::transfer(state, sender, *to, *amount),
        Action::Model(ModelAction::Register { program, roots }) => {
            models::register(state, sender, (program, *roots), finding)
        }
        Action::Model(ModelAction::Remove { model }) => models::retire(state, sender, *model),
        Action::Worker(WorkerAction::Register { stake }) => workers::register(state, sender, *stake),
        Action::Worker(WorkerAction::AddStake { amount }) => workers::add_stake(state, sender, *amount),
        Action::Worker(WorkerAction::RequestUnstake { amount }) => workers::request_unstake(state, sender, *amount),
        Action::Worker(WorkerAction::WithdrawStake) => workers::withdraw_stake(state, sender),
        Action::Worker(WorkerAction::PublishOffer { offer }) => workers::publish_offer(state, offer),
        Action::Job(JobAction::Submit { spec }) => jobs::submit(state, spec),
        Action::Job(JobAction::Cancel { job }) => jobs::cancel(state, sender, *job),
        Action::Job(JobAction::Settle { authority, output, .. }) => {
            settle::settle(state, origin, authority, output_hash(output))
        }
        Action::Job(JobAction::Commit { authority, commitment }) => {
            redundant::commit(state, sender, authority, *commitment)
        }
        Action::Job(JobAction::Reveal { job, output, salt, .. }) => {
            redundant::reveal(state, origin, *job, (output_hash(output), *salt))
        }
        Action::Job(JobAction::Abandon { lease, reason }) => leases::abandon(state, &lease.lease, *reason),
        Action::Job(JobAction::Fail { lease, reason }) => leases::fail_job(state, &lease.lease, *reason),
        Action::Job(JobAction::ReportTimeout { lease }) => leases::report_timeout(state, &lease.lease),
        Action::Validator(ValidatorAction::ReportEquivocation { .. }) => evidence::punish(state, finding),
    }
}
