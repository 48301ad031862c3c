//! A client's machine: it orders, waits, and orders again what it has not seen included.

use super::Follower;
use crate::cast::{Place, VALIDATORS};
use crate::model::Shelf;
use ciro_engine::{Committed, SubmitError};
use ciro_network::Outbox;
use ciro_state::{Action, TxError};
use ciro_types::{ChainId, Height, JobId, Nonce, TxId};
use std::collections::BTreeMap;

/// A client's machine. It is never switched off: whoever waits for money stays awake.
pub struct ClientNode {
    /// What it has sent and not seen included.
    pub outbox: Outbox,
    /// Why its orders were refused, by job.
    pub refused: BTreeMap<JobId, TxError>,
    /// Whom it follows.
    pub follower: Follower,
}

impl ClientNode {
    /// A client of `chain`.
    #[must_use]
    pub fn new(number: usize, chain: ChainId) -> Self {
        let outbox = Outbox::new(chain, Place::Client(number).key(), Nonce(0), Height(0));
        let follower = Follower { home: number % VALIDATORS, next: Height(1) };
        Self { outbox, refused: BTreeMap::new(), follower }
    }

    /// Publishes the model that every job runs.
    pub fn register_model(&mut self) {
        let shelf = Shelf::shared();
        let action = Action::RegisterModel { program: shelf.program.clone(), weight_root: shelf.weight_root };
        self.outbox.push(None, action);
    }

    /// Orders, or withdraws.
    pub fn ask(&mut self, job: JobId, action: Action) {
        self.outbox.push(Some(job), action);
    }

    /// Takes in a block.
    pub fn on_news(&mut self, news: &Committed) {
        self.refused.extend(self.outbox.on_committed(news));
    }

    /// The validator would not queue a transaction.
    pub fn on_refused(&mut self, id: TxId, error: SubmitError) {
        self.refused.extend(self.outbox.on_refused(id, error));
    }
}
