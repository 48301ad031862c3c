//! Punishing a validator that the stateless phase has convicted. Anyone may report (defect 5).

use crate::check::{Finding, Offence};
use crate::component::validator::action::ValidatorAction;
use crate::error::TxError;
use crate::exec::slashing::slash_validator;
use crate::outcome::Outcome;
use crate::slash::SlashReason;
use crate::state::State;
use ciro_types::Amount;

impl ValidatorAction {
    pub(crate) fn execute(&self, state: &mut State, finding: Finding) -> Result<Outcome, TxError> {
        match self {
            Self::ReportEquivocation { .. } => punish(state, finding),
        }
    }
}

/// Takes stake once per validator, height and round.
fn punish(state: &mut State, finding: Finding) -> Result<Outcome, TxError> {
    let Finding::Offence(offence) = finding else {
        unreachable!("the stateless phase keeps the offence it was shown");
    };
    let Offence { validator, height, round } = offence;
    let mut row = state.validator(&validator).ok_or(TxError::UnknownValidator { validator })?.clone();
    if state.punished(&offence.into()).is_some() {
        return Err(TxError::AlreadyPunished { validator, height, round });
    }
    row.offences += 1;
    state.tables.validators.put(validator, row);
    let amount = slash_validator(state, validator, SlashReason::Equivocation);
    if amount == Amount::ZERO {
        return Err(TxError::NothingToSlash { validator });
    }
    let punished = state.height();
    state.tables.offences.put(offence.into(), punished);
    Ok(Outcome::EquivocationPunished { validator, amount })
}
