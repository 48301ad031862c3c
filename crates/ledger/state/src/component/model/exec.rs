//! Models: kept for a deposit, removed by their owner. The rules are in [`crate::component::model::row`].

use crate::check::Finding;
use crate::component::model::action::ModelAction;
use crate::component::model::row::{Model, deposit};
use crate::error::TxError;
use crate::event::Event;
use crate::money::Pot;
use crate::outcome::Outcome;
use crate::state::State;
use ciro_crypto::model_id;
use ciro_types::{AccountId, Amount, ModelId, ModelRoots};

impl ModelAction {
    pub(crate) fn execute(&self, state: &mut State, sender: AccountId, finding: Finding) -> Result<Outcome, TxError> {
        match self {
            Self::Register { program, roots } => register(state, sender, (program, *roots), finding),
            Self::Remove { model } => retire(state, sender, *model),
        }
    }
}

/// Registers a model. One that is registered already stays as it is, unless its owner has withdrawn it.
fn register(
    state: &mut State,
    by: AccountId,
    (program, roots): (&[u8], ModelRoots),
    finding: Finding,
) -> Result<Outcome, TxError> {
    let id = model_id(program, &roots);
    let (units, weight_bytes) = match (state.tables.models.get(&id), finding) {
        (Some(model), _) if !model.is_retired => return Ok(Outcome::ModelKnown { model: id }),
        (Some(model), _) => (model.units, model.weight_bytes),
        (None, Finding::Model { units, weight_bytes }) => (units, weight_bytes),
        // It was registered when the program would have been looked at, and is gone by now.
        (None, Finding::Sound | Finding::Offence(_)) => return Err(TxError::UnknownModel { model: id }),
    };
    return_deposit(state, id);
    let (registered, amount) = (state.height(), deposit(&state.meta.params, program.len(), weight_bytes));
    let row = Model {
        program: program.to_vec(),
        roots,
        owner: by,
        registered,
        deposit: Amount::ZERO,
        units,
        weight_bytes,
        is_retired: false,
    };
    state.tables.models.put(id, row);
    state.spend(by, Pot::Deposit(id), amount)?;
    state.emit(Event::ModelRegistered { model: id, by, deposit: amount });
    Ok(Outcome::ModelRegistered { model: id })
}

/// Withdraws a model from the market. It goes at once if no job names it.
fn retire(state: &mut State, sender: AccountId, id: ModelId) -> Result<Outcome, TxError> {
    let mut model = state.tables.models.get(&id).ok_or(TxError::UnknownModel { model: id })?.clone();
    if model.owner != sender {
        return Err(TxError::WrongSender { expected: model.owner, got: sender });
    }
    if model.is_retired {
        return Err(TxError::ModelRetired { model: id });
    }
    model.is_retired = true;
    state.tables.models.put(id, model);
    drop_if_done(state, id);
    Ok(Outcome::ModelRetired { model: id, jobs: state.jobs_on(&id) })
}

/// Drops a withdrawn model that no job names any more.
pub(crate) fn drop_if_done(state: &mut State, id: ModelId) {
    let is_retired = state.tables.models.get(&id).is_some_and(|model| model.is_retired);
    if is_retired && state.jobs_on(&id) == 0 {
        return_deposit(state, id);
        state.tables.models.remove(&id);
    }
}

fn return_deposit(state: &mut State, id: ModelId) {
    let Some(model) = state.tables.models.get(&id) else { return };
    let (owner, amount) = (model.owner, model.deposit);
    state.shift_held(Pot::Deposit(id), Pot::Balance(owner), amount);
    state.emit(Event::DepositReturned { model: id, owner, amount });
}
