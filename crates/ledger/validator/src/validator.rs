//! The step function that joins agreement, ledger and pool.

use crate::config::{Config, Disks};
use crate::error::ValidatorError;
use crate::evidence::{Duty, Reports};
use crate::ledger::Ledger;
use crate::mempool::{Mempool, Parked, Waiting};
use crate::step::{Admission, Effect, Input, SubmitError};
use crate::wire::{MAX_GOSSIP_TXS, Wire};
use ciro_consensus::{
    Config as ConsensusConfig, Consensus, DecidedBlock, Decision, Effect as Agreed, Input as Agreement, Message,
    SealedBlock, Tip, WalFile,
};
use ciro_crypto::Keypair;
use ciro_state::{
    Action, Item, JobAction, ModelAction, SignedTx, State, TokenAction, TxError, ValidatorAction, WorkerAction,
};
use ciro_store::StoreError;
use ciro_types::{AccountId, Height, Nonce, TxId, encode};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Most blocks, and most bytes of them, in one answer to a peer that is behind.
const MAX_SERVED_BLOCKS: usize = 64;
const MAX_SERVED_BYTES: usize = 4 << 20;
/// Most transaction bytes of one gossip message; a larger transaction travels alone.
const MAX_GOSSIP_BYTES: usize = 1 << 20;

/// Commits after which a validator without a vote passes on again what waits in its pool, a mebibyte at a time.
pub const RELAY_COMMITS: u64 = 4;

/// Commits during which nothing dear is checked for an account whose last proof, model or evidence was false.
const BAR_COMMITS: u64 = 64;
/// Most accounts remembered for that.
const MAX_BARRED: usize = 4_096;

/// A transaction that was not waiting before, and so is news to the other validators.
type News = Option<Arc<[u8]>>;

/// One validator. Feed it with [`Validator::step`] from one thread; reads of [`Ledger::store`] may come from any.
pub struct Validator<F> {
    consensus: Consensus<F>,
    ledger: Ledger,
    pool: Mempool,
    reports: Reports,
    key: Keypair,
    /// Accounts for which nothing dear is checked until so many commits.
    barred: BTreeMap<AccountId, u64>,
    /// Whether the last block paid somebody: the next header is what proves it, so it is not kept waiting.
    uncertified: bool,
    /// Whether the pool holds something that can go into the next block.
    ready: bool,
    /// Validators that keep the blocks we lack no longer, and from where on they do.
    pruned: BTreeMap<AccountId, Height>,
    agreed: VecDeque<Agreed>,
    out: Vec<Effect>,
    now_ms: u64,
}

impl<F: WalFile> Validator<F> {
    /// Restores a validator from its disks, or starts one from the genesis, and says what to do first.
    ///
    /// # Errors
    /// [`ValidatorError`] if a disk cannot be used or belongs to another network.
    pub fn open(config: Config, disks: Disks<F>, now_ms: u64) -> Result<(Self, Vec<Effect>), ValidatorError> {
        let Config { genesis, key, timeouts, limits, proofs, verified } = config;
        let ledger = Ledger::open(&genesis, disks.store, proofs, verified)?;
        let tip = Tip { committed: ledger.state().height(), validators: ledger.validators().clone() };
        let voting_key = Keypair::from_seed(key.seed());
        let agreement = ConsensusConfig { chain: ledger.chain(), key: voting_key, timeouts };
        let opened = Consensus::open(agreement, tip, disks.wal, disks.guard, now_ms);
        let (consensus, effects) = opened.map_err(ValidatorError::Consensus)?;
        let uncertified = last_block_paid(&ledger)?;
        let mut validator = Self {
            consensus,
            ledger,
            pool: Mempool::new(limits),
            reports: Reports::default(),
            key,
            barred: BTreeMap::new(),
            uncertified,
            ready: false,
            pruned: BTreeMap::new(),
            agreed: effects.into(),
            out: Vec::new(),
            now_ms,
        };
        validator.nudge()?;
        validator.carry_out_all()?;
        let effects = std::mem::take(&mut validator.out);
        Ok((validator, effects))
    }

