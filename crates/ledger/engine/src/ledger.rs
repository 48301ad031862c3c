//! Where the chain stands, and the three things done with a block: building, checking, executing.

use crate::config::Limits;
use crate::error::EngineError;
use crate::evidence::Judge;
use crate::step::Committed;
use crate::verified::VerifiedTxs;
use ciro_consensus::{Block, BlockHeader, DecidedBlock, SealedBlock, Validator, ValidatorSet, txs_root};
use ciro_state::{
    BlockContext, BlockEffects, Checked, Genesis, ProofCheck, SignedTx, State, TxError, apply_block, check_stateless,
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
    /// More transactions, or bytes of them, than a block may hold.
    #[error("block too large: expected at most {expected}, got {got}")]
    TooLarge {
        /// The limit.
        expected: usize,
        /// The block's size, in the unit of the limit that is exceeded.
        got: usize,
    },
    /// Bytes that are no transaction.
    #[error("transaction {index} is malformed")]
    Malformed {
        /// Position in the block.
        index: usize,
    },
    /// The same transaction twice.
    #[error("transaction {id} appears twice")]
    Repeated {
        /// The transaction.
        id: TxId,
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
    checked: Vec<Result<Checked, TxError>>,
}

/// State, store and the checks that stand between them and a block.
pub struct Ledger {
    state: State,
    store: Arc<Store>,
    validators: ValidatorSet,
    parent: BlockId,
    root: StateRoot,
    limits: Limits,
    proofs: Arc<dyn ProofCheck + Send + Sync>,
    verified: Arc<VerifiedTxs>,
    /// Blocks of the next height that have passed [`Ledger::check`].
    prepared: BTreeMap<BlockId, Prepared>,
}

impl Ledger {
    /// Restores the ledger from `store`, or writes the genesis into an empty one.
    ///
    /// # Errors
    /// [`EngineError`] if the genesis is unusable, or the store damaged or of another network.
    pub fn open(
        genesis: &Genesis,
        store: Arc<Store>,
        limits: Limits,
        proofs: Arc<dyn ProofCheck + Send + Sync>,
        verified: Arc<VerifiedTxs>,
    ) -> Result<Self, EngineError> {
        let state = open_state(genesis, &store)?;
        let validators = validator_set(&state)?;
        let height = state.height();
        let last = if height == Height(0) { None } else { store.block(height).map_err(EngineError::Store)? };
        let parent = last.map_or(BlockId::ZERO, |block| block.id());
        let root = store.root().map_err(EngineError::Store)?;
        Ok(Self { state, store, validators, parent, root, limits, proofs, verified, prepared: BTreeMap::new() })
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

    /// The validator set: that of the genesis, for good.
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
    /// then cheap for those that pass. Transactions whose nonce is used up are not worth a signature check.
    pub(crate) fn check_ahead(&self, txs: &[Vec<u8>]) {
        txs.par_iter().for_each(|bytes| {
            let Ok(tx) = SignedTx::decode(bytes, self.max_tx_bytes()) else { return };
            if tx.body.nonce >= self.state.account(&tx.body.sender).nonce {
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
    /// state, so that honest validators agree. Transactions that merely fail are allowed: whether they fail may have
    /// changed since the proposer looked.
    ///
    /// # Errors
    /// [`BlockRefusal`], naming the first thing that is wrong.
    pub fn check(&mut self, block: &SealedBlock) -> Result<(), BlockRefusal> {
        if self.prepared.contains_key(&block.id()) {
            return Ok(());
        }
        self.check_header(block)?;
        self.check_size(block)?;
        let prepared = self.prepare(block)?;
        self.prepared.insert(block.id(), prepared);
        Ok(())
    }

    /// Executes a decided block and makes it durable.
    ///
    /// # Errors
    /// [`EngineError`]: the validator must stop.
    pub fn commit(&mut self, decided: &DecidedBlock) -> Result<Committed, EngineError> {
        let block = &decided.block;
        let Prepared { ids, senders, checked } = self.take_prepared(block)?;
        let context = BlockContext { height: block.height(), proposer: block.header().proposer };
        let undecidable = |source| EngineError::Undecidable { height: block.height(), block: block.id(), source };
        let effects = apply_block(&mut self.state, &context, &checked).map_err(undecidable)?;
        let nonces = senders.into_iter().map(|sender| (sender, self.state.account(&sender).nonce)).collect();
        let committed = committed(block, &ids, nonces, &effects);
        self.root = self.store.commit(decided, &ids, effects).map_err(EngineError::Store)?;
        self.parent = block.id();
        self.prepared.clear();
        Ok(committed)
    }

    /// What the agreement log replays was checked before the crash, but its preparation is gone.
    fn take_prepared(&mut self, block: &SealedBlock) -> Result<Prepared, EngineError> {
        if let Some(prepared) = self.prepared.remove(&block.id()) {
            return Ok(prepared);
        }
        let (height, id) = (block.height(), block.id());
        self.prepare(block).map_err(|source| EngineError::Unexpected { height, block: id, source: Box::new(source) })
    }

    fn next_header(&self, proposer: AccountId, txs_root: Hash32) -> BlockHeader {
        BlockHeader {
            chain: self.chain(),
            height: self.state.height().next(),
            proposer,
            parent: self.parent,
            validators: self.validators.digest(),
            next_validators: self.validators.digest(),
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

    fn check_size(&self, block: &SealedBlock) -> Result<(), BlockRefusal> {
        let bytes = block.txs().iter().map(Vec::len).sum();
        let sizes = [(self.limits.block_txs, block.txs().len()), (self.block_bytes(), bytes)];
        match sizes.into_iter().find(|(expected, got)| got > expected) {
            Some((expected, got)) => Err(BlockRefusal::TooLarge { expected, got }),
            None => Ok(()),
        }
    }

    /// The byte limit of a block: one transaction of the largest size always fits.
    pub(crate) fn block_bytes(&self) -> usize {
        self.limits.block_bytes.max(self.max_tx_bytes())
    }

    pub(crate) fn max_tx_bytes(&self) -> usize {
        self.state.meta().params.max_tx_bytes()
    }

    /// Runs the stateless phase of every transaction, on all cores: none depends on another.
    fn prepare(&self, block: &SealedBlock) -> Result<Prepared, BlockRefusal> {
        let results: Vec<_> = block.txs().par_iter().map(|bytes| self.prepare_one(bytes)).collect();
        let mut prepared = Prepared { ids: Vec::new(), senders: BTreeSet::new(), checked: Vec::new() };
        let mut seen = BTreeSet::new();
        for (index, result) in results.into_iter().enumerate() {
            let (id, sender, checked) = result.ok_or(BlockRefusal::Malformed { index })?;
            if !seen.insert(id) {
                return Err(BlockRefusal::Repeated { id });
            }
            if let Err(source) = &checked {
                refuse_unsigned(index, source)?;
            }
            prepared.ids.push(id);
            prepared.senders.insert(sender);
            prepared.checked.push(checked);
        }
        Ok(prepared)
    }

    fn prepare_one(&self, bytes: &[u8]) -> Option<(TxId, AccountId, Result<Checked, TxError>)> {
        let tx = SignedTx::decode(bytes, self.max_tx_bytes()).ok()?;
        let id = tx.id();
        Some((id, tx.body.sender, self.check_tx(&tx, id, bytes.len())))
    }
}

/// These three depend on nothing but the transaction and the genesis, so every validator sees them alike at any time.
fn refuse_unsigned(index: usize, error: &TxError) -> Result<(), BlockRefusal> {
    match error {
        TxError::WrongChain { .. } | TxError::TooLarge { .. } | TxError::BadSignature { .. } => {
            Err(BlockRefusal::Unsigned { index, source: error.clone() })
        }
        _ => Ok(()),
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

fn open_state(genesis: &Genesis, store: &Store) -> Result<State, EngineError> {
    if store.height().map_err(EngineError::Store)?.is_none() {
        let state = State::genesis(genesis).map_err(EngineError::Genesis)?;
        store.write_genesis(state.snapshot()).map_err(EngineError::Store)?;
        return Ok(state);
    }
    let state = State::restore(store.rows().map_err(EngineError::Store)?).map_err(EngineError::Restore)?;
    let (expected, got) = (genesis.chain_id(), state.meta().chain);
    if expected == got { Ok(state) } else { Err(EngineError::OtherChain { expected, got }) }
}

fn validator_set(state: &State) -> Result<ValidatorSet, EngineError> {
    let members = state.validators().map(|(&account, row)| Validator { account, power: row.power }).collect();
    ValidatorSet::new(members).map_err(EngineError::Validators)
}
