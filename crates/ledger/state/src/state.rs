//! The state between two blocks: rows in ordered tables, a few scalars, and what can be read from them.

use crate::check::Facts;
use crate::component::job::row::{Job, TokenUse};
use crate::component::model::row::Model;
use crate::component::token::row::Account;
use crate::component::validator::row::Validator;
use crate::component::worker::row::Worker;
use crate::due::{self, Due, DueAt};
use crate::event::Event;
use crate::keys::OffenceKey;
use crate::money::Totals;
use crate::params::Params;
use crate::receipt::SettlementRecord;
use crate::table::Table;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Amount, ChainId, Hash32, Height, JobId, LeaseToken, ModelId, Offer};
use std::collections::BTreeMap;

/// What a genesis fixed. Stored once.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Meta {
    /// The network.
    pub chain: ChainId,
    /// The key that signs leases.
    pub scheduler: AccountId,
    /// All money there will ever be.
    pub supply: Amount,
    /// Fixed numbers.
    pub params: Params,
}

/// What every block changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tip {
    /// The last applied block.
    pub height: Height,
    /// The receipts root of that block.
    pub receipts_root: Hash32,
    /// Tokens up to and including this one are void for every job: their leases have run out.
    pub token_floor: LeaseToken,
    /// The sum of each kind of money: a light client checks conservation with this row alone.
    pub totals: Totals,
    /// Blocks so far in which a lane had no room left.
    pub crowded: u64,
    /// From which lots are drawn. Changes once an epoch.
    pub beacon: Hash32,
}

/// The ledger after a block. Cloning copies every row.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) meta: Meta,
    pub(crate) tip: Tip,
    /// `tip` before the running transaction.
    pub(crate) before: Tip,
    pub(crate) tables: Tables,
    pub(crate) journal: Journal,
}

/// Every row, by kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) accounts: Table<AccountId, Account>,
    pub(crate) models: Table<ModelId, Model>,
    pub(crate) workers: Table<AccountId, Worker>,
    pub(crate) offers: Table<AccountId, Offer>,
    pub(crate) validators: Table<AccountId, Validator>,
    pub(crate) jobs: Table<JobId, Job>,
    pub(crate) tokens: Table<LeaseToken, TokenUse>,
    pub(crate) offences: Table<OffenceKey, Height>,
    /// Derived from the rows above; never stored.
    pub(crate) due: Table<DueAt, ()>,
    /// How many rows of jobs name a model. Derived; never stored.
    pub(crate) jobs_on: Table<ModelId, u64>,
}

/// What the running block has said so far, and how much of it the running transaction may take back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    pub(crate) events: Vec<Event>,
    pub(crate) records: Vec<SettlementRecord>,
    kept: (usize, usize),
}

/// Applies one expression to every table.
macro_rules! each_table {
    ($tables:expr, $method:ident) => {
        let tables = $tables;
        tables.accounts.$method();
        tables.models.$method();
        tables.workers.$method();
        tables.offers.$method();
        tables.validators.$method();
        tables.jobs.$method();
        tables.tokens.$method();
        tables.offences.$method();
        tables.due.$method();
        tables.jobs_on.$method();
    };
}