    /// Takes one input at time `now_ms` and returns what to do, in order.
    ///
    /// # Errors
    /// [`ValidatorError`]: the validator must stop, and nothing of this step may be sent.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Result<Vec<Effect>, ValidatorError> {
        self.now_ms = now_ms;
        match input {
            Input::Timer => self.feed(Agreement::Timer)?,
            Input::Bytes { from, bytes } => self.on_bytes(from, &bytes)?,
            Input::Submit(txs) => self.on_submit(txs)?,
        }
        self.carry_out_all()?;
        Ok(std::mem::take(&mut self.out))
    }

    /// The state after the last committed block, and everything else that can be read.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The state after the last committed block.
    #[must_use]
    pub fn state(&self) -> &State {
        self.ledger.state()
    }

    /// The waiting transactions.
    #[must_use]
    pub fn pool(&self) -> &Mempool {
        &self.pool
    }

    /// The agreement, for looking at.
    #[must_use]
    pub fn consensus(&self) -> &Consensus<F> {
        &self.consensus
    }

    /// This validator's account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.key.account()
    }

    /// The nonce for the next transaction of `account`, counting those that wait here.
    #[must_use]
    pub fn next_nonce(&self, account: &AccountId) -> Nonce {
        self.pool.next_free(account, self.state().account(account).nonce)
    }

    /// Bytes that are no message are dropped: a peer cannot make this validator do anything but look at them.
    fn on_bytes(&mut self, from: AccountId, bytes: &[u8]) -> Result<(), ValidatorError> {
        match Wire::from_bytes(bytes) {
            Ok(Wire::Consensus(message)) => self.feed(Agreement::Message { from, message }),
            Ok(Wire::Txs(mut txs)) => {
                txs.truncate(MAX_GOSSIP_TXS);
                self.take_all(txs, false);
                self.nudge()
            }
            Ok(Wire::Pruned(oldest)) => self.on_pruned(from, oldest),
            Err(_) => Ok(()),
        }
    }

    /// A validator no longer keeps the block that we lack. Once two thirds say so, waiting is in vain.
    fn on_pruned(&mut self, from: AccountId, oldest: Height) -> Result<(), ValidatorError> {
        let height = self.state().height().next();
        let validators = self.ledger.validators();
        if oldest <= height || validators.power(from).is_none() {
            return Ok(());
        }
        if self.pruned.insert(from, oldest).is_none() {
            let text = format!("{from} keeps blocks from {oldest} on only, and {height} is lacked here");
            self.out.push(Effect::Anomaly(text));
        }
        self.pruned.retain(|_, oldest| *oldest > height);
        let power = self.pruned.keys().filter_map(|peer| self.ledger.validators().power(*peer)).sum();
        match self.pruned.values().min() {
            Some(&oldest) if self.ledger.validators().is_quorum(power) => {
                Err(ValidatorError::Stranded { height, oldest })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn on_submit(&mut self, txs: Vec<Vec<u8>>) -> Result<(), ValidatorError> {
        let fresh = self.take_all(txs, true);
        self.gossip(fresh);
        self.nudge()
    }

    /// Takes in what it can, and returns what is news to the other validators.
    fn take_all(&mut self, txs: Vec<Vec<u8>>, local: bool) -> Vec<Arc<[u8]>> {
        if txs.len() > 1 {
            let is_known = |id: &TxId| self.pool.contains(id);
            self.ledger.check_ahead(&txs, is_known, |sender| self.barred.contains_key(sender));
        }
        txs.into_iter().filter_map(|bytes| self.admit(bytes, local)).collect()
    }

    /// Tries to take a transaction into the pool and returns it if that is news to the other validators.
    fn admit(&mut self, bytes: Vec<u8>, local: bool) -> News {
        let (id, result) = self.try_admit(&bytes);
        match (id, result) {
            (Some(id), Err(error)) if self.park(id, &error, bytes, local) => None,
            (tx, result) => self.answer(tx, result, local),
        }
    }

    /// Keeps what a coming block may make acceptable. Only what its sender signed: others could take its places.
    fn park(&mut self, id: TxId, error: &SubmitError, bytes: Vec<u8>, local: bool) -> bool {
        let Ok(tx) = SignedTx::decode(&bytes, self.ledger.max_tx_bytes()) else { return false };
        is_premature(error) && tx.verify_signature().is_ok() && self.pool.park(id, tx.body.sender, bytes, local)
    }

    fn answer(&mut self, tx: Option<TxId>, result: Result<News, SubmitError>, local: bool) -> News {
        let (result, fresh) = match result {
            Ok(fresh) => (Ok(()), fresh),
            Err(error) => (Err(error), None),
        };
        if local {
            self.out.push(Effect::Admission(Admission { tx, result }));
        }
        fresh.filter(|_| local)
    }

    /// Cheap checks come first: identity, nonce, balance, room and rights. Then comes the signature, and last the proof. A transaction
    /// that waits already is no news.
    fn try_admit(&mut self, bytes: &[u8]) -> (Option<TxId>, Result<News, SubmitError>) {
        let tx = match SignedTx::decode(bytes, self.ledger.max_tx_bytes()) {
            Ok(tx) => tx,
            Err(error) => return (None, Err(SubmitError::Malformed(error))),
        };
        let id = tx.id();
        if self.pool.contains(&id) {
            return (Some(id), Ok(None));
        }
        (Some(id), self.take_in(&tx, id, bytes).map(Some))
    }

    fn take_in(&mut self, tx: &SignedTx, id: TxId, bytes: &[u8]) -> Result<Arc<[u8]>, SubmitError> {
        let (state, sender) = (self.ledger.state(), tx.body.sender);
        let (item, account) = (Item::of(state, tx, bytes.len()), state.account(&sender));
        let (lane, fee) = (state.lane(&sender, item.errand), state.fee(&item));
        self.pool.admits(&item, lane, fee, &account)?;
        state.admit(sender, &tx.body.action).map_err(SubmitError::Invalid)?;
        self.check_bar(tx)?;
        let checked = self.ledger.check_tx(tx, id, bytes.len()).inspect_err(|error| {
            if is_dear(error) {
                bar(&mut self.barred, sender, self.pool.commits() + BAR_COMMITS);
            }
        });
        let offence = checked.map_err(SubmitError::Invalid)?.offence();
        let bytes: Arc<[u8]> = bytes.into();
        self.pool.insert(Waiting { id, item, lane, fee, offence, bytes: bytes.clone() }, &account);
        // A later nonce waits for this one, so it changes nothing about readiness.
        self.ready |= item.nonce == account.nonce;
        Ok(bytes)
    }

    /// Refuses to check anything dear for an account whose last word was false.
    fn check_bar(&self, tx: &SignedTx) -> Result<(), SubmitError> {
        let is_dear = match &tx.body.action {
            Action::Job(JobAction::Settle { proof, .. }) => !proof.is_empty(),
            Action::Model(ModelAction::Register { .. })
            | Action::Validator(ValidatorAction::ReportEquivocation { .. }) => true,
            Action::Token(TokenAction::Transfer { .. })
            | Action::Model(ModelAction::Remove { .. })
            | Action::Worker(WorkerAction::Register { .. })
            | Action::Worker(WorkerAction::AddStake { .. })
            | Action::Worker(WorkerAction::RequestUnstake { .. })
            | Action::Worker(WorkerAction::WithdrawStake)
            | Action::Worker(WorkerAction::PublishOffer { .. })
            | Action::Job(JobAction::Submit { .. })
            | Action::Job(JobAction::Cancel { .. })
            | Action::Job(JobAction::Commit { .. })
            | Action::Job(JobAction::Reveal { .. })
            | Action::Job(JobAction::Abandon { .. })
            | Action::Job(JobAction::Fail { .. })
            | Action::Job(JobAction::ReportTimeout { .. }) => false,
        };
        match self.barred.get(&tx.body.sender).filter(|_| is_dear) {
            Some(until) => Err(SubmitError::Barred { commits: until.saturating_sub(self.pool.commits()) }),
            None => Ok(()),
        }
    }

    /// Tells the other validators about transactions they have not heard of, in messages of bounded size.
    fn gossip(&mut self, txs: Vec<Arc<[u8]>>) {
        let mut message: Vec<Vec<u8>> = Vec::new();
        let mut size = 0;
        for tx in txs {
            if !message.is_empty() && (size + tx.len() > MAX_GOSSIP_BYTES || message.len() == MAX_GOSSIP_TXS) {
                self.send_txs(std::mem::take(&mut message));
                size = 0;
            }
            size += tx.len();
            message.push(tx.to_vec());
        }
        if !message.is_empty() {
            self.send_txs(message);
        }
    }

    fn send_txs(&mut self, txs: Vec<Vec<u8>>) {
        self.out.push(Effect::Broadcast { bytes: Wire::Txs(txs).to_bytes() });
    }

    /// Wakes the agreement if there is something to propose, or something proposed that is not proven yet.
    fn nudge(&mut self) -> Result<(), ValidatorError> {
        if self.uncertified || self.ready { self.feed(Agreement::Work) } else { Ok(()) }
    }

    fn feed(&mut self, input: Agreement) -> Result<(), ValidatorError> {
        let effects = self.consensus.step(self.now_ms, input).map_err(ValidatorError::Consensus)?;
        self.agreed.extend(effects);
        Ok(())
    }

    fn carry_out_all(&mut self) -> Result<(), ValidatorError> {
        while let Some(effect) = self.agreed.pop_front() {
            self.carry_out(effect)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Agreed) -> Result<(), ValidatorError> {
        match effect {
            Agreed::Send { to, message } => self.send(to, message),
            Agreed::Broadcast(message) => {
                self.out.push(Effect::Broadcast { bytes: Wire::Consensus(message).to_bytes() });
            }
            Agreed::SetTimer { at_ms } => self.out.push(Effect::SetTimer { at_ms }),
            Agreed::BuildBlock { round, .. } => return self.build_block(round),
            Agreed::CheckBlock(block) => return self.check_block(&block),
            Agreed::Decided(decision) => return self.commit(*decision),
            Agreed::ServeBlocks { to, from } => return self.serve_blocks(to, from),
            Agreed::Anomaly(reason) => self.out.push(Effect::Anomaly(reason)),
        }
        Ok(())
    }

    fn send(&mut self, to: AccountId, message: Message) {
        self.out.push(Effect::Send { to, bytes: Wire::Consensus(message).to_bytes() });
    }

    fn build_block(&mut self, round: u32) -> Result<(), ValidatorError> {
        let txs = self.pool.batch(self.ledger.state());
        let block = self.ledger.build(self.account(), txs);
        match self.ledger.check(&block) {
            Ok(()) => self.feed(Agreement::Built { round, block }),
            Err(refusal) => {
                self.out.push(Effect::Anomaly(format!("own block refused: {refusal}")));
                Ok(())
            }
        }
    }

    fn check_block(&mut self, block: &SealedBlock) -> Result<(), ValidatorError> {
        let verdict = self.ledger.check(block);
        if let Err(refusal) = &verdict {
            self.out.push(Effect::Anomaly(format!("block {} refused: {refusal}", block.id())));
        }
        self.feed(Agreement::Checked { block: block.id(), valid: verdict.is_ok() })
    }

    /// Executes and stores, then tells the agreement, then everybody else.
    fn commit(&mut self, decision: Decision) -> Result<(), ValidatorError> {
        let Decision { block, certificate, evidence } = decision;
        let height = block.height();
        let committed = self.ledger.commit(&DecidedBlock { block, certificate })?;
        let ids: Vec<TxId> = committed.txs.iter().map(|tx| tx.id).collect();
        self.pool.forget(&ids, self.ledger.state());
        self.ready = self.pool.is_ready();
        self.barred.retain(|_, until| *until > self.pool.commits());
        self.reports.settle(&committed.txs);
        self.reports.note(self.ledger.chain(), evidence);
        self.uncertified = !committed.records.is_empty();
        self.out.push(Effect::Committed(Arc::new(committed)));
        let validators = self.ledger.validators().clone();
        self.feed(Agreement::Committed { height, validators })?;
        self.retry_parked();
        self.report();
        self.relay();
        self.nudge()
    }

    /// Whoever may not propose tells the others what it would. Gossip gets lost, and nothing else would carry what waits here.
    fn relay(&mut self) {
        let has_vote = self.ledger.validators().power(self.account()).is_some();
        if !has_vote && self.pool.commits().is_multiple_of(RELAY_COMMITS) {
            let mut room = MAX_GOSSIP_BYTES;
            let txs = self.pool.batch(self.ledger.state()).into_iter();
            let fits = |tx: &Vec<u8>| {
                let fits = room > 0;
                room = room.saturating_sub(tx.len());
                fits
            };
            self.gossip(txs.take_while(fits).map(Arc::from).collect());
        }
    }

    fn retry_parked(&mut self) {
        let mut fresh = Vec::new();
        for (id, parked) in self.pool.unpark() {
            fresh.extend(self.retry(id, parked));
        }
        self.gossip(fresh);
    }

    fn retry(&mut self, id: TxId, parked: Parked) -> News {
        let (tx, result) = self.try_admit(&parked.bytes);
        let local = parked.local;
        match result {
            Err(error) if is_premature(&error) && self.pool.repark(id, parked) => None,
            result => self.answer(tx, result, local),
        }
    }

    /// Reports one offence at a time. Every honest validator does; the ledger punishes once.
    fn report(&mut self) {
        let nonce = self.next_nonce(&self.account());
        match self.reports.next(self.ledger.state(), &self.pool, &self.key, nonce) {
            None => {}
            Some(Duty::Repeat(tx)) => self.gossip(vec![encode(&tx).into()]),
            Some(Duty::Submit(tx)) => match self.try_admit(&encode(&tx)).1 {
                Ok(fresh) => self.gossip(fresh.into_iter().collect()),
                // The next commit may bring room, or the right nonce.
                Err(_) => self.reports.refused(),
            },
        }
    }

    fn serve_blocks(&mut self, to: AccountId, from: Height) -> Result<(), ValidatorError> {
        let (mut blocks, mut bytes, mut height) = (Vec::new(), 0, from);
        while blocks.len() < MAX_SERVED_BLOCKS && bytes < MAX_SERVED_BYTES {
            let decided = match self.ledger.store().decided(height) {
                Ok(Some(decided)) => decided,
                Ok(None) => break,
                Err(StoreError::Pruned { oldest, .. }) => {
                    self.out.push(Effect::Send { to, bytes: Wire::Pruned(oldest).to_bytes() });
                    break;
                }
                Err(error) => return Err(ValidatorError::Store(error)),
            };
            bytes += decided.block.txs().iter().map(Vec::len).sum::<usize>();
            blocks.push(decided);
            height = height.next();
        }
        if !blocks.is_empty() {
            self.send(to, Message::SyncResponse(blocks));
        }
        Ok(())
    }
}

/// Whether a coming block may make this acceptable.
const fn is_premature(error: &SubmitError) -> bool {
    matches!(error, SubmitError::Invalid(error) if ciro_state::admission::is_premature(error))
}

/// Whether it took more than a signature to find this out.
const fn is_dear(error: &TxError) -> bool {
    matches!(
        error,
        TxError::ProofRejected { .. }
            | TxError::ModelRejected { .. }
            | TxError::ModelTooCostly { .. }
            | TxError::EvidenceRejected { .. }
    )
}

/// Remembers an account. Where too many are remembered already, the one whose time ends first is forgotten.
fn bar(barred: &mut BTreeMap<AccountId, u64>, account: AccountId, until: u64) {
    if barred.len() >= MAX_BARRED {
        let first = barred.iter().min_by_key(|(_, until)| **until).map(|(account, _)| *account);
        first.map(|account| barred.remove(&account));
    }
    barred.insert(account, until);
}

fn last_block_paid(ledger: &Ledger) -> Result<bool, ValidatorError> {
    let records = ledger.store().records(ledger.state().height()).map_err(ValidatorError::Store)?;
    Ok(!records.is_empty())
}
