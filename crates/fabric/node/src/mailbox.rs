//! What those are sent who follow the ledger beside a node: blocks, what became of transactions, clients and their questions.

use ciro_api::news::{BlockNews, Verdict};
use ciro_api::{Answer, Fate, Query, Until};
use ciro_exec::pool::Computed;
use ciro_state::SignedTx;
use std::sync::mpsc::Sender;
use tokio::sync::oneshot;

/// Where a client waits for what becomes of its transaction.
pub type Reply = oneshot::Sender<Fate>;

/// What is sent to those who follow the ledger.
pub enum Job {
    /// The followed validator committed a block.
    Block(Box<BlockNews>),
    /// What became of a submitted transaction.
    Verdict(Verdict),
    /// A pool thread is done.
    Computed(Computed),
    /// A client's transaction.
    Client {
        /// The transaction.
        tx: Box<SignedTx>,
        /// When the client is answered.
        until: Until,
        /// Where the client waits.
        reply: Reply,
    },
    /// A question that the scheduler answers.
    Ask {
        /// The question.
        query: Query,
        /// Where the answer goes; nothing comes if nobody here knows it.
        reply: Sender<Answer>,
    },
    /// No more.
    Stop,
}
