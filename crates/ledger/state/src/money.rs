//! Double entry: money leaves one pot only by entering another, so conservation holds by construction.
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
#![expect(clippy::expect_used, reason = "a replica whose books do not add up must stop before it signs them")]

use crate::component::token::row::Account;
use crate::component::worker::row::{Unbonding, Worker};
use crate::error::TxError;
use crate::fees::FeeSplit;
use crate::slash::SlashDestination;
use crate::state::State;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Amount, Height, JobId, ModelId};
use serde::{Deserialize, Serialize};

/// Money that belongs to nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Pools {
    /// Locked for later buy-backs.
    pub reserve: Amount,
    /// For the DAO to spend.
    pub treasury: Amount,
    /// Compensates clients.
    pub insurance: Amount,
    /// Destroyed; counted so that the supply still adds up.
    pub burned: Amount,
}

/// The sum of each kind of money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Totals {
    /// Spendable balances.
    pub balances: Amount,
    /// Active worker stakes.
    pub worker_stakes: Amount,
    /// Worker stakes on their way out.
    pub unbonding: Amount,
    /// Validator stakes.
    pub validator_stakes: Amount,
    /// Held for open jobs.
    pub escrow: Amount,
    /// Held for registered models.
    pub deposits: Amount,
    /// Money that belongs to nobody.
    pub pools: Pools,
}

impl Totals {
    /// Everything. Equals the genesis supply after every transaction. Saturates, and then equals no supply.
    #[must_use]
    pub fn sum(&self) -> Amount {
        let Pools { reserve, treasury, insurance, burned } = self.pools;
        let stakes = [self.worker_stakes, self.unbonding, self.validator_stakes];
        let held = [self.balances, self.escrow, self.deposits, reserve, treasury, insurance, burned];
        stakes.into_iter().chain(held).sum()
    }
}

/// A place money can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pot {
    Balance(AccountId),
    Stake(AccountId),
    /// The part of a worker's stake that is released at this height.
    Unbonding(AccountId, Height),
    ValidatorStake(AccountId),
    Escrow(JobId),
    Deposit(ModelId),
    Reserve,
    Treasury,
    Insurance,
    Burned,
}

impl From<SlashDestination> for Pot {
    fn from(destination: SlashDestination) -> Self {
        match destination {
            SlashDestination::Insurance => Self::Insurance,
            SlashDestination::Burned => Self::Burned,
        }
    }
}

/// A pot held less than was asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortfall {
    pub(crate) got: Amount,
}

impl State {
    /// Moves `amount`. The only way money moves after genesis.
    pub(crate) fn shift(&mut self, from: Pot, to: Pot, amount: Amount) -> Result<(), Shortfall> {
        let got = self.level(from);
        let left = got.checked_sub(amount).ok_or(Shortfall { got })?;
        if amount == Amount::ZERO {
            return Ok(());
        }
        self.set_level(from, left);
        let filled = self.level(to).checked_add(amount).expect("a capped supply sums below u128");
        self.set_level(to, filled);
        Ok(())
    }

    /// Moves money that the ledger itself knows to be there.
    pub(crate) fn shift_held(&mut self, from: Pot, to: Pot, amount: Amount) {
        self.shift(from, to, amount).expect("the ledger moves only what it has counted");
    }

    /// Takes `amount` from an account's balance.
    pub(crate) fn spend(&mut self, account: AccountId, to: Pot, amount: Amount) -> Result<(), TxError> {
        self.shift(Pot::Balance(account), to, amount).map_err(|short| TxError::InsufficientBalance {
            account,
            expected: amount,
            got: short.got,
        })
    }

    /// Pays a fee out of a pot that holds it.
    pub(crate) fn pay_fee(&mut self, from: Pot, split: FeeSplit) {
        let FeeSplit { burn, reserve, treasury, insurance } = split;
        let parts =
            [(Pot::Burned, burn), (Pot::Reserve, reserve), (Pot::Treasury, treasury), (Pot::Insurance, insurance)];
        for (pot, part) in parts {
            self.shift_held(from, pot, part);
        }
    }

