//! What a validator says, as those are told who follow it.

use ciro_api::NodeError;
use ciro_api::news::{BlockNews, Turned, TxNews, Verdict};
use ciro_state::TxError;
use ciro_validator::{Admission, Committed, SubmitError};

/// A committed block. Cost: its events are copied.
#[must_use]
pub fn block(committed: &Committed) -> BlockNews {
    let tx = |record: &ciro_store::TxRecord| TxNews { id: record.id, refusal: record.result.clone().err() };
    BlockNews {
        height: committed.header.height,
        id: committed.id,
        txs: committed.txs.iter().map(tx).collect(),
        nonces: committed.nonces.clone(),
        events: committed.events.clone(),
    }
}

/// What became of a submitted transaction; `None` for bytes that are none.
#[must_use]
pub fn verdict(admission: &Admission) -> Option<Verdict> {
    let result = match &admission.result {
        Ok(()) => Ok(()),
        Err(error) => Err(turned(error)),
    };
    Some(Verdict { tx: admission.tx?, result })
}

/// The ledger's refusal as a client is told.
#[must_use]
pub fn refused(error: &TxError) -> NodeError {
    NodeError::Refused { reason: error.to_string() }
}

fn turned(error: &SubmitError) -> Turned {
    let reason = error.to_string();
    match error {
        SubmitError::Invalid(error) => Turned::Invalid { error: error.clone(), told: refused(error) },
        SubmitError::NonceUsed { .. } | SubmitError::NonceTaken { .. } => {
            Turned::Void { told: NodeError::Nonce { reason } }
        }
        SubmitError::Malformed(_) => Turned::Void { told: NodeError::Refused { reason } },
        // Room, or the nonces before it, come with the next block.
        SubmitError::NonceAhead { .. } => Turned::Later { blocks: 1, told: NodeError::Nonce { reason } },
        SubmitError::Unfunded { .. } => Turned::Later { blocks: 1, told: NodeError::Refused { reason } },
        SubmitError::Barred { commits } => {
            Turned::Later { blocks: (*commits).max(1), told: NodeError::Refused { reason } }
        }
        SubmitError::SenderFull { .. } | SubmitError::PoolFull | SubmitError::ReadOnly { .. } => {
            Turned::Later { blocks: 1, told: NodeError::Unavailable { reason } }
        }
    }
}
