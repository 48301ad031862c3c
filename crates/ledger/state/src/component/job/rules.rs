//! What is said of an action about a job before it is executed: its lane, its sizes, what it takes, whether a pool wants it.
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

use crate::check::check_size;
use crate::component::job::action::JobAction;
use crate::component::job::lease::Authority;
use crate::component::job::leases::{check_right, check_running};
use crate::component::job::redundant::{check_seat, check_silence};
use crate::component::job::row::Job;
use crate::error::{SizedField, TxError};
use crate::lane::Errand;
use crate::params::Params;
use crate::state::State;
use ciro_types::AccountId;

impl JobAction {
    pub(crate) const fn errand(&self) -> Errand {
        match self {
            Self::Submit { .. } | Self::Cancel { .. } => Errand::Plain,
            Self::Settle { .. } | Self::Commit { .. } | Self::Abandon { .. } | Self::Fail { .. } => Errand::Work,
            Self::ReportTimeout { .. } => Errand::Timeout,
            Self::Reveal { job, .. } => Errand::Reveal(*job),
        }
    }

    pub(crate) fn check_sizes(&self, params: &Params) -> Result<(), TxError> {
        let input_limit = (SizedField::Input, params.max_input_bytes);
        let output_limit = (SizedField::Output, params.max_output_bytes);
        match self {
            Self::Settle { input, output, proof, .. } => {
                check_size(input_limit, input)?;
                check_size(output_limit, output)?;
                check_size((SizedField::Proof, params.max_proof_bytes), proof)
            }
            Self::Reveal { input, output, .. } => {
                check_size(input_limit, input)?;
                check_size(output_limit, output)
            }
            Self::Submit { .. }
            | Self::Cancel { .. }
            | Self::Commit { .. }
            | Self::Abandon { .. }
            | Self::Fail { .. }
            | Self::ReportTimeout { .. } => Ok(()),
        }
    }

    /// A settlement whose job is not open is refused before its proof.
    pub(crate) fn units(&self, state: &State) -> u64 {
        let units_of = |job: &Job| state.tables.models.get(&job.spec.model).map_or(0, |model| model.units);
        match self {
            Self::Settle { authority, proof, .. } if !proof.is_empty() => {
                let open = state.tables.jobs.get(&authority.job()).filter(|job| job.is_open());
                open.map_or(0, units_of)
            }
            Self::Settle { .. }
            | Self::Submit { .. }
            | Self::Cancel { .. }
            | Self::Commit { .. }
            | Self::Reveal { .. }
            | Self::Abandon { .. }
            | Self::Fail { .. }
            | Self::ReportTimeout { .. } => 0,
        }
    }

    pub(crate) fn admit(&self, state: &State, sender: AccountId) -> Result<(), TxError> {
        let next = state.height().next();
        let answer = |authority: &Authority| check_right(state, next, sender, authority).map(|_| ());
        match self {
            Self::Settle { authority, .. } => answer(authority),
            Self::Commit { authority, .. } => {
                check_seat(state, next, authority.job(), sender)?;
                answer(authority)
            }
            Self::Reveal { job, .. } => check_silence(state, *job, sender),
            Self::Abandon { lease, .. } | Self::Fail { lease, .. } => check_running(state, next, &lease.lease),
            Self::Submit { .. } | Self::Cancel { .. } | Self::ReportTimeout { .. } => Ok(()),
        }
    }
}
