//! What an action about a job does.

use crate::component::job::action::JobAction;
use crate::component::job::{leases, orders, redundant, settle};
use crate::error::TxError;
use crate::exec::origin::Origin;
use crate::outcome::Outcome;
use crate::state::State;
use crate::tx::output_hash;

impl JobAction {
    pub(crate) fn execute(&self, state: &mut State, origin: Origin) -> Result<Outcome, TxError> {
        match self {
            Self::Submit { spec } => orders::submit(state, spec),
            Self::Cancel { job } => orders::cancel(state, origin.sender, *job),
            Self::Settle { authority, output, .. } => settle::settle(state, origin, authority, output_hash(output)),
            Self::Commit { authority, commitment } => redundant::commit(state, origin.sender, authority, *commitment),
            Self::Reveal { job, output, salt, .. } => {
                redundant::reveal(state, origin, *job, (output_hash(output), *salt))
            }
            Self::Abandon { lease, reason } => leases::abandon(state, &lease.lease, *reason),
            Self::Fail { lease, reason } => leases::fail_job(state, &lease.lease, *reason),
            Self::ReportTimeout { lease } => leases::report_timeout(state, &lease.lease),
        }
    }
}
