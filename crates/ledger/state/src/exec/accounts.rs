//! Nonces, transfers, models.

use crate::account::Account;
use crate::block::Outcome;
use crate::error::TxError;
use crate::event::Event;
use crate::model::Model;
use crate::money::Pot;
use crate::state::State;
use crate::tx::{TxBody, model_id};
use ciro_types::{AccountId, Amount, Hash32, Nonce};

/// Accepts exactly the sender's next transaction.
pub(super) fn spend_nonce(state: &mut State, body: &TxBody) -> Result<(), TxError> {
    let account = state.account(&body.sender);
    if account.nonce != body.nonce {
        return Err(TxError::WrongNonce { expected: account.nonce, got: body.nonce });
    }
    state.tables.accounts.put(body.sender, Account { nonce: Nonce(account.nonce.0 + 1), ..account });
    Ok(())
}

pub(super) fn transfer(state: &mut State, from: AccountId, to: AccountId, amount: Amount) -> Result<Outcome, TxError> {
    state.spend(from, Pot::Balance(to), amount)?;
    state.emit(Event::Transfer { from, to, amount });
    Ok(Outcome::Transferred)
}

pub(super) fn register_model(state: &mut State, by: AccountId, program: &[u8], weight_root: Hash32) -> Outcome {
    let id = model_id(program, weight_root);
    if state.tables.models.contains(&id) {
        return Outcome::ModelKnown { model: id };
    }
    let registered = state.height();
    state.tables.models.put(id, Model { program: program.to_vec(), weight_root, owner: by, registered });
    state.emit(Event::ModelRegistered { model: id, by });
    Outcome::ModelRegistered { model: id }
}
