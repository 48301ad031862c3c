//! A0 and A2: an answer that a worker signed, and answers that agree. Neither is a proof.

use crate::error::ReceiptError;
use crate::receipt::{Evidence, Receipt};
use crate::report::Bound;
use ciro_state::{Action, JobAction, SettlementRecord, SignedTx};
use ciro_types::AccountId;
use std::collections::BTreeSet;

/// Answers that must agree at A2.
const AGREEING: usize = 2;

/// Checks what speaks for the output, short of a proof; returns what it is bound to.
pub(crate) fn check_answer(receipt: &Receipt) -> Result<Option<Bound>, ReceiptError> {
    let record = receipt.settlement.as_ref().map(|settlement| &settlement.record);
    match &receipt.evidence {
        Evidence::Proven { context, .. } => Ok(Bound::of(context)),
        Evidence::Signed { tx } => check_signed(receipt, tx, record.ok_or(ReceiptError::Nothing)?).map(Some),
        Evidence::Agreed => check_agreed(record.ok_or(ReceiptError::Nothing)?).map(Some),
    }
}

/// A0: the worker signed exactly this answer, and the record pays that worker.
fn check_signed(receipt: &Receipt, tx: &SignedTx, record: &SettlementRecord) -> Result<Bound, ReceiptError> {
    let Action::Job(JobAction::Settle { authority, input, output, .. }) = &tx.body.action else {
        return Err(ReceiptError::SignedElse);
    };
    let same = *input == receipt.input && *output == receipt.output && authority.job() == record.job;
    if !same || tx.body.chain != record.chain {
        return Err(ReceiptError::SignedElse);
    }
    let worker = tx.body.sender;
    if !record.payments.iter().any(|payment| payment.worker == worker) {
        return Err(ReceiptError::Worker { got: worker });
    }
    tx.verify_signature().map_err(ReceiptError::Signature)?;
    Ok(Bound { network: record.chain, job: record.job, workers: vec![worker] })
}

/// A2: the record says that at least two workers were paid for this output.
fn check_agreed(record: &SettlementRecord) -> Result<Bound, ReceiptError> {
    let workers: BTreeSet<AccountId> = record.payments.iter().map(|payment| payment.worker).collect();
    if workers.len() < AGREEING {
        return Err(ReceiptError::Workers { expected: AGREEING, got: workers.len() });
    }
    Ok(Bound { network: record.chain, job: record.job, workers: workers.into_iter().collect() })
}