impl State {
    /// The network's constants.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The last applied block; 0 after genesis.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.tip.height
    }

    /// What the last block changed besides rows.
    #[must_use]
    pub const fn tip(&self) -> &Tip {
        &self.tip
    }

    /// The sum of each kind of money.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.tip.totals
    }

    /// An account; the empty one if it has no row.
    #[must_use]
    pub fn account(&self, id: &AccountId) -> Account {
        self.tables.accounts.get(id).copied().unwrap_or_default()
    }

    /// A registered worker.
    #[must_use]
    pub fn worker(&self, id: &AccountId) -> Option<&Worker> {
        self.tables.workers.get(id)
    }

    /// Every registered worker, in order of id.
    pub fn workers(&self) -> impl Iterator<Item = (&AccountId, &Worker)> {
        self.tables.workers.iter()
    }

    /// A worker's standing offer.
    #[must_use]
    pub fn offer(&self, worker: &AccountId) -> Option<&Offer> {
        self.tables.offers.get(worker)
    }

    /// Every standing offer, in order of worker.
    pub fn offers(&self) -> impl Iterator<Item = &Offer> {
        self.tables.offers.iter().map(|(_, offer)| offer)
    }

    /// A validator.
    #[must_use]
    pub fn validator(&self, id: &AccountId) -> Option<&Validator> {
        self.tables.validators.get(id)
    }

    /// Every validator, in order of id.
    pub fn validators(&self) -> impl Iterator<Item = (&AccountId, &Validator)> {
        self.tables.validators.iter()
    }

    /// Who decides the next block, each with its voting power, in order of id.
    #[must_use]
    pub fn voters(&self) -> Vec<(AccountId, u64)> {
        let voters = self.validators().filter(|(_, row)| row.power > 0);
        voters.map(|(id, row)| (*id, row.power)).collect()
    }

    /// Who decides the block after the next one: those whom the next header names. Offenders are not among them.
    #[must_use]
    pub fn successors(&self) -> Vec<(AccountId, u64)> {
        crate::component::validator::row::successors(&self.tables.validators.iter().collect::<Vec<_>>())
    }

    /// Every job that is open or ended not long ago, in order of id.
    pub fn jobs(&self) -> impl Iterator<Item = (&JobId, &Job)> {
        self.tables.jobs.iter()
    }

    /// Every token that was used and is not yet below [`Tip::token_floor`], in order, and by which job.
    pub fn used_tokens(&self) -> impl Iterator<Item = (&LeaseToken, &JobId)> {
        self.tables.tokens.iter().map(|(token, seen)| (token, &seen.job))
    }

    /// Tokens up to and including this one are void for every job.
    #[must_use]
    pub const fn token_floor(&self) -> LeaseToken {
        self.tip.token_floor
    }

    /// Every registered model, in order of id.
    pub fn models(&self) -> impl Iterator<Item = (&ModelId, &Model)> {
        self.tables.models.iter()
    }

    /// How many jobs name this model, open ones and those that ended not long ago.
    #[must_use]
    pub fn jobs_on(&self, model: &ModelId) -> u64 {
        self.tables.jobs_on.get(model).copied().unwrap_or(0)
    }

    /// Whether an offence was punished, and when.
    #[must_use]
    pub fn punished(&self, offence: &OffenceKey) -> Option<Height> {
        self.tables.offences.get(offence).copied()
    }
}

impl Facts for State {
    fn chain(&self) -> ChainId {
        self.meta.chain
    }

    fn scheduler(&self) -> AccountId {
        self.meta.scheduler
    }

    fn params(&self) -> &Params {
        &self.meta.params
    }

    fn model(&self, model: &ModelId) -> Option<&Model> {
        self.tables.models.get(model)
    }

    fn job(&self, job: &JobId) -> Option<&Job> {
        self.tables.jobs.get(job)
    }
}

impl Journal {
    /// Ends a block.
    pub(crate) fn take(&mut self) -> (Vec<Event>, Vec<SettlementRecord>) {
        let Self { events, records, .. } = std::mem::take(self);
        (events, records)
    }
}

impl State {
    /// Ends the running transaction, keeping what it did.
    pub(crate) fn commit(&mut self) {
        each_table!(&mut self.tables, commit);
        self.before = self.tip;
        self.journal.kept = (self.journal.events.len(), self.journal.records.len());
    }

    /// Ends the running transaction as if it had never been.
    pub(crate) fn rollback(&mut self) {
        each_table!(&mut self.tables, rollback);
        self.tip = self.before;
        let (events, records) = self.journal.kept;
        self.journal.events.truncate(events);
        self.journal.records.truncate(records);
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.journal.events.push(event);
    }

    /// Writes a job. Rows that decide when something is due go through these four, so that the index follows.
    pub(crate) fn put_job(&mut self, id: JobId, job: Job) {
        let old = self.tables.jobs.get(&id).map(|old| due::of_job(id, old, &self.meta.params));
        if old.is_none() {
            self.count_job(job.spec.model, 1);
        }
        let new = due::of_job(id, &job, &self.meta.params);
        self.tables.jobs.put(id, job);
        self.reindex(old, new);
    }

    /// Drops an ended job. What was due about it has happened.
    pub(crate) fn remove_job(&mut self, id: &JobId) -> Option<Job> {
        let job = self.tables.jobs.remove(id)?;
        self.count_job(job.spec.model, -1);
        Some(job)
    }

    fn count_job(&mut self, model: ModelId, change: i64) {
        match self.jobs_on(&model).saturating_add_signed(change) {
            0 => drop(self.tables.jobs_on.remove(&model)),
            count => self.tables.jobs_on.put(model, count),
        }
    }

