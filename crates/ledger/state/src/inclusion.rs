//! What a block may hold, decided from the state before it. It holds no transaction that cannot pay, none out of
//! order, and no more than its lanes have room for. Proposers build with it, and everybody else checks with it.
//!
//! All fees of a block are taken before its first transaction is executed. So whether a sender can pay depends on its
//! balance before the block and on the fees of its own transactions. It does not depend on what any of them does.
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

use crate::action::Action;
use crate::check::{Checked, Offence};
use crate::fees::{portion, tx_fee};
use crate::lane::{Errand, Lane, Load};
use crate::state::State;
use crate::tx::SignedTx;
use ciro_types::{AccountId, Amount, Nonce};
use std::collections::{BTreeMap, BTreeSet};

/// Why a block may not hold a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InclusionError {
    /// Replayed, or before its turn.
    #[error("nonce of {sender}: expected {expected}, got {got}")]
    Nonce {
        /// Whose.
        sender: AccountId,
        /// The account's count, and its transactions before this one.
        expected: Nonce,
        /// The transaction's.
        got: Nonce,
    },
    /// The sender cannot pay the fees of its transactions.
    #[error("fees of {sender}: expected a balance of at least {expected}, got {got}")]
    Unfunded {
        /// Who.
        sender: AccountId,
        /// Fees of this transaction and those before it.
        expected: Amount,
        /// The balance before the block.
        got: Amount,
    },
    /// The transaction's lane has no room.
    #[error("the {lane} lane of the block is full")]
    Full {
        /// Which.
        lane: Lane,
    },
    /// A report that costs nothing must punish somebody.
    #[error("the report of {sender} punishes nobody")]
    IdleReport {
        /// Who reports.
        sender: AccountId,
    },
}

/// What decides whether a block may hold a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Who pays.
    pub sender: AccountId,
    /// Its nonce.
    pub nonce: Nonce,
    /// Length of its encoding.
    pub bytes: usize,
    /// Units of verification that it takes.
    pub units: u64,
    /// What it is about.
    pub errand: Errand,
}

impl Item {
    /// The facts about `tx`, whose encoding has this length, by the present state.
    #[must_use]
    pub fn of(state: &State, tx: &SignedTx, bytes: usize) -> Self {
        let (body, units) = (&tx.body, state.units(&tx.body.action));
        Self { sender: body.sender, nonce: body.nonce, bytes, units, errand: body.action.errand() }
    }
}

impl State {
    /// Units of verification that an action takes now.
    #[must_use]
    pub fn units(&self, action: &Action) -> u64 {
        action.units(self)
    }

    /// What a transaction pays in the next block.
    #[must_use]
    pub fn fee(&self, item: &Item) -> Amount {
        match self.lane(&item.sender, item.errand) {
            Lane::Report => Amount::ZERO,
            Lane::Plain | Lane::Work | Lane::Reveal => tx_fee(&self.meta.params, item.bytes, item.units),
        }
    }

    /// Whether a report of this offence would take something.
    #[must_use]
    pub fn is_punishable(&self, offence: &Offence) -> bool {
        let rate = crate::SlashReason::Equivocation.rate();
        let at_risk = |row: &crate::Validator| portion(row.stake, rate) > Amount::ZERO;
        self.punished(&(*offence).into()).is_none() && self.validator(&offence.validator).is_some_and(at_risk)
    }
}

/// One sender's part of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bill {
    /// Its nonce after the block.
    pub(crate) next: Nonce,
    /// Its fees.
    pub(crate) fees: Amount,
}

/// A block under construction or under examination.
#[derive(Debug)]
pub struct Manifest<'a> {
    state: &'a State,
    bills: BTreeMap<AccountId, Bill>,
    lanes: BTreeMap<Lane, Load>,
}

impl<'a> Manifest<'a> {
    /// An empty block after `state`.
    #[must_use]
    pub const fn new(state: &'a State) -> Self {
        Self { state, bills: BTreeMap::new(), lanes: BTreeMap::new() }
    }

    /// Adds a transaction. Cost: a few lookups.
    ///
    /// # Errors
    /// [`InclusionError`] if the block may not hold it here; nothing has changed then.
    pub fn add(&mut self, item: &Item) -> Result<(), InclusionError> {
        let bill = self.bill(item)?;
        let lane = self.state.lane(&item.sender, item.errand);
        let load = Load { txs: 1, bytes: item.bytes, units: item.units };
        let filled = self.load(lane).plus(load);
        if !filled.is_within(self.state.meta.params.quota(lane)) {
            return Err(InclusionError::Full { lane });
        }
        self.bills.insert(item.sender, bill);
        self.lanes.insert(lane, filled);
        Ok(())
    }

    /// Whether the block could hold a transaction if it took no verification.
    #[must_use]
    pub fn lacks_only_units(&self, item: &Item) -> bool {
        let (lane, load) = (self.state.lane(&item.sender, item.errand), Load { txs: 1, bytes: item.bytes, units: 0 });
        item.units > 0 && self.load(lane).plus(load).is_within(self.state.meta.params.quota(lane))
    }

    fn bill(&self, item: &Item) -> Result<Bill, InclusionError> {
        let (sender, account) = (item.sender, self.state.account(&item.sender));
        let before = self.bills.get(&sender).copied().unwrap_or(Bill { next: account.nonce, fees: Amount::ZERO });
        if item.nonce != before.next {
            return Err(InclusionError::Nonce { sender, expected: before.next, got: item.nonce });
        }
        let fees = Amount(before.fees.0.saturating_add(self.state.fee(item).0));
        if fees > account.balance {
            return Err(InclusionError::Unfunded { sender, expected: fees, got: account.balance });
        }
        Ok(Bill { next: Nonce(item.nonce.0.saturating_add(1)), fees })
    }

    fn load(&self, lane: Lane) -> Load {
        self.lanes.get(&lane).copied().unwrap_or_default()
    }

    /// Whether some lane turned away what a worker may depend on.
    pub(crate) fn is_crowded(&self) -> bool {
        Lane::ALL.iter().any(|lane| self.state.meta.params.is_crowded(*lane, self.load(*lane)))
    }

    /// Who pays what.
    pub(crate) fn into_bills(self) -> BTreeMap<AccountId, Bill> {
        self.bills
    }
}

/// The manifest of a whole block.
///
/// # Errors
/// [`InclusionError`] of the first transaction that it may not hold.
pub fn manifest<'a>(
    state: &'a State,
    txs: impl IntoIterator<Item = (&'a SignedTx, usize)>,
) -> Result<Manifest<'a>, InclusionError> {
    let mut manifest = Manifest::new(state);
    txs.into_iter().try_for_each(|(tx, bytes)| manifest.add(&Item::of(state, tx, bytes)))?;
    Ok(manifest)
}

/// Refuses free reports that would punish nobody, or the same offence as another one of the block.
///
/// # Errors
/// [`InclusionError::IdleReport`].
pub fn check_reports(state: &State, txs: &[Checked]) -> Result<(), InclusionError> {
    let mut seen = BTreeSet::new();
    for checked in txs {
        let sender = checked.tx.body.sender;
        if state.lane(&sender, checked.tx.body.action.errand()) != Lane::Report {
            continue;
        }
        let offence = checked.offence().filter(|offence| state.is_punishable(offence));
        if !offence.is_some_and(|offence| seen.insert(crate::keys::OffenceKey::from(offence))) {
            return Err(InclusionError::IdleReport { sender });
        }
    }
    Ok(())
}
