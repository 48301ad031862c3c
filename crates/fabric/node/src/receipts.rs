//! Receipts, put together from what a validator's store holds.

use ciro_auditor::{ProofContext, Weights};
use ciro_consensus::SealedBlock;
use ciro_receipt::{Evidence, Receipt, Settlement};
use ciro_state::{Action, Event, Genesis, JobAction, SettlementRecord, SignedTx};
use ciro_store::StoreError;
use ciro_types::{Assurance, JobId, ModelRoots, TxId};
use ciro_validator::{Store, query};

/// The public part of a registered model.
#[derive(Clone, Debug)]
pub struct PublicModel {
    /// Canonical bytes of its program.
    pub program: Vec<u8>,
    /// Its key and its weights.
    pub roots: ModelRoots,
}

/// The settlement of `job`, once the block after it is committed.
///
/// # Errors
/// [`StoreError`] if the database cannot be read.
pub fn settlement(store: &Store, genesis: &Genesis, job: JobId) -> Result<Option<Settlement>, StoreError> {
    let proof = query::settlement_proof(store, &job)?;
    Ok(proof.map(|proof| Settlement {
        genesis: genesis.clone(),
        changes: proof.changes,
        certified: proof.certified,
        path: proof.path,
        record: proof.record,
    }))
}

/// The receipt of a settled job.
///
/// # Errors
/// [`StoreError::Pruned`] if the answer is no longer kept.
pub fn receipt(store: &Store, model: PublicModel, settlement: Settlement) -> Result<Option<Receipt>, StoreError> {
    let Some(answer) = answer(store, &settlement.record)? else { return Ok(None) };
    Ok(Some(Receipt {
        program: model.program,
        key: model.roots.key,
        weights: Weights::Committed(model.roots.weights),
        input: answer.input,
        output: answer.output,
        evidence: answer.evidence,
        settlement: Some(settlement),
    }))
}

/// The refusal of a receipt whose model's row is no longer kept.
///
/// # Errors
/// [`StoreError::Pruned`], always if the store can be read.
pub fn pruned(store: &Store, settlement: &Settlement) -> Result<Option<Receipt>, StoreError> {
    Err(StoreError::Pruned { oldest: store.oldest()?, got: settlement.record.height })
}

struct Answer {
    input: Vec<u8>,
    output: Vec<u8>,
    evidence: Evidence,
}

/// The answer that was paid, from the transaction that carried it.
fn answer(store: &Store, record: &SettlementRecord) -> Result<Option<Answer>, StoreError> {
    let Some(carrier) = carrier(store, record)? else { return Ok(None) };
    Ok(match (&carrier.body.action, record.assurance) {
        (Action::Job(JobAction::Settle { input, output, .. }), Assurance::A0) => Some(Answer {
            input: input.clone(),
            output: output.clone(),
            evidence: Evidence::Signed { tx: Box::new(carrier.clone()) },
        }),
        (Action::Job(JobAction::Settle { input, output, proof, .. }), Assurance::A4) => {
            let context = ProofContext { chain: record.chain, job: record.job, worker: carrier.body.sender };
            let evidence = Evidence::Proven { context: context.into(), proof: proof.clone() };
            Some(Answer { input: input.clone(), output: output.clone(), evidence })
        }
        (Action::Job(JobAction::Reveal { input, output, .. }), Assurance::A2) => {
            Some(Answer { input: input.clone(), output: output.clone(), evidence: Evidence::Agreed })
        }
        _ => None,
    })
}

/// The transaction that carries the paid output. It may stand in an earlier block than the settlement.
fn carrier(store: &Store, record: &SettlementRecord) -> Result<Option<SignedTx>, StoreError> {
    let Some(journal) = store.journal(record.height)? else { return Ok(None) };
    let settles = |event: Event| {
        let Event::JobSettled { record: settled, tx } = event else { return None };
        (settled.job == record.job).then_some(tx)
    };
    let Some(id) = journal.events.into_iter().find_map(settles) else { return Ok(None) };
    // A settlement names a transaction that was in a block.
    let Some(height) = store.tx_height(&id)? else {
        return Err(StoreError::Pruned { oldest: store.oldest()?, got: record.height });
    };
    Ok(store.block(height)?.and_then(|block| transaction(&block, id)))
}

fn transaction(block: &SealedBlock, id: TxId) -> Option<SignedTx> {
    let decode = |bytes: &Vec<u8>| SignedTx::decode(bytes, bytes.len()).ok();
    block.txs().iter().filter_map(decode).find(|tx| tx.id() == id)
}
