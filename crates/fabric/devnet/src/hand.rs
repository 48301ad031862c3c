//! A worker, the account it acts for, and its standing offer.

use ciro_crypto::Keypair;
use ciro_engine::Committed;
use ciro_exec::Task;
use ciro_node::outbox::Outbox;
use ciro_state::{Action, Facts, Params, State, WorkerAction};
use ciro_types::{Amount, Height, Offer, Requirements};
use ciro_worker::{Config, Effect, Input, Worker};

/// What a worker offers and puts at risk.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Its offer: worker, sequence and expiry are filled in when it is published.
    pub offer: Offer,
    /// Its stake, if it has to register.
    pub stake: Amount,
}

/// See the module's documentation.
pub struct Hand {
    /// Decides.
    pub worker: Worker,
    /// Sends.
    pub outbox: Outbox,
    terms: Terms,
    /// How long the ledger lets an offer stand, blocks.
    max_offer_blocks: u64,
}

impl Hand {
    /// The worker of `key` on these terms, after the block that `state` is at.
    #[must_use]
    pub fn new(key: Keypair, terms: Terms, state: &State) -> Self {
        let account = key.account();
        let Params { fee, max_offer_blocks, max_output_bytes, max_proof_bytes, .. } = *state.params();
        let offer = &terms.offer;
        let config = Config {
            chain: state.chain(),
            account,
            secret: key.seed(),
            scheduler: state.scheduler(),
            slots: usize::from(offer.slots),
            machine: Requirements { memory: offer.memory, flags: offer.flags, min_reputation: 0 },
            price: offer.price,
            fee,
            output_bytes_max: max_output_bytes,
            proof_bytes_max: max_proof_bytes,
        };
        let worker = Worker::new(config, state.height());
        let outbox = Outbox::new(state.chain(), key, state.account(&account).nonce, state.height());
        Self { worker, outbox, terms, max_offer_blocks }
    }

    /// Registers if the ledger does not know the worker, publishes its offer, and takes up what it owes. Returns what to compute.
    pub(crate) fn start(&mut self, state: &State) -> Vec<Task> {
        let registered = state.worker(&self.worker.account());
        if registered.is_none() {
            self.outbox.push(None, Action::Worker(WorkerAction::Register { stake: self.terms.stake }));
        }
        self.terms.offer.worker = self.worker.account();
        self.terms.offer.sequence = registered.map_or(0, |worker| worker.offer_sequence);
        self.renew(state.height());
        let open = state.jobs().filter(|(_, job)| job.is_open());
        open.flat_map(|(id, job)| self.step(Input::Known { id: *id, job })).collect()
    }

    /// Publishes the offer for as long as the ledger lets it stand.
    fn renew(&mut self, now: Height) {
        let offer = &mut self.terms.offer;
        offer.sequence += 1;
        // One below the limit: the transaction may be executed a block later than it is made, never earlier.
        offer.expires = now.plus(self.max_offer_blocks.max(2) - 1);
        self.outbox.push(None, Action::Worker(WorkerAction::PublishOffer { offer: offer.clone() }));
    }

    /// Takes in a block. Returns what to compute.
    pub(crate) fn on_committed(&mut self, committed: &Committed) -> Vec<Task> {
        let height = committed.header.height;
        let refused = self.outbox.on_committed(committed);
        let mut tasks = self.step(Input::Block { height, events: &committed.events });
        for (job, error) in refused {
            tasks.extend(self.step(Input::Refused { job, error }));
        }
        if self.terms.offer.expires.0 < height.0.saturating_add(self.max_offer_blocks / 2) {
            self.renew(height);
        }
        tasks
    }

    /// Lets the worker decide; what it sends goes into the outbox. Returns what to compute.
    pub(crate) fn step(&mut self, input: Input<'_>) -> Vec<Task> {
        let mut tasks = Vec::new();
        for effect in self.worker.step(input) {
            match effect {
                Effect::Compute(task) => tasks.push(task),
                Effect::Submit { job, action } => self.outbox.push(Some(job), action),
            }
        }
        tasks
    }
}
