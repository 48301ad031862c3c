//! One block: sweep what is due, take every fee, execute in order, hand back everything the node persists and publishes.

use crate::check::Checked;
use crate::component::job::lots::stir;
use crate::component::token::exec::charge;
use crate::component::validator::voters::hand_over;
use crate::effects::{BlockEffects, digests};
use crate::error::TxError;
use crate::inclusion::{Bill, InclusionError, check_reports, manifest};
use crate::merkle::merkle_root;
use crate::outcome::Outcome;
use crate::state::State;
use crate::{exec, snapshot};
use ciro_types::{AccountId, Hash32, Height};
use std::collections::BTreeMap;

/// What consensus decided besides the transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// One above the last applied block.
    pub height: Height,
    /// A validator with a vote over this block.
    pub proposer: AccountId,
    /// The hash of the block before: what nobody could know when an order was signed or a worker registered.
    pub entropy: Hash32,
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
    /// Only validators propose, and only those that have a vote.
    #[error("proposer {got} is not a validator with a vote")]
    UnknownProposer {
        /// The block's proposer.
        got: AccountId,
    },
    /// It holds a transaction that it may not hold.
    #[error("the block holds what it may not")]
    Inclusion(#[from] InclusionError),
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
    hand_over(state);
    stir(state, context.entropy);
    state.commit();
    exec::sweep(state);
    state.tip.crowded += u64::from(is_crowded);
    charge(state, &bills);
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
    match state.validator(&context.proposer).filter(|row| row.power > 0) {
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
