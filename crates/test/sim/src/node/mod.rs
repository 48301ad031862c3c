//! The machines. Each wraps the product's own step machine with what its host does: disks, restarts, an outbox.

pub mod client;
pub mod scheduler;
pub mod validator;
pub mod worker;

pub use client::ClientNode;
pub use scheduler::SchedulerNode;
pub use validator::ValidatorNode;
pub use worker::WorkerNode;

use ciro_state::{CommittedEvent, EventPosition, TxError};
use ciro_store::Journal;
use ciro_types::{Height, TxId};

/// Why a machine stopped.
#[derive(Debug)]
pub enum Stopped {
    /// Its power went.
    Dark,
    /// Something that must not happen.
    Broken(String),
}

/// A committed block as those who follow a validator get it.
pub struct News {
    /// Its height.
    pub height: Height,
    /// What happened.
    pub events: Vec<CommittedEvent>,
    /// Its transactions, each with its refusal if there was one.
    pub included: Vec<(TxId, Option<TxError>)>,
}

impl News {
    /// The journal of `height`.
    #[must_use]
    pub fn new(height: Height, journal: Journal) -> Self {
        let event = |(index, event)| CommittedEvent { position: EventPosition { height, index }, event };
        Self {
            height,
            events: (0..).zip(journal.events).map(event).collect(),
            included: journal.txs.into_iter().map(|tx| (tx.id, tx.result.err())).collect(),
        }
    }
}

/// Whom a machine asks, and what it wants to know next.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    /// The validator it talks to.
    pub home: usize,
    /// The next height.
    pub next: Height,
}

/// Every link of a chain of errors.
#[must_use]
pub fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
