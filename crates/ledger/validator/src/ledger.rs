//! Where the chain stands, and the three things done with a block: building, checking, executing.

use crate::error::ValidatorError;
use crate::evidence::Judge;
use crate::step::Committed;
use crate::verified::VerifiedTxs;
use ciro_consensus::{Block, BlockHeader, DecidedBlock, SealedBlock, Validator, ValidatorSet, txs_root};
use ciro_state::{
    BlockContext, BlockEffects, Checked, CommittedEvent, EventPosition, Genesis, InclusionError, Item, ProofCheck,
    SignedTx, State, TxError, apply_block, check_reports, check_stateless, manifest, screen,
};
use ciro_store::{Store, TxRecord};
use ciro_types::{AccountId, BlockId, ChainId, Hash32, Height, Nonce, StateRoot, TxId};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why a proposed block may not become the next one here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockRefusal {
    /// The header differs from the one that our state calls for.
    #[error("header: expected {expected:?}, got {got:?}")]
    Header {
        /// What our state calls for, with the proposer and transactions of the block.
        expected: Box<BlockHeader>,
        /// The block's.
        got: Box<BlockHeader>,
    },
    /// Built by somebody who is not a validator.
    #[error("built by {0}, who is not a validator")]
    Outsider(AccountId),
    /// More than a block may hold, out of order, or unpaid.
    #[error("the block holds what it may not")]
    Inclusion(#[source] InclusionError),
    /// Bytes that are no transaction.
    #[error("transaction {index} is malformed")]
    Malformed {
        /// Position in the block.
        index: usize,
    },
    /// A transaction that its sender did not sign for this network, or that is larger than the network allows. Such
    /// a one can never have been valid, so an honest proposer does not include it.
    #[error("transaction {index} is refused")]
    Unsigned {
        /// Position in the block.
        index: usize,
        /// Why.
        #[source]
        source: TxError,
    },
}

/// A transaction of a block after the stateless phase.
#[derive(Debug)]
struct Prepared {
    ids: Vec<TxId>,
    senders: BTreeSet<AccountId>,
    checked: Vec<Checked>,
}

/// State, store and the checks that stand between them and a block.
pub struct Ledger {
    state: State,
    store: Arc<Store>,
    /// Who decides the next block.
    validators: ValidatorSet,
    /// Who decides the block after it, as the next header says.
    successors: ValidatorSet,
    parent: BlockId,
    root: StateRoot,
    proofs: Arc<dyn ProofCheck + Send + Sync>,
    verified: Arc<VerifiedTxs>,
    /// Blocks of the next height that have passed [`Ledger::check`].
    prepared: BTreeMap<BlockId, Prepared>,
}

impl Ledger {
    /// Restores the ledger from `store`, or writes the genesis into an empty one. The stored state is checked against its
    /// root first: cost proportional to its rows.
    ///
    /// # Errors
    /// [`ValidatorError`] if the genesis is unusable, or the store damaged or of another network.
    pub fn open(
        genesis: &Genesis,
        store: Arc<Store>,
        proofs: Arc<dyn ProofCheck + Send + Sync>,
        verified: Arc<VerifiedTxs>,
    ) -> Result<Self, ValidatorError> {
        let state = open_state(genesis, &store)?;
        let (validators, successors) = (validator_set(state.voters())?, validator_set(state.successors())?);
        let height = state.height();
        let last = if height == Height(0) { None } else { store.block(height).map_err(ValidatorError::Store)? };
        let parent = last.map_or(BlockId::ZERO, |block| block.id());
        let root = store.root().map_err(ValidatorError::Store)?;
        Ok(Self { state, store, validators, successors, parent, root, proofs, verified, prepared: BTreeMap::new() })
    }

    /// The state after the last committed block.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The validator set that decides the next block.
    #[must_use]
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// The network.
    #[must_use]
    pub fn chain(&self) -> ChainId {
        self.state.meta().chain
    }

    /// Runs the stateless phase of `tx`, unless it has passed it before.
    ///
    /// # Errors
    /// [`TxError`] as the state machine reports it.
    pub fn check_tx(&self, tx: &SignedTx, id: TxId, bytes: usize) -> Result<Checked, TxError> {
        let height = self.state.height();
        if let Some(checked) = self.verified.get(&id, height) {
            return Ok(checked);
        }
        let checked = check_stateless(tx, &self.state, self.proofs.as_ref(), &Judge)?;
        self.verified.put(height, bytes, checked.clone());
        Ok(checked)
    }

    /// Runs the stateless phase of many transactions on all cores, for its effect on the cache: [`Ledger::check_tx`] is
    /// then cheap for those that pass. What its sender could not pay for, or has no right to, is not worth a signature
    /// check, and that of the `suspect` none either. What is `known` has been checked.
    pub(crate) fn check_ahead(
        &self,
        txs: &[Vec<u8>],
        known: impl Fn(&TxId) -> bool + Sync,
        suspect: impl Fn(&AccountId) -> bool + Sync,
    ) {
        txs.par_iter().for_each(|bytes| {
            let Ok(tx) = SignedTx::decode(bytes, self.max_tx_bytes()) else { return };
            if known(&tx.id()) {
                return;
            }
            let (sender, account) = (tx.body.sender, self.state.account(&tx.body.sender));
            let is_payable = self.state.fee(&Item::of(&self.state, &tx, bytes.len())) <= account.balance;
            let is_due = tx.body.nonce >= account.nonce && is_payable && !suspect(&sender);
            if is_due && self.state.admit(sender, &tx.body.action).is_ok() {
                // Refusals are found again, and reported, when the transaction is taken in.
                let _ = self.check_tx(&tx, tx.id(), bytes.len());
            }
        });
    }

    /// A block of these transactions on the last committed one.
    ///
    /// # Panics
    /// Never: the header is made from the body.
    #[must_use]
    pub fn build(&self, proposer: AccountId, txs: Vec<Vec<u8>>) -> SealedBlock {
        let header = self.next_header(proposer, txs_root(&txs));
        SealedBlock::seal(Block { header, txs }).expect("the header commits to this body")
    }

    /// Whether `block` may become the next one. Everything here is a function of the block and the last committed
    /// state, so that honest validators agree. Transactions that merely fail are allowed, and pay: whether they fail may
    /// have changed since the proposer looked.
    ///
    /// # Errors
    /// [`BlockRefusal`], naming the first thing that is wrong.
    pub fn check(&mut self, block: &SealedBlock) -> Result<(), BlockRefusal> {
        if self.prepared.contains_key(&block.id()) {
            return Ok(());
        }
        self.check_header(block)?;
        let prepared = self.prepare(block)?;
        self.prepared.insert(block.id(), prepared);
        Ok(())
    }

    /// Executes a decided block and makes it durable.
    ///
    /// # Errors
    /// [`ValidatorError`]: the validator must stop.
    pub fn commit(&mut self, decided: &DecidedBlock) -> Result<Committed, ValidatorError> {
        let block = &decided.block;
        let Prepared { ids, senders, checked } = self.take_prepared(block)?;
        let (height, proposer, entropy) = (block.height(), block.header().proposer, Hash32(self.parent.0));
        let context = BlockContext { height, proposer, entropy };
        let undecidable = |source| ValidatorError::Undecidable {
            height: block.height(),
            block: block.id(),
            source: Box::new(source),
        };
        let effects = apply_block(&mut self.state, &context, &checked).map_err(undecidable)?;
        let nonces = senders.into_iter().map(|sender| (sender, self.state.account(&sender).nonce)).collect();
        let committed = committed(block, &ids, nonces, &effects);
        let next = (self.successors != self.validators).then_some(&self.successors);
        self.root = self.store.commit(decided, &ids, &effects, next).map_err(ValidatorError::Store)?;
        self.hand_over()?;
        self.parent = block.id();
        self.prepared.clear();
        self.verified.forget(&ids);
        Ok(committed)
    }

    /// Those whom the last header named decide from now on. A set is made anew only where it changes.
    fn hand_over(&mut self) -> Result<(), ValidatorError> {
        self.validators = self.successors.clone();
        let powers = self.state.successors();
        let is_same =
            powers.iter().copied().eq(self.successors.members().iter().map(|member| (member.account, member.power)));
        if !is_same {
            self.successors = validator_set(powers)?;
        }
        Ok(())
    }

    /// A block that was committed before, as it was announced or should have been.
    ///
    /// # Errors
    /// [`ValidatorError`] if the store cannot tell.
    pub(crate) fn committed_at(&self, height: Height) -> Result<Option<Committed>, ValidatorError> {
        let Some(block) = self.store.block(height).map_err(ValidatorError::Store)? else { return Ok(None) };
        let Some(journal) = self.store.journal(height).map_err(ValidatorError::Store)? else { return Ok(None) };
        let position = |index| EventPosition { height, index };
        let events = (0..).zip(journal.events).map(|(i, event)| CommittedEvent { position: position(i), event });
        let senders = block.txs().iter().filter_map(|bytes| SignedTx::decode(bytes, bytes.len()).ok());
        // As of now, which is what the next transaction of each must carry.
        let nonces = senders.map(|tx| (tx.body.sender, self.state.account(&tx.body.sender).nonce)).collect();
        let (id, header) = (block.id(), block.header().clone());
        let (txs, events, records) = (journal.txs, events.collect(), journal.records);
        Ok(Some(Committed { id, header, txs, nonces, events, records }))
    }

    /// What the agreement log replays was checked before the crash, but its preparation is gone.
    fn take_prepared(&mut self, block: &SealedBlock) -> Result<Prepared, ValidatorError> {
        if let Some(prepared) = self.prepared.remove(&block.id()) {
            return Ok(prepared);
        }
        let (height, id) = (block.height(), block.id());
        self.prepare(block).map_err(|source| ValidatorError::Unexpected { height, block: id, source: Box::new(source) })
    }

    fn next_header(&self, proposer: AccountId, txs_root: Hash32) -> BlockHeader {
        BlockHeader {
            chain: self.chain(),
            height: self.state.height().next(),
            proposer,
            parent: self.parent,
            validators: self.validators.digest(),
            next_validators: self.successors.digest(),
            txs_root,
            state_root: self.root,
            receipts_root: self.state.tip().receipts_root,
        }
    }

    fn check_header(&self, block: &SealedBlock) -> Result<(), BlockRefusal> {
        let got = block.header();
        let expected = self.next_header(got.proposer, got.txs_root);
        if *got != expected {
            return Err(BlockRefusal::Header { expected: Box::new(expected), got: Box::new(got.clone()) });
        }
        match self.validators.power(got.proposer) {
            Some(_) => Ok(()),
            None => Err(BlockRefusal::Outsider(got.proposer)),
        }
    }

    pub(crate) fn max_tx_bytes(&self) -> usize {
        self.state.meta().params.max_tx_bytes()
    }

    /// Looks at everything a block may not hold, the cheap things first. These are nonces, fees and room. Then come signatures, and at
    /// last, on all cores, what the stateless phase says about each transaction. None depends on another.
    fn prepare(&self, block: &SealedBlock) -> Result<Prepared, BlockRefusal> {
        let txs = self.decode(block)?;
        let sized = txs.iter().zip(block.txs()).map(|(tx, bytes)| (tx, bytes.len()));
        manifest(&self.state, sized).map_err(BlockRefusal::Inclusion)?;
        let results: Vec<_> = txs.par_iter().zip(block.txs()).map(|(tx, bytes)| self.screen(tx, bytes.len())).collect();
        let senders = txs.iter().map(|tx| tx.body.sender).collect();
        let (mut ids, mut checked) = (Vec::new(), Vec::new());
        for (index, result) in results.into_iter().enumerate() {
            let passed = result.map_err(|source| BlockRefusal::Unsigned { index, source })?;
            ids.push(passed.id());
            checked.push(passed);
        }
        check_reports(&self.state, &checked).map_err(BlockRefusal::Inclusion)?;
        Ok(Prepared { ids, senders, checked })
    }

    fn decode(&self, block: &SealedBlock) -> Result<Vec<SignedTx>, BlockRefusal> {
        let decode = |bytes: &Vec<u8>| SignedTx::decode(bytes, self.max_tx_bytes()).ok();
        let txs = block.txs().iter().map(decode).enumerate();
        txs.map(|(index, tx)| tx.ok_or(BlockRefusal::Malformed { index })).collect()
    }

    /// Like [`Ledger::check_tx`], for a transaction of a block: it may be one that will be refused.
    fn screen(&self, tx: &SignedTx, bytes: usize) -> Result<Checked, TxError> {
        let height = self.state.height();
        if let Some(checked) = self.verified.get(&tx.id(), height) {
            return Ok(checked);
        }
        let checked = screen(tx, &self.state, self.proofs.as_ref(), &Judge)?;
        if checked.verdict().is_ok() {
            self.verified.put(height, bytes, checked.clone());
        }
        Ok(checked)
    }
}

fn committed(
    block: &SealedBlock,
    ids: &[TxId],
    nonces: BTreeMap<AccountId, Nonce>,
    effects: &BlockEffects,
) -> Committed {
    let txs = ids.iter().zip(&effects.outcomes).map(|(&id, result)| TxRecord { id, result: result.clone() }).collect();
    Committed {
        id: block.id(),
        header: block.header().clone(),
        txs,
        nonces,
        events: effects.committed().collect(),
        records: effects.records.clone(),
    }
}

fn open_state(genesis: &Genesis, store: &Store) -> Result<State, ValidatorError> {
    if store.height().map_err(ValidatorError::Store)?.is_none() {
        let state = State::genesis(genesis).map_err(ValidatorError::Genesis)?;
        store.write_genesis(state.snapshot()).map_err(ValidatorError::Store)?;
        return Ok(state);
    }
    store.check().map_err(ValidatorError::Store)?;
    let state = State::restore(store.rows().map_err(ValidatorError::Store)?).map_err(ValidatorError::Restore)?;
    let (expected, got) = (genesis.chain_id(), state.meta().chain);
    if expected == got { Ok(state) } else { Err(ValidatorError::OtherChain { expected, got }) }
}

fn validator_set(powers: Vec<(AccountId, u64)>) -> Result<ValidatorSet, ValidatorError> {
    let members = powers.into_iter().map(|(account, power)| Validator { account, power }).collect();
    ValidatorSet::new(members).map_err(ValidatorError::Validators)
}
