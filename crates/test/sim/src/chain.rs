//! The history as a stranger keeps it: from committed events alone, with none of the ledger's code. Whatever any
//! validator commits is compared with it.

use crate::cast::{
    CLIENT_FUNDS, CLIENTS, FUNDED_STRANGERS, POCKET_MONEY, Place, SCHEDULER_FUNDS, STRANGER_FUNDS, VALIDATOR_STAKE,
    VALIDATORS, WORKER_FUNDS,
};
use crate::model::Shelf;
use crate::violation::{TokenUse, Violation};
use ciro_state::{Event, RefundReason, SettlementRecord, SlashReason, State};
use ciro_types::{AccountId, Amount, Assurance, Height, JobId, JobSpec, LeaseToken, StateRoot, TxId};
use ciro_validator::Committed;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Paid, by this transaction.
    Settled(Box<SettlementRecord>, TxId),
    /// Given back.
    Refunded(RefundReason),
}

/// A job's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tale {
    /// What was ordered.
    pub spec: JobSpec,
    /// How it ended, once it has.
    pub end: Option<End>,
}

/// A punishment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slash {
    /// Whose.
    pub account: AccountId,
    /// For what.
    pub reason: SlashReason,
    /// How much.
    pub amount: Amount,
    /// About which job, if any.
    pub job: Option<JobId>,
}

/// Money by the events.
#[derive(Clone, Copy, Debug, Default)]
struct Purse {
    balance: Amount,
    stake: Amount,
}

/// The history of the network.
pub struct Chain {
    blocks: Vec<Arc<Committed>>,
    /// After which heights which root was seen. A validator that catches up commits several blocks in one step. Only the state after the
    /// last of them can be looked at; the roots between are in the headers.
    roots: BTreeMap<Height, StateRoot>,
    purses: BTreeMap<AccountId, Purse>,
    /// Every job ever opened.
    pub jobs: BTreeMap<JobId, Tale>,
    /// What each token was given or used for.
    tokens: BTreeMap<LeaseToken, TokenUse>,
    /// Every punishment, in order.
    pub slashes: Vec<Slash>,
    /// Leases that were reported to have run out, by worker.
    pub timeouts: BTreeMap<AccountId, u64>,
    /// Events of every block, in order.
    pub events: Vec<Vec<Event>>,
}

