//! A client's half of a submission: when its action is signed, and when it is signed anew.
//!
//! ```text
//! unsigned ──account──► signed ──until it waits──► following ──until it is committed──► done
//!     ▲                    │                          │
//!     └── its nonce is taken, and it waits nowhere ◄──┴── its nonce is used up by another
//! ```
//!
//! Many clients may share an account. Between the question for a nonce and the moment a transaction holds it, another
//! may take it: then the action is signed anew. From then on a copy travels, and a second one under another nonce
//! could be executed as well. So it is sent as it is, again and again, until the state shows that its nonce is used up
//! without it.
//!
//! A transaction whose client has given it up, or whose validator has lost it, leaves a gap that nothing behind it can pass. Whoever waits
//! behind a gap uses its nonce up with a transfer of one unit to the account itself; everybody's is the same transaction.
//!
//! Owns no connection and no clock: the caller asks what [`Errand::ask`] says, and brings the answer. After one that settles nothing,
//! [`Answer::NonceTaken`] or [`Answer::Unknown`], it waits for [`pause_after`] before it asks again.

use crate::error::{NONCE, UNAVAILABLE};
use ciro_crypto::Keypair;
use ciro_state::{Action, SignedTx, TxBody};
use ciro_types::{Amount, ChainId, Nonce};
use std::time::Duration;

/// The shortest pause. An answer takes some milliseconds at best.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// The longest pause. Many commands may wait for the same network.
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// A pause is this part of the time that has passed, which bounds what waiting adds to it.
const PAUSE_PART: u32 = 16;

/// How long a client that has waited for `elapsed` waits before it asks again.
#[must_use]
pub fn pause_after(elapsed: Duration) -> Duration {
    (elapsed / PAUSE_PART).clamp(PAUSE_MIN, PAUSE_MAX)
}

/// What to ask the gateway next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The account's nonces: [`Errand::on_account`]. If several clients share the account, this is where one's turn to sign begins.
    Account,
    /// To take this transaction, answered once it waits: [`Errand::on_answer`]. Here the turn ends.
    Enqueue(SignedTx),
    /// To take this transaction, which closes a gap before ours. Any answer, a refusal too, is [`Answer::Unknown`].
    Fill(SignedTx),
    /// To say when this transaction is committed: [`Errand::on_answer`].
    Follow(SignedTx),
}

/// What the gateway answered. A refusal for good ends the errand and is nobody's business here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The transaction is where it was asked to be.
    Done,
    /// Another transaction has its nonce, in a block or waiting.
    NonceTaken,
    /// The gateway could not say.
    Unknown,
}

impl Answer {
    /// What the code of a refusal means; `None` if asking again does not change it.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        match code {
            NONCE => Some(Self::NonceTaken),
            UNAVAILABLE => Some(Self::Unknown),
            _ => None,
        }
    }
}

#[derive(Debug)]
enum Stage {
    Unsigned,
    Signed(SignedTx),
    /// The state may have moved past the nonce; it is asked before each question for the transaction.
    Sent(SignedTx),
    /// Nothing holds a nonce before it.
    Behind {
        tx: SignedTx,
        filler: Box<SignedTx>,
    },
    Followed {
        tx: SignedTx,
        is_used: bool,
    },
    Done,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Errand {
    chain: ChainId,
    action: Action,
    stage: Stage,
}

impl Errand {
    /// Nothing is signed yet.
    #[must_use]
    pub const fn new(chain: ChainId, action: Action) -> Self {
        Self { chain, action, stage: Stage::Unsigned }
    }

    /// Whether a turn to sign is needed: nothing travels yet.
    #[must_use]
    pub const fn is_unsigned(&self) -> bool {
        matches!(self.stage, Stage::Unsigned)
    }

    /// What to ask next. `None` once the transaction is committed.
    #[must_use]
    pub fn ask(&self) -> Option<Ask> {
        match &self.stage {
            Stage::Unsigned | Stage::Sent(_) => Some(Ask::Account),
            Stage::Signed(tx) => Some(Ask::Enqueue(tx.clone())),
            Stage::Behind { filler, .. } => Some(Ask::Fill(SignedTx::clone(filler))),
            Stage::Followed { tx, .. } => Some(Ask::Follow(tx.clone())),
            Stage::Done => None,
        }
    }

