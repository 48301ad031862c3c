//! What a hand is told, and what it asks for.

use ciro_api::Message;
use ciro_api::news::{BlockNews, Grant, Verdict};
use ciro_exec::{Answer, Failure, Task};
use ciro_state::SignedTx;
use ciro_types::{JobId, TxId};

/// What a hand is told.
#[derive(Debug)]
pub enum Input<'a> {
    /// A block was committed. Blocks come in order, and none is left out.
    Block(&'a BlockNews),
    /// What became of a submitted transaction, this worker's or not.
    Verdict(&'a Verdict),
    /// A lease for this worker. May come twice.
    Grant(&'a Grant),
    /// The validator was not reached with these transactions.
    Undelivered(&'a [TxId]),
    /// A task is done.
    Computed {
        /// The job.
        job: JobId,
        /// How it ended.
        result: Result<Answer, Failure>,
    },
}

impl<'a> Input<'a> {
    /// What a message says to a hand; `None` if it is for somebody else.
    #[must_use]
    pub fn of(message: &'a Message) -> Option<Self> {
        match message {
            Message::Block(news) => Some(Self::Block(news)),
            Message::Verdict(verdict) => Some(Self::Verdict(verdict)),
            Message::Grant(grant) => Some(Self::Grant(grant)),
            Message::Query { .. }
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
    /// Compute this, and come back with [`Input::Computed`].
    Compute(Task),
    /// Hand these to a validator. Whether it takes them comes back as [`Input::Verdict`].
    Submit(Vec<SignedTx>),
}