impl Chain {
    /// Before the first block, with this many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        let funded = |place: Place, balance, stake| (place.account(), Purse { balance, stake });
        let clients = (0..CLIENTS).map(|n| funded(Place::Client(n), CLIENT_FUNDS, Amount::ZERO));
        let workers = (0..workers).map(|n| funded(Place::Worker(n), WORKER_FUNDS, Amount::ZERO));
        let validators = (0..VALIDATORS).map(|n| funded(Place::Validator(n), POCKET_MONEY, VALIDATOR_STAKE));
        let strangers = (0..FUNDED_STRANGERS).map(|n| funded(Place::Stranger(n), STRANGER_FUNDS, Amount::ZERO));
        let scheduler = funded(Place::Scheduler, SCHEDULER_FUNDS, Amount::ZERO);
        Self {
            blocks: Vec::new(),
            roots: BTreeMap::new(),
            purses: clients.chain(workers).chain(validators).chain(strangers).chain([scheduler]).collect(),
            jobs: BTreeMap::new(),
            tokens: BTreeMap::new(),
            slashes: Vec::new(),
            timeouts: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// The last height that anybody has committed.
    #[must_use]
    pub fn height(&self) -> Height {
        Height(self.blocks.len() as u64)
    }

    /// Compares what `place` has committed with the history, or continues it. Returns whether the block is new.
    ///
    /// # Errors
    /// [`Violation`] if they differ.
    pub fn on_committed(
        &mut self,
        place: Place,
        committed: &Arc<Committed>,
        root: StateRoot,
        state: &State,
    ) -> Result<bool, Violation> {
        let (height, id) = (committed.header.height, committed.id);
        let at = height.0 as usize - 1;
        if state.height() == height && *self.roots.entry(height).or_insert(root) != root {
            return Err(Violation::State { height, place });
        }
        if let Some(first) = self.blocks.get(at).map(|block| block.id) {
            return if first == id { Ok(false) } else { Err(Violation::Fork { height, first, second: id }) };
        }
        if at != self.blocks.len()
            || committed.header.parent != self.blocks.last().map(|block| block.id).unwrap_or_default()
        {
            return Err(Violation::Order { height, got: id });
        }
        self.blocks.push(Arc::clone(committed));
        for event in &committed.events {
            self.apply(&event.event)?;
        }
        self.events.push(committed.events.iter().map(|event| event.event.clone()).collect());
        if state.height() == height {
            state.audit().map_err(|source| Violation::Audit { height, source })?;
            self.compare_money(state)?;
        }
        Ok(true)
    }

    /// The block at `height`, once anybody has committed it.
    #[must_use]
    pub fn block(&self, height: Height) -> Option<&Arc<Committed>> {
        self.blocks.get(usize::try_from(height.0.checked_sub(1)?).ok()?)
    }

    fn compare_money(&self, state: &State) -> Result<(), Violation> {
        for (account, purse) in &self.purses {
            let stake = state.worker(account).map(|row| row.stake);
            let stake = stake.or_else(|| state.validator(account).map(|row| row.stake)).unwrap_or_default();
            let pairs = [("balance", purse.balance, state.account(account).balance), ("stake", purse.stake, stake)];
            for (what, expected, got) in pairs {
                if expected != got {
                    return Err(Violation::Money { account: *account, what, expected, got });
                }
            }
        }
        Ok(())
    }

    fn apply(&mut self, event: &Event) -> Result<(), Violation> {
        match event {
            Event::JobOpened { job, spec, .. } => self.on_opened(*job, spec)?,
            Event::JobSettled { record, tx } => self.on_settled(record, *tx)?,
            Event::JobRefunded { job, client, amount, reason } => {
                let tale = self.end(*job, End::Refunded(*reason))?;
                let is_whole = *amount == tale.max_price && *client == tale.client;
                is_whole.then_some(()).ok_or(Violation::Job { job: *job, what: "was not refunded in full" })?;
                self.earn(*client, *amount);
            }
            Event::WorkerRegistered { worker, stake } => {
                self.pay(*worker, *stake);
                self.purse(*worker).stake.0 += stake.0;
            }
            Event::Slashed { account, reason, amount, job, .. } => {
                self.purse(*account).stake.0 -= amount.0;
                self.slashes.push(Slash { account: *account, reason: *reason, amount: *amount, job: *job });
            }
            Event::LeaseObserved { job, worker, token } => {
                self.on_token(*token, TokenUse { job: *job, worker: *worker })?;
            }
            Event::LeaseTimedOut { worker, .. } => *self.timeouts.entry(*worker).or_default() += 1,
            Event::Transfer { from, to, amount } => {
                self.pay(*from, *amount);
                self.earn(*to, *amount);
            }
            Event::FeePaid { account, amount } => self.pay(*account, *amount),
            Event::ModelRegistered { by, deposit, .. } => self.pay(*by, *deposit),
            Event::DepositReturned { owner, amount, .. } => self.earn(*owner, *amount),
            Event::StakeAdded { .. }
            | Event::UnstakeRequested { .. }
            | Event::StakeReleased { .. }
            | Event::StakeWithdrawn { .. }
            | Event::OfferPublished { .. }
            | Event::OfferWithdrawn { .. }
            | Event::JobCancelRequested { .. }
            | Event::JobCancelOverruled { .. }
            | Event::LeaseAbandoned { .. }
            | Event::JobFailureReported { .. }
            | Event::JobCommitted { .. }
            | Event::JobRevealed { .. }
            | Event::JobReopened { .. }
            | Event::ReputationChanged { .. } => {}
        }
        Ok(())
    }

    fn on_opened(&mut self, job: JobId, spec: &JobSpec) -> Result<(), Violation> {
        self.pay(spec.client, spec.max_price);
        match self.jobs.insert(job, Tale { spec: spec.clone(), end: None }) {
            Some(_) => Err(Violation::Job { job, what: "was opened twice" }),
            None => Ok(()),
        }
    }

    /// Ends a job that is open, and returns its order.
    fn end(&mut self, job: JobId, end: End) -> Result<JobSpec, Violation> {
        let tale = self.jobs.get_mut(&job).ok_or(Violation::Job { job, what: "ended without having been opened" })?;
        match tale.end.replace(end) {
            Some(_) => Err(Violation::Job { job, what: "ended twice" }),
            None => Ok(tale.spec.clone()),
        }
    }

    fn on_settled(&mut self, record: &SettlementRecord, tx: TxId) -> Result<(), Violation> {
        let job = record.job;
        let spec = self.end(job, End::Settled(Box::new(record.clone()), tx))?;
        let paid: Amount = record.payments.iter().map(|payment| payment.price).sum();
        let spent = [paid, record.fee, record.refund].into_iter().sum::<Amount>();
        if spent != spec.max_price || record.client != spec.client {
            return Err(Violation::Job { job, what: "was not paid from its escrow exactly" });
        }
        for payment in &record.payments {
            self.earn(payment.worker, payment.price);
        }
        self.earn(record.client, record.refund);
        check_answer(&spec, record)
    }

    /// Notes for what a token is given or used.
    ///
    /// # Errors
    /// [`Violation::Token`] if it was for something else before.
    pub fn on_token(&mut self, token: LeaseToken, second: TokenUse) -> Result<(), Violation> {
        let first = *self.tokens.entry(token).or_insert(second);
        if first == second { Ok(()) } else { Err(Violation::Token { token, uses: Box::new([first, second]) }) }
    }

    fn purse(&mut self, account: AccountId) -> &mut Purse {
        self.purses.entry(account).or_default()
    }

    fn pay(&mut self, account: AccountId, amount: Amount) {
        self.purse(account).balance.0 -= amount.0;
    }

    fn earn(&mut self, account: AccountId, amount: Amount) {
        self.purse(account).balance.0 += amount.0;
    }
}

/// Two that agree, or a proof, exclude a wrong answer; a signature alone does not.
fn check_answer(spec: &JobSpec, record: &SettlementRecord) -> Result<(), Violation> {
    let expected = Shelf::shared().answer_hash(spec.input);
    match expected {
        _ if spec.assurance == Assurance::A0 => Ok(()),
        Some(expected) if expected == record.output => Ok(()),
        Some(expected) => Err(Violation::WrongAnswer { job: record.job, expected, got: record.output }),
        None => Err(Violation::Job { job: record.job, what: "was paid without an input" }),
    }
}
