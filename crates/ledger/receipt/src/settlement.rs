//! The ledger's word: the record of a paid job, its place in a block, and the decision of that block.

use crate::error::{
    PAYMENTS_MAX, ReceiptError, SETTLEMENT_BYTES_OF_UNIT, SETTLEMENT_MEMORY, SIGNATURE_UNITS, SIGNATURES_MAX,
};
use crate::receipt::{Evidence, Receipt, Settlement};
use ciro_consensus::light::{follow, verify as verify_header};
use ciro_consensus::{Validator, ValidatorSet};
use ciro_state::{SettlementRecord, input_hash, output_hash};
use ciro_types::{ChainId, Hash32, ModelId};

/// Checks that validators of the settlement's own network decided that this answer of `model` was paid.
pub(crate) fn check_settlement(receipt: &Receipt, settlement: &Settlement, model: ModelId) -> Result<(), ReceiptError> {
    let (expected, got) = (PAYMENTS_MAX, settlement.record.payments.len());
    if got > expected {
        return Err(ReceiptError::Payments { expected, got });
    }
    settlement.genesis.check().map_err(ReceiptError::Genesis)?;
    let chain = settlement.genesis.chain_id();
    check_record(receipt, &settlement.record, model, chain)?;
    check_place(settlement)?;
    check_decided(settlement, chain)
}

/// The record speaks of this model, input, output and worker.
fn check_record(
    receipt: &Receipt,
    record: &SettlementRecord,
    model: ModelId,
    chain: ChainId,
) -> Result<(), ReceiptError> {
    check_same([
        ("network", Hash32(chain.0), Hash32(record.chain.0)),
        ("model", Hash32(model.0), Hash32(record.model.0)),
        ("input", input_hash(&receipt.input), record.input),
        ("output", output_hash(&receipt.output), record.output),
    ])?;
    let (expected, got) = (record.assurance, receipt.evidence.assurance());
    if expected != got {
        return Err(ReceiptError::Assurance { expected, got });
    }
    let Evidence::Proven { context, .. } = &receipt.evidence else { return Ok(()) };
    check_same([
        ("network of the proof", Hash32(context.chain.0), Hash32(record.chain.0)),
        ("job of the proof", Hash32(context.job.0), Hash32(record.job.0)),
    ])?;
    if record.payments.iter().any(|payment| payment.worker == context.worker) {
        return Ok(());
    }
    Err(ReceiptError::Worker { got: context.worker })
}

fn check_same<const N: usize>(pairs: [(&'static str, Hash32, Hash32); N]) -> Result<(), ReceiptError> {
    match pairs.into_iter().find(|(_, expected, got)| expected != got) {
        Some((what, expected, got)) => Err(ReceiptError::Mismatch { what, expected, got }),
        None => Ok(()),
    }
}

/// The record is under the root of the header that follows its block.
fn check_place(settlement: &Settlement) -> Result<(), ReceiptError> {
    let (settled, header) = (settlement.record.height, &settlement.certified.header);
    // From the header down: a height may be the largest there is, and has no successor then.
    if header.height.0.checked_sub(1) != Some(settled.0) {
        return Err(ReceiptError::Height { settled, got: header.height });
    }
    settlement.path.verify(&settlement.record.digest(), header.receipts_root).map_err(ReceiptError::Path)
}

/// What checking it takes at most, in units of work and in bytes of memory.
pub(crate) fn cost(settlement: &Settlement) -> (u64, u64) {
    let wide = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    // Counting cannot fail. If it did, nobody would accept what is returned.
    let bytes = borsh::object_length(settlement).map_or(u64::MAX, wide);
    let votes = wide(signatures(settlement)).saturating_mul(SIGNATURE_UNITS);
    let units = bytes.div_ceil(SETTLEMENT_BYTES_OF_UNIT).saturating_add(votes);
    (units, bytes.saturating_mul(SETTLEMENT_MEMORY))
}

/// How many votes speak for the settlement, those for handovers included.
fn signatures(settlement: &Settlement) -> usize {
    let certificates = settlement.changes.iter().map(|change| &change.last).chain([&settlement.certified]);
    certificates.map(|certified| certified.certificate.signatures.len()).fold(0, usize::saturating_add)
}

/// The network's validators decided the header.
fn check_decided(settlement: &Settlement, chain: ChainId) -> Result<(), ReceiptError> {
    let got = signatures(settlement);
    if got > SIGNATURES_MAX {
        return Err(ReceiptError::Votes { expected: SIGNATURES_MAX, got });
    }
    let members =
        settlement.genesis.validators.iter().filter_map(|v| Validator::of_stake(v.account, v.stake)).collect();
    let genesis_set = ValidatorSet::new(members).map_err(ReceiptError::Validators)?;
    let set = follow(chain, &genesis_set, &settlement.changes).map_err(ReceiptError::Light)?;
    verify_header(chain, &set, &settlement.certified).map_err(ReceiptError::Light)
}
