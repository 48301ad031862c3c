//! One account's transactions on their way to the ledger.
//!
//! The ledger takes an account's transactions in order of nonce, and a refused one uses no nonce. So whatever becomes of one
//! transaction decides the nonces of all behind it: the outbox signs them anew whenever the account's count and its own
//! expectation part. Nothing here is durable; what must survive a crash follows from the ledger's state.

use ciro_crypto::Keypair;
use ciro_engine::SubmitError;
use ciro_state::{Action, SignedTx, TxBody, TxError};
use ciro_types::{ChainId, Height, JobId, Nonce, TxId};
use std::collections::VecDeque;

/// Blocks after which a transaction that was not included is sent again.
const RESEND_BLOCKS: u64 = 8;

/// A transaction that has not been included yet.
struct Pending {
    job: Option<JobId>,
    action: Action,
    sent: Option<Sent>,
}

struct Sent {
    id: TxId,
    nonce: Nonce,
    at: Height,
}

/// The transactions of one account.
pub struct Outbox {
    chain: ChainId,
    key: Keypair,
    nonce: Nonce,
    height: Height,
    pending: VecDeque<Pending>,
}

impl Outbox {
    /// An outbox of the key's account, whose next nonce is `nonce` at `height`.
    #[must_use]
    pub const fn new(chain: ChainId, key: Keypair, nonce: Nonce, height: Height) -> Self {
        Self { chain, key, nonce, height, pending: VecDeque::new() }
    }

    /// Queues an action; `job` names it when it is refused.
    pub fn push(&mut self, job: Option<JobId>, action: Action) {
        self.pending.push_back(Pending { job, action, sent: None });
    }

    /// Takes in a block: which transactions it held, each with the refusal if there was one. Returns our refused ones.
    pub fn on_block(
        &mut self,
        height: Height,
        included: impl IntoIterator<Item = (TxId, Option<TxError>)>,
    ) -> Vec<(JobId, TxError)> {
        self.height = height;
        included.into_iter().filter_map(|(id, error)| self.conclude(id, error)).collect()
    }

    /// The validator would not queue the transaction. Returns it if the ledger would refuse it as well.
    pub fn on_refused(&mut self, id: TxId, error: SubmitError) -> Option<(JobId, TxError)> {
        match error {
            SubmitError::Invalid(error) => return self.conclude(id, Some(error)),
            SubmitError::NonceUsed { expected, .. } => self.restart_at(expected),
            // Room, or the nonces before it, come with the next block.
            _ => self.unsend(id),
        }
        None
    }

    fn conclude(&mut self, id: TxId, error: Option<TxError>) -> Option<(JobId, TxError)> {
        let at = self.find(id)?;
        if let Some(TxError::WrongNonce { expected, .. }) = error {
            self.restart_at(expected);
            return None;
        }
        if error.is_none() {
            // Not one more than before: a refusal may have told us of this very transaction already.
            let used = self.pending[at].sent.as_ref().map_or(self.nonce, |sent| Nonce(sent.nonce.0 + 1));
            self.nonce = self.nonce.max(used);
        }
        let concluded = self.pending.remove(at)?;
        concluded.job.zip(error)
    }

    fn find(&self, id: TxId) -> Option<usize> {
        self.pending.iter().position(|pending| pending.sent.as_ref().is_some_and(|sent| sent.id == id))
    }

    fn unsend(&mut self, id: TxId) {
        if let Some(at) = self.find(id) {
            self.pending[at].sent = None;
        }
    }

    /// The account's count is not what we thought: everything is signed anew from there.
    fn restart_at(&mut self, nonce: Nonce) {
        self.nonce = nonce;
    }

    /// The transactions to send now, in order of nonce.
    pub fn flush(&mut self) -> Vec<SignedTx> {
        let mut due = Vec::new();
        for (offset, pending) in (0..).zip(&mut self.pending) {
            let nonce = Nonce(self.nonce.0 + offset);
            let is_under_way = |sent: &Sent| sent.nonce == nonce && self.height.0 < sent.at.0 + RESEND_BLOCKS;
            if pending.sent.as_ref().is_some_and(is_under_way) {
                continue;
            }
            let body = TxBody { chain: self.chain, sender: self.key.account(), nonce, action: pending.action.clone() };
            let tx = SignedTx::sign(body, &self.key);
            pending.sent = Some(Sent { id: tx.id(), nonce, at: self.height });
            due.push(tx);
        }
        due
    }

    /// How many transactions are not included yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether every transaction was included or refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}
