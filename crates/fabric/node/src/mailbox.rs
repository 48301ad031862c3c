//! What those are sent who follow the ledger beside a node: blocks, what became of transactions, clients and their questions.

use ciro_api::{Fate, Offered, Refusal, Until};
use ciro_engine::{Admission, Committed};
use ciro_exec::pool::Computed;
use ciro_state::SignedTx;
use ciro_types::{JobId, Requirements};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use tokio::sync::oneshot;

/// Where a client waits for what becomes of its transaction.
pub type Reply = oneshot::Sender<Fate>;

/// The workers that would serve, and what each asks; or why there are not enough.
pub type Offers = Result<Vec<Offered>, Refusal>;

/// What the scheduler is asked.
pub enum Question {
    /// Who would serve these requirements now.
    Offers {
        /// What the machine must have.
        requirements: Requirements,
        /// How many are wanted.
        count: u32,
        /// Where the answer goes.
        reply: Sender<Offers>,
    },
    /// Why a job waits for a worker.
    Wait {
        /// Which.
        job: JobId,
        /// Where the answer goes.
        reply: Sender<Option<Refusal>>,
    },
}

/// What the dispatcher is sent.
pub enum Job {
    /// The followed validator committed a block.
    Committed(Arc<Committed>),
    /// What became of a submitted transaction.
    Admission(Admission),
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
    /// A question to the scheduler.
    Ask(Question),
    /// No more.
    Stop,
}
