//! The rows as key-values: what a block changed, everything, and the way back.

use crate::audit::AuditError;
use crate::component::validator::row::Validator;
use crate::effects::Write;
use crate::genesis::{Genesis, GenesisError};
use crate::keys::{Key, KeyError};
use crate::money::Totals;
use crate::state::{Journal, Meta, State, Tables, Tip};
use crate::{Account, merkle_root};
use borsh::BorshSerialize;
use ciro_types::codec::BorshDeserialize;
use ciro_types::{DecodeError, Hash32, Height, LeaseToken, decode, encode};

/// Why stored rows are no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Bytes that are no key.
    #[error("stored key")]
    Key(#[source] KeyError),
    /// A row that does not decode.
    #[error("stored row of {key:?}")]
    Row {
        /// Whose.
        key: Key,
        /// Why not.
        #[source]
        source: DecodeError,
    },
    /// A row without which there is no state.
    #[error("stored rows lack {key:?}")]
    Missing {
        /// Which one.
        key: Key,
    },
    /// The rows contradict one another.
    #[error("stored rows contradict one another")]
    Audit(#[source] AuditError),
}

impl State {
    /// The state before the first block.
    ///
    /// # Errors
    /// [`GenesisError`] if no network can start from this.
    pub fn genesis(genesis: &Genesis) -> Result<Self, GenesisError> {
        genesis.check()?;
        let meta = meta(genesis);
        let tip = Tip {
            height: Height(0),
            receipts_root: merkle_root(&[]),
            token_floor: LeaseToken(0),
            totals: totals(genesis),
            crowded: 0,
            beacon: Hash32::ZERO,
        };
        let mut state = Self { meta, tip, before: tip, tables: first_rows(genesis), journal: Journal::default() };
        state.commit();
        take_writes(&mut state);
        Ok(state)
    }

    /// Every row, in ascending order of key. Writing these and then each block's writes keeps a store equal to this.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let tables = &self.tables;
        let mut rows = vec![row(Key::Meta, &self.meta), row(Key::Tip, &self.tip)];
        rows.extend(tables.accounts.iter().map(|(id, value)| row(Key::Account(*id), value)));
        rows.extend(tables.models.iter().map(|(id, value)| row(Key::Model(*id), value)));
        rows.extend(tables.workers.iter().map(|(id, value)| row(Key::Worker(*id), value)));
        rows.extend(tables.offers.iter().map(|(id, value)| row(Key::Offer(*id), value)));
        rows.extend(tables.validators.iter().map(|(id, value)| row(Key::Validator(*id), value)));
        rows.extend(tables.jobs.iter().map(|(id, value)| row(Key::Job(*id), value)));
        rows.extend(tables.tokens.iter().map(|(id, value)| row(Key::Token(*id), value)));
        rows.extend(tables.offences.iter().map(|(id, value)| row(Key::Offence(*id), value)));
        rows
    }

    /// The state of a node that restarts from its store. The order of rows does not matter.
    ///
    /// # Errors
    /// [`RestoreError`] if a row is foreign, torn or missing, or if the rows contradict one another.
    pub fn restore(rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, RestoreError> {
        let mut stored = Stored::default();
        for (key, value) in rows {
            let key = Key::decode(&key).map_err(RestoreError::Key)?;
            stored.add(key, &value).map_err(|source| RestoreError::Row { key, source })?;
        }
        let meta = stored.meta.ok_or(RestoreError::Missing { key: Key::Meta })?;
        let tip = stored.tip.ok_or(RestoreError::Missing { key: Key::Tip })?;
        let mut state = Self { meta, tip, before: tip, tables: stored.tables, journal: Journal::default() };
        let due: Vec<_> = state.derived_due().collect();
        due.into_iter().for_each(|at| state.tables.due.put(at, ()));
        let counts = state.derived_jobs_on();
        counts.into_iter().for_each(|(model, count)| state.tables.jobs_on.put(model, count));
        state.commit();
        take_writes(&mut state);
        state.audit().map_err(RestoreError::Audit)?;
        Ok(state)
    }
}

fn meta(genesis: &Genesis) -> Meta {
    Meta {
        chain: genesis.chain_id(),
        scheduler: genesis.scheduler,
        supply: genesis.supply().expect("a checked genesis has a supply"),
        params: genesis.params.clone(),
    }
}

fn totals(genesis: &Genesis) -> Totals {
    Totals {
        balances: genesis.accounts.iter().map(|account| account.balance).sum(),
        validator_stakes: genesis.validators.iter().map(|validator| validator.stake).sum(),
        ..Totals::default()
    }
}

fn first_rows(genesis: &Genesis) -> Tables {
    let mut tables = Tables::default();
    for account in &genesis.accounts {
        tables.accounts.put(account.account, Account { balance: account.balance, ..Account::default() });
    }
    for validator in &genesis.validators {
        tables.validators.put(validator.account, Validator::new(validator.stake));
    }
    tables
}

fn row<T: BorshSerialize>(key: Key, value: &T) -> (Vec<u8>, Vec<u8>) {
    (key.encode(), encode(value))
}

/// Ends a block: every row it changed, in ascending order of key.
pub(crate) fn take_writes(state: &mut State) -> Vec<Write> {
    let mut writes = vec![write(Key::Tip, Some(&state.tip))];
    let tables = &mut state.tables;
    add(&mut writes, Key::Account, tables.accounts.take_changes());
    add(&mut writes, Key::Model, tables.models.take_changes());
    add(&mut writes, Key::Worker, tables.workers.take_changes());
    add(&mut writes, Key::Offer, tables.offers.take_changes());
    add(&mut writes, Key::Validator, tables.validators.take_changes());
    add(&mut writes, Key::Job, tables.jobs.take_changes());
    add(&mut writes, Key::Token, tables.tokens.take_changes());
    add(&mut writes, Key::Offence, tables.offences.take_changes());
    tables.due.take_changes();
    tables.jobs_on.take_changes();
    writes
}

fn add<K, V: BorshSerialize>(writes: &mut Vec<Write>, key: impl Fn(K) -> Key, changes: Vec<(K, Option<V>)>) {
    writes.extend(changes.into_iter().map(|(id, value)| write(key(id), value.as_ref())));
}

fn write<T: BorshSerialize>(key: Key, value: Option<&T>) -> Write {
    Write { key: key.encode(), value: value.map(encode) }
}

/// Rows on their way back.
#[derive(Default)]
struct Stored {
    meta: Option<Meta>,
    tip: Option<Tip>,
    tables: Tables,
}

impl Stored {
    fn add(&mut self, key: Key, bytes: &[u8]) -> Result<(), DecodeError> {
        let tables = &mut self.tables;
        match key {
            Key::Meta => self.meta = Some(whole(bytes)?),
            Key::Tip => self.tip = Some(whole(bytes)?),
            Key::Account(id) => tables.accounts.put(id, whole(bytes)?),
            Key::Model(id) => tables.models.put(id, whole(bytes)?),
            Key::Worker(id) => tables.workers.put(id, whole(bytes)?),
            Key::Offer(id) => tables.offers.put(id, whole(bytes)?),
            Key::Validator(id) => tables.validators.put(id, whole(bytes)?),
            Key::Job(id) => tables.jobs.put(id, whole(bytes)?),
            Key::Token(id) => tables.tokens.put(id, whole(bytes)?),
            Key::Offence(id) => tables.offences.put(id, whole(bytes)?),
        }
        Ok(())
    }
}

/// Decodes a stored row. The store has bounded it already by holding it.
fn whole<T: BorshDeserialize>(bytes: &[u8]) -> Result<T, DecodeError> {
    decode(bytes, bytes.len())
}
