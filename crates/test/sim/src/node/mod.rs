//! The machines. Each runs one of the product's own step machines, and does what its host does: disks, restarts, links.

pub mod client;
pub mod scheduler;
pub mod validator;
pub mod worker;

pub use client::ClientNode;
pub use scheduler::SchedulerNode;
pub use validator::ValidatorNode;
pub use worker::WorkerNode;

use ciro_devnet::desk::Effect;
use ciro_scheduler::SchedulerError;
use ciro_types::Height;

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

/// What a desk asks for that has no matcher, and so no log that could fail.
///
/// # Panics
/// Never: see above.
fn undisturbed(effects: Result<Vec<Effect>, SchedulerError>) -> Vec<Effect> {
    effects.expect("a desk without a matcher has no log")
}
