//! Double signing: the ledger's judge, and this validator's duty to report what it has seen.
//!
//! A report is sent until the offence is punished. One that was not included after [`RESEND_COMMITS`] commits is told
//! to the others again, or signed anew if it is gone from the pool. Reports are free while they punish somebody, and
//! have a lane of their own in pools and blocks. So neither an empty purse nor a full pool silences them.

use crate::mempool::Mempool;
use ciro_consensus::{Equivocation, verify_evidence};
use ciro_crypto::Keypair;
use ciro_state::{Action, EvidenceCheck, EvidenceRejection, Offence, SignedTx, State, TxBody, ValidatorAction};
use ciro_store::TxRecord;
use ciro_types::{ChainId, Nonce, TxId};
use std::collections::BTreeMap;

/// Most offences waiting to be reported. More of them change nothing for the offender but the time.
const MAX_WAITING: usize = 256;

/// Commits after which a report that was not included is sent again.
pub const RESEND_COMMITS: u8 = 8;

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
    waiting: BTreeMap<ciro_consensus::Offence, Equivocation>,
    /// The report under way: one at a time, so that each has the account's next nonce.
    sent: Option<Sent>,
}

#[derive(Debug)]
struct Sent {
    tx: SignedTx,
    id: TxId,
    offence: ciro_consensus::Offence,
    /// Commits until it is sent again.
    commits: u8,
}

/// What to do about what was seen.
pub(crate) enum Duty {
    /// Take this report into the pool and tell the others.
    Submit(SignedTx),
    /// It waits in the pool: tell the others again.
    Repeat(SignedTx),
}

impl Reports {
    /// Notes what was seen. Evidence that proves nothing is dropped.
    pub(crate) fn note(&mut self, chain: ChainId, evidence: Vec<Equivocation>) {
        for piece in evidence {
            let Ok(offence) = piece.verify(chain) else { continue };
            if self.waiting.len() < MAX_WAITING {
                self.waiting.entry(offence).or_insert(piece);
            }
        }
    }

    /// Notes what became of the report under way. One that failed is not repeated: nothing was left to take.
    pub(crate) fn settle(&mut self, txs: &[TxRecord]) {
        if let Some(sent) = self.sent.take_if(|sent| txs.iter().any(|tx| tx.id == sent.id)) {
            self.waiting.remove(&sent.offence);
        }
    }

    /// The report under way found no place: it is signed anew after the next commit.
    pub(crate) fn refused(&mut self) {
        self.sent = None;
    }

    /// What to do after a commit, or nothing if a report is under way or everything seen is dealt with. `nonce` is the next
    /// one of the key's account.
    pub(crate) fn next(&mut self, state: &State, pool: &Mempool, key: &Keypair, nonce: Nonce) -> Option<Duty> {
        self.waiting.retain(|offence, _| state.is_punishable(&to_state(*offence)));
        // Somebody else's report came first, and ours is of no use any more.
        self.sent.take_if(|sent| !self.waiting.contains_key(&sent.offence));
        if let Some(sent) = &mut self.sent {
            sent.commits = sent.commits.saturating_sub(1);
            if sent.commits > 0 {
                return None;
            }
            sent.commits = RESEND_COMMITS;
            if pool.contains(&sent.id) {
                return Some(Duty::Repeat(sent.tx.clone()));
            }
        }
        self.sign(state, key, nonce).map(Duty::Submit)
    }

    fn sign(&mut self, state: &State, key: &Keypair, nonce: Nonce) -> Option<SignedTx> {
        let (&offence, evidence) = self.waiting.first_key_value()?;
        let action = Action::Validator(ValidatorAction::ReportEquivocation { evidence: evidence.to_bytes() });
        let body = TxBody { chain: state.meta().chain, sender: key.account(), nonce, action };
        let tx = SignedTx::sign(body, key);
        self.sent = Some(Sent { tx: tx.clone(), id: tx.id(), offence, commits: RESEND_COMMITS });
        Some(tx)
    }
}
