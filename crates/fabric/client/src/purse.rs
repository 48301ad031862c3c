//! The key that pays, and whose turn it is to use it.

use crate::store::{Turn, Turns};
use ciro_crypto::Keypair;

/// A wallet in use.
pub struct Purse {
    key: Keypair,
    turns: Box<dyn Turns>,
}

impl Purse {
    /// The wallet of `key`, whose users take `turns`.
    #[must_use]
    pub fn new(key: Keypair, turns: impl Turns + 'static) -> Self {
        Self { key, turns: Box::new(turns) }
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &Keypair {
        &self.key
    }

    /// Waits for this user's turn to sign: from the question for a nonce until the transaction holds it.
    pub(crate) fn turn(&self) -> Option<Turn> {
        self.turns.to_sign()
    }

    /// Waits for this user's turn to publish a model, so that many who start together publish it once.
    pub(crate) fn publishing(&self) -> Option<Turn> {
        self.turns.to_publish()
    }
}
