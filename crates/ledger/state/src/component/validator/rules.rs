//! What is said of a report before it is executed.
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

use crate::check::{Checking, Finding, check_size};
use crate::component::validator::action::ValidatorAction;
use crate::error::{SizedField, TxError};
use crate::lane::Errand;
use crate::params::Params;

impl ValidatorAction {
    pub(crate) const fn errand(&self) -> Errand {
        match self {
            Self::ReportEquivocation { .. } => Errand::Report,
        }
    }

    pub(crate) fn check_sizes(&self, params: &Params) -> Result<(), TxError> {
        match self {
            Self::ReportEquivocation { evidence } => {
                check_size((SizedField::Evidence, params.max_evidence_bytes), evidence)
            }
        }
    }

    pub(crate) fn check(&self, with: &Checking<'_>) -> Result<Finding, TxError> {
        match self {
            Self::ReportEquivocation { evidence } => {
                let offence = with.evidence.check(with.facts.chain(), evidence);
                offence.map(Finding::Offence).map_err(|r| TxError::EvidenceRejected { reason: r.reason })
            }
        }
    }
}
