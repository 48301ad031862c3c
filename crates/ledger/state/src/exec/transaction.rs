//! One transaction, all or nothing.

use crate::check::Checked;
use crate::error::TxError;
use crate::exec::origin::Origin;
use crate::outcome::Outcome;
use crate::state::State;

/// Executes one transaction that has paid. On refusal the state is as if it had done nothing else.
pub(crate) fn execute(state: &mut State, checked: &Checked) -> Result<Outcome, TxError> {
    let body = &checked.tx.body;
    let origin = Origin { sender: body.sender, tx: checked.id };
    let result = checked.verdict.clone().and_then(|finding| body.action.execute(state, origin, finding));
    match result {
        Ok(_) => state.commit(),
        Err(_) => state.rollback(),
    }
    result
}
