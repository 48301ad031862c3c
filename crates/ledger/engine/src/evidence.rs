//! Double signing: the ledger's judge, and this validator's duty to report what it has seen.

use ciro_consensus::{Evidence, verify_evidence};
use ciro_crypto::Keypair;
use ciro_state::{Action, EvidenceCheck, EvidenceRejection, Offence, SignedTx, State, TxBody};
use ciro_store::TxRecord;
use ciro_types::{ChainId, Nonce, TxId};
use std::collections::BTreeMap;

/// Most offences waiting to be reported. More of them change nothing for the offender but the time.
const MAX_WAITING: usize = 256;

/// Judges evidence by the two signatures it carries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judge;

impl EvidenceCheck for Judge {
    fn check(&self, chain: ChainId, evidence: &[u8]) -> Result<Offence, EvidenceRejection> {
        match verify_evidence(chain, evidence) {
            Ok(offence) => Ok(to_state(offence)),
            Err(error) => Err(EvidenceRejection { reason: error.to_string() }),
        }
    }
}

fn to_state(offence: ciro_consensus::Offence) -> Offence {
    Offence { validator: offence.validator, height: offence.height, round: offence.round }
}

/// Offences seen by this validator and not yet punished by the ledger.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    waiting: BTreeMap<ciro_consensus::Offence, Evidence>,
    /// The report under way: one at a time, so that each has the account's next nonce.
    sent: Option<(TxId, ciro_consensus::Offence)>,
}

impl Reports {
    /// Notes what was seen. Evidence that proves nothing is dropped.
    pub(crate) fn note(&mut self, chain: ChainId, evidence: Vec<Evidence>) {
        for piece in evidence {
            let Ok(offence) = piece.verify(chain) else { continue };
            if self.waiting.len() < MAX_WAITING {
                self.waiting.entry(offence).or_insert(piece);
            }
        }
    }

    /// Notes what became of the report under way. One that failed is not repeated: nothing was left to take.
    pub(crate) fn settle(&mut self, txs: &[TxRecord]) {
        let Some((id, offence)) = self.sent else { return };
        if txs.iter().any(|tx| tx.id == id) {
            self.waiting.remove(&offence);
            self.sent = None;
        }
    }

    /// The next report to submit, signed, or none if one is under way or everything seen is dealt with.
    pub(crate) fn next(&mut self, state: &State, key: &Keypair, nonce: Nonce) -> Option<SignedTx> {
        if self.sent.is_some() {
            return None;
        }
        self.waiting.retain(|offence, _| is_punishable(state, to_state(*offence)));
        let (&offence, evidence) = self.waiting.first_key_value()?;
        let action = Action::ReportEquivocation { evidence: evidence.to_bytes() };
        let body = TxBody { chain: state.meta().chain, sender: key.account(), nonce, action };
        let tx = SignedTx::sign(body, key);
        self.sent = Some((tx.id(), offence));
        Some(tx)
    }
}

/// Whether a report would take anything.
fn is_punishable(state: &State, offence: Offence) -> bool {
    let at_risk = state.validator(&offence.validator).is_some_and(|validator| validator.stake.0 > 0);
    at_risk && state.punished(&offence.into()).is_none()
}