    /// What a pot holds; nothing if it does not exist.
    pub(crate) fn level(&self, pot: Pot) -> Amount {
        match pot {
            Pot::Balance(id) => self.account(&id).balance,
            Pot::Stake(id) => self.tables.workers.get(&id).map_or(Amount::ZERO, |worker| worker.stake),
            Pot::Unbonding(id, release) => {
                self.tables.workers.get(&id).map_or(Amount::ZERO, |worker| unbonding_at(worker, release))
            }
            Pot::ValidatorStake(id) => self.tables.validators.get(&id).map_or(Amount::ZERO, |found| found.stake),
            Pot::Escrow(id) => self.tables.jobs.get(&id).map_or(Amount::ZERO, |job| job.escrow),
            Pot::Deposit(id) => self.tables.models.get(&id).map_or(Amount::ZERO, |model| model.deposit),
            Pot::Reserve => self.tip.totals.pools.reserve,
            Pot::Treasury => self.tip.totals.pools.treasury,
            Pot::Insurance => self.tip.totals.pools.insurance,
            Pot::Burned => self.tip.totals.pools.burned,
        }
    }

    fn set_level(&mut self, pot: Pot, level: Amount) {
        let old = self.level(pot);
        self.write_level(pot, level);
        let total = total_of(&mut self.tip.totals, pot);
        let others = total.checked_sub(old).expect("a total is the sum of its pots");
        *total = others.checked_add(level).expect("a capped supply sums below u128");
    }

    fn write_level(&mut self, pot: Pot, level: Amount) {
        const EXISTS: &str = "money is put only into rows that exist";
        match pot {
            Pot::Balance(id) => {
                let account = Account { balance: level, ..self.account(&id) };
                self.tables.accounts.put(id, account);
            }
            Pot::Stake(id) => self.edit_worker(id, |worker| worker.stake = level).expect(EXISTS),
            Pot::Unbonding(id, release) => {
                self.edit_worker(id, |worker| set_unbonding_at(worker, release, level)).expect(EXISTS);
            }
            Pot::ValidatorStake(id) => {
                let mut validator = self.tables.validators.get(&id).expect(EXISTS).clone();
                validator.stake = level;
                self.tables.validators.put(id, validator);
            }
            Pot::Escrow(id) => self.edit_job(id, |job| job.escrow = level).expect(EXISTS),
            Pot::Deposit(id) => {
                let mut model = self.tables.models.get(&id).expect(EXISTS).clone();
                model.deposit = level;
                self.tables.models.put(id, model);
            }
            // A pool has no row: its level is its total.
            Pot::Reserve | Pot::Treasury | Pot::Insurance | Pot::Burned => {}
        }
    }
}

fn total_of(totals: &mut Totals, pot: Pot) -> &mut Amount {
    match pot {
        Pot::Balance(_) => &mut totals.balances,
        Pot::Stake(_) => &mut totals.worker_stakes,
        Pot::Unbonding(..) => &mut totals.unbonding,
        Pot::ValidatorStake(_) => &mut totals.validator_stakes,
        Pot::Escrow(_) => &mut totals.escrow,
        Pot::Deposit(_) => &mut totals.deposits,
        Pot::Reserve => &mut totals.pools.reserve,
        Pot::Treasury => &mut totals.pools.treasury,
        Pot::Insurance => &mut totals.pools.insurance,
        Pot::Burned => &mut totals.pools.burned,
    }
}

fn unbonding_at(worker: &Worker, release: Height) -> Amount {
    worker.unbonding.iter().find(|part| part.release == release).map_or(Amount::ZERO, |part| part.amount)
}

/// Sets the part released at `release`; an empty part is dropped.
fn set_unbonding_at(worker: &mut Worker, release: Height, amount: Amount) {
    let parts = &mut worker.unbonding;
    parts.retain(|part| part.release != release);
    if amount > Amount::ZERO {
        let position = parts.partition_point(|part| part.release < release);
        parts.insert(position, Unbonding { release, amount });
    }
}
