//! What a matcher is told, and what it asks for.

use ciro_api::Message;
use ciro_api::news::{BlockNews, Grant, Verdict};
use ciro_state::SignedTx;
use ciro_types::TxId;

/// What a matcher is told.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A block was committed. Blocks come in order, and none is left out.
    Block(&'a BlockNews),
    /// What became of a submitted transaction, this account's or not.
    Verdict(&'a Verdict),
    /// The validator was not reached with these transactions.
    Undelivered(&'a [TxId]),
}

impl<'a> Input<'a> {
    /// What a message says to a matcher; `None` if it is for somebody else.
    #[must_use]
    pub fn of(message: &'a Message) -> Option<Self> {
        match message {
            Message::Block(news) => Some(Self::Block(news)),
            Message::Verdict(verdict) => Some(Self::Verdict(verdict)),
            Message::Grant(_)
            | Message::Query { .. }
            | Message::Answer { .. }
            | Message::Command { .. }
            | Message::Done { .. }
            | Message::Head { .. } => None,
        }
    }
}

/// What the caller must do, in order.
#[derive(Debug)]
pub enum Effect {
    /// Deliver the lease to its worker. May be asked for twice.
    Grant(Box<Grant>),
    /// Hand these to a validator. Whether it takes them comes back as [`Input::Verdict`].
    Submit(Vec<SignedTx>),
}