    pub(crate) fn put_worker(&mut self, id: AccountId, worker: Worker) {
        let old = self.tables.workers.get(&id).map(|old| due::of_worker(id, old));
        let new = due::of_worker(id, &worker);
        self.tables.workers.put(id, worker);
        self.reindex(old, new);
    }

    pub(crate) fn put_offer(&mut self, offer: Offer) {
        let id = offer.worker;
        let old = self.tables.offers.get(&id).map(|old| due::of_offer(id, old));
        let new = due::of_offer(id, &offer);
        self.tables.offers.put(id, offer);
        self.reindex(old, new);
    }

    /// Changes a job in place, if it exists.
    pub(crate) fn edit_job<R>(&mut self, id: JobId, edit: impl FnOnce(&mut Job) -> R) -> Option<R> {
        let mut job = self.tables.jobs.get(&id)?.clone();
        let result = edit(&mut job);
        self.put_job(id, job);
        Some(result)
    }

    /// Changes a worker in place, if it exists.
    pub(crate) fn edit_worker<R>(&mut self, id: AccountId, edit: impl FnOnce(&mut Worker) -> R) -> Option<R> {
        let mut worker = self.tables.workers.get(&id)?.clone();
        let result = edit(&mut worker);
        self.put_worker(id, worker);
        Some(result)
    }

    pub(crate) fn put_token(&mut self, token: LeaseToken, seen: TokenUse) {
        self.tables.tokens.put(token, seen);
        self.reindex(None, due::of_token(token, &seen));
    }

    pub(crate) fn remove_offer(&mut self, worker: &AccountId) -> Option<Offer> {
        let offer = self.tables.offers.remove(worker)?;
        self.reindex(Some(due::of_offer(*worker, &offer)), Vec::new());
        Some(offer)
    }

    fn reindex(&mut self, old: Option<Vec<DueAt>>, new: Vec<DueAt>) {
        for at in old.into_iter().flatten() {
            self.tables.due.remove(&at);
        }
        for at in new.into_iter().filter(|at| at.0 > self.tip.height) {
            self.tables.due.put(at, ());
        }
    }

    /// Takes everything that is due by now, in order.
    pub(crate) fn take_due(&mut self) -> Vec<DueAt> {
        let height = self.tip.height;
        let taken: Vec<_> = self.tables.due.iter().map(|(at, ())| *at).take_while(|at| at.0 <= height).collect();
        for at in &taken {
            self.tables.due.remove(at);
        }
        taken
    }

    /// Whether the rows still ask for something that was due when the block began.
    pub(crate) fn is_still_due(&self, at: &DueAt) -> bool {
        let tables = &self.tables;
        let asked = match &at.1 {
            Due::CloseReveals(id) | Due::Cancel(id) | Due::Expire(id) | Due::ForgetJob(id) => {
                tables.jobs.get(id).map(|job| due::of_job(*id, job, &self.meta.params))
            }
            Due::ForgetToken(token) => tables.tokens.get(token).map(|seen| due::of_token(*token, seen)),
            Due::ReleaseStake(id) => tables.workers.get(id).map(|worker| due::of_worker(*id, worker)),
            Due::ExpireOffer(id) => tables.offers.get(id).map(|offer| due::of_offer(*id, offer)),
        };
        asked.is_some_and(|asked| asked.contains(at))
    }

    /// What the count of jobs per model must be.
    pub(crate) fn derived_jobs_on(&self) -> BTreeMap<ModelId, u64> {
        let mut counts = BTreeMap::new();
        for (_, job) in self.tables.jobs.iter() {
            *counts.entry(job.spec.model).or_default() += 1;
        }
        counts
    }

    /// What the index must hold: everything the rows decide that lies ahead.
    pub(crate) fn derived_due(&self) -> impl Iterator<Item = DueAt> {
        let (tables, params, height) = (&self.tables, &self.meta.params, self.tip.height);
        let jobs = tables.jobs.iter().flat_map(|(id, job)| due::of_job(*id, job, params));
        let workers = tables.workers.iter().flat_map(|(id, worker)| due::of_worker(*id, worker));
        let offers = tables.offers.iter().flat_map(|(id, offer)| due::of_offer(*id, offer));
        let tokens = tables.tokens.iter().flat_map(|(token, seen)| due::of_token(*token, seen));
        jobs.chain(workers).chain(offers).chain(tokens).filter(move |at| at.0 > height)
    }
}
