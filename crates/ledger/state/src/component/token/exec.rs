//! Nonces, fees, transfers.

use crate::component::token::action::TokenAction;
use crate::component::token::row::Account;
use crate::error::TxError;
use crate::event::Event;
use crate::fees::Phase;
use crate::inclusion::Bill;
use crate::money::Pot;
use crate::outcome::Outcome;
use crate::state::State;
use ciro_types::{AccountId, Amount};
use std::collections::BTreeMap;

impl TokenAction {
    pub(crate) fn execute(&self, state: &mut State, sender: AccountId) -> Result<Outcome, TxError> {
        match self {
            Self::Transfer { to, amount } => transfer(state, sender, *to, *amount),
        }
    }
}

/// Spends the nonces of a whole block and takes its fees. [`crate::inclusion`] has seen that every sender can pay.
pub(crate) fn charge(state: &mut State, bills: &BTreeMap<AccountId, Bill>) {
    for (sender, bill) in bills {
        let account = state.account(sender);
        state.tables.accounts.put(*sender, Account { nonce: bill.next, ..account });
        take_fee(state, *sender, bill.fees);
    }
    state.commit();
}

fn take_fee(state: &mut State, account: AccountId, amount: Amount) {
    if amount == Amount::ZERO {
        return;
    }
    let phase = Phase::at(state.height(), state.meta.params.blocks_per_month);
    state.pay_fee(Pot::Balance(account), phase.split(amount));
    state.emit(Event::FeePaid { account, amount });
}

/// Takes what a row costs that is never removed. No deposit: nobody could give such a row back.
pub(crate) fn pay_for_row(state: &mut State, account: AccountId) -> Result<(), TxError> {
    let (expected, got) = (state.meta.params.row_fee, state.account(&account).balance);
    if got < expected {
        return Err(TxError::RowNotPaid { account, expected, got });
    }
    take_fee(state, account, expected);
    Ok(())
}

fn transfer(state: &mut State, from: AccountId, to: AccountId, amount: Amount) -> Result<Outcome, TxError> {
    let opens = !state.tables.accounts.contains(&to);
    state.spend(from, Pot::Balance(to), amount)?;
    if opens {
        pay_for_row(state, from)?;
    }
    state.emit(Event::Transfer { from, to, amount });
    Ok(Outcome::Transferred)
}
