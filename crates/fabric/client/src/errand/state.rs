//! How far an errand is.

use ciro_state::SignedTx;

/// How far it is.
#[derive(Debug)]
pub(super) enum Stage {
    /// Nothing travels.
    Unsigned,
    /// It has a nonce, and is to be sent.
    Signed(SignedTx),
    /// The state may have moved past the nonce; it is asked before each question for the transaction.
    Sent(SignedTx),
    /// Nothing holds a nonce before it.
    Behind { tx: SignedTx, filler: Box<SignedTx> },
    /// It is asked for by its id, until a block holds it.
    Followed { tx: SignedTx, is_used: bool },
    /// A block holds it.
    Done,
}
