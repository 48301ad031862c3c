//! The machines. Each runs one of the product's own step machines, and does what its host does: disks, restarts, links.

pub mod client;
pub mod scheduler;
pub mod validator;
pub mod worker;

pub use client::ClientNode;
pub use scheduler::SchedulerNode;
pub use validator::ValidatorNode;
pub use worker::WorkerNode;

use ciro_api::{Grant, Message};
use ciro_exec::Task;
use ciro_scheduler::matcher;
use ciro_state::SignedTx;
use ciro_types::Height;
use ciro_worker::hand;

/// Why a machine stopped.
#[derive(Debug)]
pub enum Stopped {
    /// Its power went.
    Dark,
    /// Something that must not happen.
    Broken(String),
}

/// Whom a machine asks, and what it wants to know next.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    /// The validator it talks to.
    pub home: usize,
    /// The next height.
    pub next: Height,
}

/// What a machine wants to have done.
#[derive(Debug)]
pub enum Request {
    /// Hand these to a validator.
    Submit(Vec<SignedTx>),
    /// Compute this.
    Compute(Task),
    /// Deliver this lease to its worker.
    Grant(Grant),
}

impl From<hand::Effect> for Request {
    fn from(effect: hand::Effect) -> Self {
        match effect {
            hand::Effect::Compute(task) => Self::Compute(task),
            hand::Effect::Submit(txs) => Self::Submit(txs),
        }
    }
}

impl From<matcher::Effect> for Request {
    fn from(effect: matcher::Effect) -> Self {
        match effect {
            matcher::Effect::Grant(grant) => Self::Grant(*grant),
            matcher::Effect::Submit(txs) => Self::Submit(txs),
        }
    }
}

/// What the other end reads of a message: everything between machines is bytes.
///
/// # Panics
/// Never: what was written is read.
#[must_use]
pub fn sent(message: &Message) -> Message {
    Message::from_bytes(&message.to_bytes(), usize::MAX).expect("it was written as a message")
}
