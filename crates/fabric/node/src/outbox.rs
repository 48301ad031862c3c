//! One account's transactions on their way to the ledger.
//!
//! The ledger takes an account's transactions in order of nonce. Three rules follow, and together they execute no action twice and
//! leave no gap:
//!
//! - **The state says which nonce is next.** Every block hands over the account's nonce after it. No message of a validator moves it,
//!   least of all one about somebody else's transaction.
//! - **A signed action keeps its nonce** until the account has moved past it. Under a second nonce a copy that still travels would be
//!   executed as well.
//! - **The lowest free nonce is used first.** A refusal at the door frees a nonce below others that are under way. The
//!   next action takes it, and without one a transfer of one unit to the account itself does.
//!
//! An action ends in one of two ways: its transaction is in a block, executed or refused there. Or the validator
//! refuses it at the door, and it is not sent again. Nothing here is durable; what must survive a crash follows from
//! the ledger's state.

use ciro_api::news::{BlockNews, Turned, Verdict};
use ciro_crypto::Keypair;
use ciro_state::{Action, SignedTx, TokenAction, TxBody, TxError};
use ciro_types::{Amount, ChainId, Height, JobId, Nonce, TxId};
use std::collections::{BTreeMap, VecDeque};

/// Blocks after which a transaction that was not included is sent again: it was lost, or its validator dropped it.
pub const RESEND_BLOCKS: u64 = 4;
/// Most transactions under way at once. More wait here, where they hold no nonce and no validator's memory.
pub const WINDOW: u64 = 32;

/// An action, and the job that names it when it is refused.
struct Wanted {
    job: Option<JobId>,
    action: Action,
}

/// A signed transaction under way.
struct Sent {
    id: TxId,
    tx: SignedTx,
    /// Why it was signed.
    purpose: Purpose,
    /// After which block it is sent, for the first time or again.
    due: Height,
}

/// Why a transaction was signed.
enum Purpose {
    /// Somebody wants its action done.
    Wanted {
        /// What names it when it is refused.
        job: Option<JobId>,
    },
    /// Its nonce had to be used up.
    Filler,
}

/// The transactions of one account.
pub struct Outbox {
    chain: ChainId,
    key: Keypair,
    /// The account's nonce after the last block.
    next: Nonce,
    height: Height,
    /// Not signed yet, oldest first.
    queue: VecDeque<Wanted>,
    /// Under way.
    sent: BTreeMap<Nonce, Sent>,
}

impl Outbox {
    /// An outbox of the key's account, whose next nonce is `nonce` after the block at `height`.
    #[must_use]
    pub const fn new(chain: ChainId, key: Keypair, nonce: Nonce, height: Height) -> Self {
        Self { chain, key, next: nonce, height, queue: VecDeque::new(), sent: BTreeMap::new() }
    }

    /// Queues an action; `job` names it when it is refused.
    pub fn push(&mut self, job: Option<JobId>, action: Action) {
        self.queue.push_back(Wanted { job, action });
    }

    /// Takes in a committed block, in order. Returns our transactions that it refused.
    pub fn on_news(&mut self, block: &BlockNews) -> Vec<(JobId, TxError)> {
        let nonce = block.nonces.get(&self.key.account()).copied();
        let included = block.txs.iter().map(|tx| (tx.id, tx.refusal.clone()));
        self.on_block(block.height, nonce, included)
    }

    /// Takes in a block. `nonce` is the account's nonce after it, if anything of the account is in it. `included` are the transactions it
    /// held, each with its refusal if there was one. Returns our refused ones.
    pub fn on_block(
        &mut self,
        height: Height,
        nonce: Option<Nonce>,
        included: impl IntoIterator<Item = (TxId, Option<TxError>)>,
    ) -> Vec<(JobId, TxError)> {
        self.height = height;
        let refused = included.into_iter().filter_map(|(id, error)| self.conclude(id, error)).collect();
        if let Some(nonce) = nonce {
            self.advance(nonce);
        }
        refused
    }

    /// What the validator did with a transaction, ours or not. Returns ours if the ledger would refuse it as well.
    pub fn on_verdict(&mut self, verdict: &Verdict) -> Option<(JobId, TxError)> {
        match &verdict.result {
            Err(Turned::Invalid { error, .. }) => return self.conclude(verdict.tx, Some(error.clone())),
            Err(Turned::Later { blocks, .. }) => self.send_again(verdict.tx, self.height.plus(*blocks)),
            // A block says, or will say, what became of the nonce.
            Ok(()) | Err(Turned::Void { .. }) => {}
        }
        None
    }

    /// The validator was not reached: with the next block it may be.
    pub fn on_undelivered(&mut self, id: TxId) {
        self.send_again(id, self.height.next());
    }

    fn conclude(&mut self, id: TxId, error: Option<TxError>) -> Option<(JobId, TxError)> {
        let nonce = self.find(id)?;
        match self.sent.remove(&nonce)?.purpose {
            Purpose::Wanted { job } => job.zip(error),
            Purpose::Filler => None,
        }
    }

    fn find(&self, id: TxId) -> Option<Nonce> {
        self.sent.iter().find(|(_, sent)| sent.id == id).map(|(nonce, _)| *nonce)
    }

    fn send_again(&mut self, id: TxId, due: Height) {
        if let Some(sent) = self.find(id).and_then(|nonce| self.sent.get_mut(&nonce)) {
            sent.due = due;
        }
    }

    /// The account has moved on. What was signed for a nonce that something else has used can never be executed: it goes back in
    /// line, in front.
    fn advance(&mut self, nonce: Nonce) {
        self.next = self.next.max(nonce);
        let under_way = self.sent.split_off(&self.next);
        let void = std::mem::replace(&mut self.sent, under_way);
        for sent in void.into_values().rev() {
            if let Purpose::Wanted { job } = sent.purpose {
                self.queue.push_front(Wanted { job, action: sent.tx.body.action });
            }
        }
    }

    /// The transactions to send now, in order of nonce.
    pub fn flush(&mut self) -> Vec<SignedTx> {
        self.sign_queue();
        self.fill_gaps();
        let now = self.height;
        let due = self.sent.values_mut().filter(|sent| sent.due <= now).map(|sent| {
            sent.due = now.plus(RESEND_BLOCKS);
            sent.tx.clone()
        });
        due.collect()
    }

    fn sign_queue(&mut self) {
        let window = self.next.0..self.next.0.saturating_add(WINDOW);
        for nonce in window.map(Nonce) {
            if self.sent.contains_key(&nonce) {
                continue;
            }
            let Some(Wanted { job, action }) = self.queue.pop_front() else { return };
            self.sign(nonce, action, Purpose::Wanted { job });
        }
    }

    /// Uses up every free nonce below one that is under way.
    fn fill_gaps(&mut self) {
        let Some(last) = self.sent.keys().next_back().copied() else { return };
        for nonce in (self.next.0..last.0).map(Nonce) {
            if !self.sent.contains_key(&nonce) {
                let action = Action::Token(TokenAction::Transfer { to: self.key.account(), amount: Amount(1) });
                self.sign(nonce, action, Purpose::Filler);
            }
        }
    }

    fn sign(&mut self, nonce: Nonce, action: Action, purpose: Purpose) {
        let body = TxBody { chain: self.chain, sender: self.key.account(), nonce, action };
        let tx = SignedTx::sign(body, &self.key);
        self.sent.insert(nonce, Sent { id: tx.id(), tx, purpose, due: self.height });
    }

    /// How many transactions are not included yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len() + self.sent.len()
    }

    /// Whether every transaction was included or refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.sent.is_empty()
    }
}
