//! The actor: asks and answers in, the next question out.

use super::mailbox::{Answer, Ask};
use super::state::Stage;
use ciro_crypto::Keypair;
use ciro_state::{Action, SignedTx, TokenAction, TxBody};
use ciro_types::{Amount, ChainId, Nonce};

/// The step machine. See the documentation of [`errand`](crate::errand).
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
                let action = Action::Token(TokenAction::Transfer { to: key.account(), amount: Amount(1) });
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

    fn errand() -> Errand {
        Errand::new(
            ChainId([1; 32]),
            Action::Token(TokenAction::Transfer { to: AccountId([2; 32]), amount: Amount(1) }),
        )
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
        assert_eq!(filler.body.action, Action::Token(TokenAction::Transfer { to: key().account(), amount: Amount(1) }));
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
