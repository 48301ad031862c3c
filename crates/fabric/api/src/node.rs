//! Whoever answers.

use crate::command::{Command, Done, Fate};
use crate::error::NodeError;
use crate::query::{Answer, Query, Question};
use crate::until::Until;
use ciro_state::SignedTx;
use ciro_types::Height;
use tokio::sync::{oneshot, watch};

/// A node, in this process or elsewhere. Calls come from many threads and may block.
pub trait Node: Send + Sync + 'static {
    /// Answers a question with the answer of the same name.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`], [`NodeError::Pruned`].
    fn query(&self, query: Query) -> Result<Answer, NodeError>;

    /// Does what is asked, and waits until it is done.
    ///
    /// # Errors
    /// [`NodeError::Quota`], [`NodeError::Invalid`], [`NodeError::Unavailable`]; what [`Node::submit`] tells, for a submission.
    fn command(&self, command: Command) -> Result<Done, NodeError>;

    /// [`Command::Submit`], without waiting: what becomes of the transaction comes through the channel, which closes without a word
    /// if the node stops.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`]. What the ledger refuses comes through the channel: [`NodeError::Refused`], or
    /// [`NodeError::Nonce`] if another transaction has its nonce.
    fn submit(&self, tx: SignedTx, until: Until) -> Result<oneshot::Receiver<Fate>, NodeError>;

    /// Changes whenever a block has been committed; closes when the node stops.
    fn committed(&self) -> watch::Receiver<Height>;
}

/// Asks with types: a question for its own answer.
pub trait Asking {
    /// The answer to this question.
    ///
    /// # Errors
    /// As [`Node::query`]; [`NodeError::Unavailable`] if the node answers another question.
    fn ask<Q: Question>(&self, question: Q) -> Result<Q::Answer, NodeError>;
}

impl<N: Node + ?Sized> Asking for N {
    fn ask<Q: Question>(&self, question: Q) -> Result<Q::Answer, NodeError> {
        let answer = self.query(question.into())?;
        Q::take(answer).ok_or_else(|| NodeError::Unavailable { reason: "it answered another question".into() })
    }
}
