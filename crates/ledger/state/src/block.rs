//! One block: sweep what is due, take every fee, execute in order, hand back everything the node persists and publishes.

use crate::check::Checked;
use crate::error::TxError;
use crate::event::{CommittedEvent, Event, EventPosition};
use crate::inclusion::{Bill, InclusionError, check_reports, manifest};
use crate::job::JobStatus;
use crate::merkle::{MerklePath, merkle_root};
use crate::receipt::SettlementRecord;
use crate::state::State;
use crate::{exec, snapshot};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Amount, Hash32, Height, JobId, ModelId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What consensus decided besides the transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// One above the last applied block.
    pub height: Height,
    /// A validator.
    pub proposer: AccountId,
    /// The hash of the block before: what nobody could know when an order was signed or a worker registered.
    pub entropy: Hash32,
}

/// A change to the authenticated store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Encoded [`crate::keys::Key`].
    pub key: Vec<u8>,
    /// Encoded row, or none to delete it.
    pub value: Option<Vec<u8>>,
}

/// What a transaction achieved.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all_fields = "snake_case")]
#[expect(missing_docs, reason = "fields are named after what the variant's sentence says")]
pub enum Outcome {
    /// The money moved.
    Transferred,
    /// The model is available under this id.
    ModelRegistered { model: ModelId },
    /// The model was available already; nothing changed.
    ModelKnown { model: ModelId },
    /// The sender is a worker.
    WorkerRegistered,
    /// The stake grew.
    StakeAdded,
    /// The part may be withdrawn from this height on.
    UnstakeRequested { release: Height },
    /// This much went back to the balance.
    StakeWithdrawn { amount: Amount },
    /// The offer stands.
    OfferPublished,
    /// The job is funded.
    JobSubmitted { job: JobId },
    /// The job was submitted before; nothing was charged.
    JobAbsorbed { job: JobId, status: JobStatus },
    /// The job will be refunded in this block unless it is answered before.
    CancelRequested { job: JobId, at: Height },
    /// The job is paid.
    JobSettled { job: JobId },
    /// The commitment stands.
    Committed { job: JobId },
    /// The commitment is open; the job stands like this now.
    Revealed { job: JobId, status: JobStatus },
    /// The lease is void, without penalty.
    LeaseAbandoned { job: JobId },
    /// The report counts; the job stands like this now.
    FailureReported { job: JobId, status: JobStatus },
    /// The worker's reputation bears it.
    TimeoutReported { job: JobId, worker: AccountId },
    /// The validator lost this much.
    EquivocationPunished { validator: AccountId, amount: Amount },
    /// The model goes, and its deposit returns, with the last of so many jobs that name it.
    ModelRetired { model: ModelId, jobs: u64 },
}

/// Everything that follows from a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockEffects {
    /// The block.
    pub height: Height,
    /// One per transaction, in order.
    pub outcomes: Vec<Result<Outcome, TxError>>,
    /// In order; an event's index is its position here.
    pub events: Vec<Event>,
    /// Settled in this block, in order: the leaves under `receipts_root`.
    pub records: Vec<SettlementRecord>,
    /// Merkle root over the digests of `records`.
    pub receipts_root: Hash32,
    /// Changes to the store, in ascending order of key, each key once.
    pub writes: Vec<Write>,
}

impl BlockEffects {
    /// The events with their positions.
    pub fn committed(&self) -> impl Iterator<Item = CommittedEvent> {
        let height = self.height;
        (0..).zip(&self.events).map(move |(index, event)| CommittedEvent {
            position: EventPosition { height, index },
            event: event.clone(),
        })
    }
}

/// Why a decided block cannot be applied. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Blocks are applied one after the other.
    #[error("block height: expected {expected}, got {got}")]
    WrongHeight {
        /// The next height.
        expected: Height,
        /// The block's.
        got: Height,
    },
    /// Only validators propose.
    #[error("proposer {got} is not a validator")]
    UnknownProposer {
        /// The block's proposer.
        got: AccountId,
    },
    /// It holds a transaction that it may not hold.
    #[error("the block holds what it may not")]
    Inclusion(#[from] InclusionError),
}

impl BlockEffects {
    /// Shows that `job` was settled in this block, under its `receipts_root`.
    #[must_use]
    pub fn receipt_path(&self, job: &JobId) -> Option<MerklePath> {
        let index = self.records.iter().position(|record| record.job == *job)?;
        MerklePath::new(&digests(&self.records), index)
    }
}

/// Applies a decided block: what is due by itself first, then the fees of all transactions, then `txs` in order. One whose
/// verdict is a refusal, like one that is refused here, leaves nothing behind but its fee, its spent nonce and its outcome.
///
/// The stateless phase must have run against this state or an earlier one of the same network.
///
/// # Errors
/// [`BlockError`] if the block does not follow this state; the state is then unchanged.
///
/// # Panics
/// If money was made or lost: a node must stop before it signs that.
pub fn apply_block(state: &mut State, context: &BlockContext, txs: &[Checked]) -> Result<BlockEffects, BlockError> {
    check_context(state, context)?;
    let (bills, is_crowded) = examine(state, txs)?;
    state.tip.height = context.height;
    exec::stir(state, context.entropy);
    state.commit();
    exec::sweep(state);
    state.tip.crowded += u64::from(is_crowded);
    exec::charge(state, &bills);
    let outcomes = txs.iter().map(|tx| exec::execute(state, tx)).collect();
    Ok(finish(state, outcomes))
}

/// Who pays what for the block, and whether it is crowded.
fn examine(state: &State, txs: &[Checked]) -> Result<(BTreeMap<AccountId, Bill>, bool), InclusionError> {
    let manifest = manifest(state, txs.iter().map(|checked| (&checked.tx, checked.bytes())))?;
    check_reports(state, txs)?;
    let is_crowded = manifest.is_crowded();
    Ok((manifest.into_bills(), is_crowded))
}

fn check_context(state: &State, context: &BlockContext) -> Result<(), BlockError> {
    let expected = state.height().next();
    if context.height != expected {
        return Err(BlockError::WrongHeight { expected, got: context.height });
    }
    match state.validator(&context.proposer) {
        Some(_) => Ok(()),
        None => Err(BlockError::UnknownProposer { got: context.proposer }),
    }
}

fn finish(state: &mut State, outcomes: Vec<Result<Outcome, TxError>>) -> BlockEffects {
    let (events, records) = state.journal.take();
    state.tip.receipts_root = merkle_root(&digests(&records));
    state.commit();
    let (sum, supply) = (state.tip.totals.sum(), state.meta.supply);
    assert!(sum == supply, "money is conserved: expected {supply}, got {sum}");
    let writes = snapshot::take_writes(state);
    BlockEffects { height: state.height(), outcomes, events, records, receipts_root: state.tip.receipts_root, writes }
}

fn digests(records: &[SettlementRecord]) -> Vec<Hash32> {
    records.iter().map(SettlementRecord::digest).collect()
}