    /// The account has `used` nonces up, and `next` is the first that nothing holds.
    pub fn on_account(&mut self, key: &Keypair, used: Nonce, next: Nonce) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Unsigned => Stage::Signed(self.sign(key, next, self.action.clone())),
            Stage::Sent(tx) if next < tx.body.nonce => {
                let action = Action::Transfer { to: key.account(), amount: Amount(1) };
                Stage::Behind { filler: Box::new(self.sign(key, next, action)), tx }
            }
            Stage::Sent(tx) => Stage::Followed { is_used: used > tx.body.nonce, tx },
            other @ (Stage::Signed(_) | Stage::Behind { .. } | Stage::Followed { .. } | Stage::Done) => other,
        };
    }

    fn sign(&self, key: &Keypair, nonce: Nonce, action: Action) -> SignedTx {
        let body = TxBody { chain: self.chain, sender: key.account(), nonce, action };
        SignedTx::sign(body, key)
    }

    /// The answer to [`Ask::Enqueue`], [`Ask::Fill`] or [`Ask::Follow`].
    pub fn on_answer(&mut self, answer: Answer) {
        self.stage = match (std::mem::replace(&mut self.stage, Stage::Done), answer) {
            (Stage::Signed(_), Answer::NonceTaken) => Stage::Unsigned,
            // Without an answer it may be on its way.
            (Stage::Signed(tx), Answer::Done | Answer::Unknown) => Stage::Sent(tx),
            (Stage::Behind { tx, .. }, _) => Stage::Followed { tx, is_used: false },
            (Stage::Followed { .. }, Answer::Done) => Stage::Done,
            // In this order: whatever used the nonce up was in a block, and known, when the transaction was asked for.
            (Stage::Followed { is_used: true, .. }, Answer::NonceTaken) => Stage::Unsigned,
            (Stage::Followed { tx, .. }, Answer::NonceTaken | Answer::Unknown) => Stage::Sent(tx),
            (other @ (Stage::Unsigned | Stage::Sent(_) | Stage::Done), _) => other,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_types::AccountId;

    #[test]
    fn pauses_grow_with_the_time_that_has_passed_within_bounds() {
        assert_eq!(pause_after(Duration::ZERO), PAUSE_MIN);
        assert_eq!(pause_after(Duration::from_millis(160)), Duration::from_millis(10));
        assert_eq!(pause_after(Duration::from_secs(3_600)), PAUSE_MAX);
    }

    fn errand() -> Errand {
        Errand::new(ChainId([1; 32]), Action::Transfer { to: AccountId([2; 32]), amount: Amount(1) })
    }

    fn key() -> Keypair {
        Keypair::from_seed([3; 32])
    }

    fn sent(errand: &Errand) -> SignedTx {
        match errand.ask() {
            Some(Ask::Enqueue(tx) | Ask::Fill(tx) | Ask::Follow(tx)) => tx,
            other => panic!("expected a transaction, got {other:?}"),
        }
    }

    #[test]
    fn an_action_is_signed_with_the_next_free_nonce_and_followed_into_a_block() {
        let mut errand = errand();
        assert_eq!(errand.ask(), Some(Ask::Account));
        errand.on_account(&key(), Nonce(4), Nonce(7));
        let tx = sent(&errand);
        assert_eq!(tx.body.nonce, Nonce(7));
        errand.on_answer(Answer::Done);
        errand.on_account(&key(), Nonce(4), Nonce(8));
        assert_eq!(errand.ask(), Some(Ask::Follow(tx)));
        errand.on_answer(Answer::Done);
        assert_eq!(errand.ask(), None);
    }

    #[test]
    fn who_is_late_for_a_nonce_signs_anew() {
        let mut errand = errand();
        errand.on_account(&key(), Nonce(4), Nonce(4));
        errand.on_answer(Answer::NonceTaken);
        assert!(errand.is_unsigned());
        errand.on_account(&key(), Nonce(4), Nonce(5));
        assert_eq!(sent(&errand).body.nonce, Nonce(5));
    }

    #[test]
    fn who_waits_behind_a_gap_closes_it_and_goes_on() {
        let mut errand = errand();
        errand.on_account(&key(), Nonce(4), Nonce(6));
        let tx = sent(&errand);
        errand.on_answer(Answer::Done);
        // Whoever held nonce 5 is gone.
        errand.on_account(&key(), Nonce(4), Nonce(5));
        let Some(Ask::Fill(filler)) = errand.ask() else { panic!("expected a filler, got {:?}", errand.ask()) };
        assert_eq!(filler.body.nonce, Nonce(5));
        assert_eq!(filler.body.action, Action::Transfer { to: key().account(), amount: Amount(1) });
        errand.on_answer(Answer::Unknown);
        assert_eq!(errand.ask(), Some(Ask::Follow(tx)));
    }

    #[test]
    fn what_may_travel_is_not_signed_anew_before_its_nonce_is_used_up() {
        let mut errand = errand();
        errand.on_account(&key(), Nonce(4), Nonce(4));
        let tx = sent(&errand);
        errand.on_answer(Answer::Unknown);
        for answer in [Answer::Unknown, Answer::NonceTaken, Answer::Unknown] {
            errand.on_account(&key(), Nonce(4), Nonce(9));
            assert_eq!(errand.ask(), Some(Ask::Follow(tx.clone())));
            errand.on_answer(answer);
        }
        errand.on_account(&key(), Nonce(5), Nonce(9));
        errand.on_answer(Answer::Unknown);
        assert!(!errand.is_unsigned(), "it may be the one that used the nonce up");
        errand.on_account(&key(), Nonce(5), Nonce(9));
        errand.on_answer(Answer::NonceTaken);
        errand.on_account(&key(), Nonce(5), Nonce(9));
        assert_eq!(sent(&errand).body.nonce, Nonce(9));
    }
}
