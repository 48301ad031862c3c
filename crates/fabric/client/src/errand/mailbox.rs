//! What an errand asks a gateway, and what it is answered.

use ciro_api::code;
use ciro_state::SignedTx;

/// What to ask the gateway next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The account's nonces: [`super::Errand::on_account`]. If several clients share the account, this is where one's turn to sign begins.
    Account,
    /// To take this transaction, answered once it waits: [`super::Errand::on_answer`]. Here the turn ends.
    Enqueue(SignedTx),
    /// To take this transaction, which closes a gap before ours. Any answer, a refusal too, is [`Answer::Unknown`].
    Fill(SignedTx),
    /// To say when this transaction is committed: [`super::Errand::on_answer`].
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
            code::NONCE => Some(Self::NonceTaken),
            code::UNAVAILABLE => Some(Self::Unknown),
            _ => None,
        }
    }
}
