//! A worker's machine. It keeps nothing: after a restart everything follows from the ledger.

use super::Follower;
use crate::cast::{CHEAP, PRICE, Place, STAKE};
use crate::model::Shelf;
use crate::plan::Character;
use ciro_engine::{Committed, SubmitError};
use ciro_graph::RawOutput;
use ciro_network::Outbox;
use ciro_state::{Action, Authority, Facts, SignedLease, State};
use ciro_types::{
    Amount, Assurance, CapabilityFlags, Height, JobId, JobSpec, MemoryMib, Offer, Requirements, TxId, decode, encode,
};
use ciro_worker::worker::{Config, Effect, Input};
use ciro_worker::{Answer, Task, Worker};
use std::collections::BTreeMap;

/// Memory of every worker.
pub const MEMORY: MemoryMib = MemoryMib(4_096);
/// Jobs a worker does at once.
const SLOTS: u16 = 2;

/// What runs while the machine is on.
struct Desk {
    worker: Worker,
    outbox: Outbox,
    /// Leases a thief sits on.
    leases: BTreeMap<JobId, SignedLease>,
}

/// A worker's machine.
pub struct WorkerNode {
    number: usize,
    character: Character,
    desk: Option<Desk>,
    /// Counts starts, so that computations of an earlier life are recognised.
    pub incarnation: u64,
    /// Whom it follows.
    pub follower: Follower,
}

impl WorkerNode {
    /// A machine that is switched off.
    #[must_use]
    pub fn new(number: usize, character: Character) -> Self {
        let follower = Follower { home: number % crate::cast::VALIDATORS, next: Height(1) };
        Self { number, character, desk: None, incarnation: 0, follower }
    }

    fn place(&self) -> Place {
        Place::Worker(self.number)
    }

    /// Starts from the ledger's `state`. Returns what to compute.
    pub fn start(&mut self, state: &State) -> Vec<Task> {
        self.incarnation += 1;
        let (key, account) = (self.place().key(), self.place().account());
        let config = Config {
            chain: state.meta().chain,
            account,
            secret: key.seed(),
            scheduler: state.meta().scheduler,
            slots: usize::from(SLOTS),
            machine: Requirements { memory: MEMORY, flags: CapabilityFlags::INT8, min_reputation: 0 },
            price: self.price(),
            fee: state.params().fee,
        };
        let outbox = Outbox::new(state.meta().chain, key, state.account(&account).nonce, state.height());
        let worker = Worker::new(config, state.height());
        self.follower.next = state.height().next();
        self.desk = Some(Desk { worker, outbox, leases: BTreeMap::new() });
        self.enlist(state);
        state.jobs().flat_map(|(id, job)| self.step(Input::Known { id: *id, job })).collect()
    }

    /// Cheats are cheap, so that they get their chance.
    fn price(&self) -> Amount {
        if self.character == Character::Honest { PRICE } else { CHEAP }
    }

    /// Registers and offers, as far as the ledger does not know of it.
    fn enlist(&mut self, state: &State) {
        let (account, price) = (self.place().account(), self.price());
        let Some(desk) = &mut self.desk else { return };
        let known = state.worker(&account);
        if known.is_none() {
            desk.outbox.push(None, Action::RegisterWorker { stake: STAKE });
        }
        if state.offer(&account).is_none() {
            let offer = Offer {
                worker: account,
                sequence: known.map_or(0, |worker| worker.offer_sequence) + 1,
                flags: CapabilityFlags::INT8,
                memory: MEMORY,
                price,
                slots: SLOTS,
                expires: state.height().plus(50_000),
                label: String::new(),
            };
            desk.outbox.push(None, Action::PublishOffer { offer });
        }
    }

    /// The machine is off.
    pub fn crash(&mut self) {
        self.desk = None;
        self.incarnation += 1;
    }

    /// Whether the machine is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.desk.is_some()
    }

    /// The outbox, while the machine is on.
    pub fn outbox(&mut self) -> Option<&mut Outbox> {
        self.desk.as_mut().map(|desk| &mut desk.outbox)
    }

    /// Takes in a lease. Returns what to compute.
    pub fn on_lease(&mut self, lease: SignedLease, spec: &JobSpec) -> Vec<Task> {
        if self.character == Character::Thief {
            if let Some(desk) = &mut self.desk {
                desk.leases.insert(lease.lease.job, lease);
            }
            return Vec::new();
        }
        self.step(Input::Lease { lease, spec })
    }

    /// Takes in a block. Returns what to compute.
    pub fn on_news(&mut self, news: &Committed) -> Vec<Task> {
        let Some(desk) = &mut self.desk else { return Vec::new() };
        let refused = desk.outbox.on_committed(news);
        let mut tasks = self.step(Input::Block { height: news.header.height, events: &news.events });
        for (job, error) in refused {
            tasks.extend(self.step(Input::Refused { job, error }));
        }
        tasks
    }

    /// The validator would not queue a transaction. Returns what to compute.
    pub fn on_refused(&mut self, id: TxId, error: SubmitError) -> Vec<Task> {
        let refused = self.outbox().and_then(|outbox| outbox.on_refused(id, error));
        refused.map_or_else(Vec::new, |(job, error)| self.step(Input::Refused { job, error }))
    }

    /// Does the work, in its own way. Returns what to compute next.
    pub fn compute(&mut self, task: &Task) -> Vec<Task> {
        let shelf = Shelf::shared();
        let result = shelf.bench().answer(task, shelf).map(|answer| self.colour(task, answer));
        self.step(Input::Computed { job: task.job(), result })
    }

    fn colour(&self, task: &Task, answer: Answer) -> Answer {
        match (self.character, task.spec.assurance) {
            (Character::Liar, Assurance::A2) => wrong_output(answer),
            // Half of its lies are in the output, half in the proof.
            (Character::Liar, Assurance::A4) if task.job().0[0].is_multiple_of(2) => wrong_output(answer),
            (Character::Liar, Assurance::A4) => wrong_proof(answer),
            _ => answer,
        }
    }

    /// Sees what another worker has sent, and takes it for its own.
    pub fn steal(&mut self, action: &Action) {
        let Some(desk) = &mut self.desk else { return };
        let own = |job: JobId| match desk.leases.get(&job) {
            Some(lease) => Authority::Lease(lease.clone()),
            None => Authority::Open { job },
        };
        let stolen = match action {
            Action::SettleJob { authority, input, output, proof } if !proof.is_empty() => Action::SettleJob {
                authority: own(authority.job()),
                input: input.clone(),
                output: output.clone(),
                proof: proof.clone(),
            },
            Action::CommitResult { authority, commitment } => {
                Action::CommitResult { authority: own(authority.job()), commitment: *commitment }
            }
            Action::RevealResult { .. } => action.clone(),
            _ => return,
        };
        desk.outbox.push(None, stolen);
    }

    fn step(&mut self, input: Input<'_>) -> Vec<Task> {
        let character = self.character;
        let Some(desk) = self.desk.as_mut().filter(|_| character != Character::Thief) else { return Vec::new() };
        let mut tasks = Vec::new();
        for effect in desk.worker.step(input) {
            match effect {
                Effect::Compute(task) => tasks.push(task),
                Effect::Submit { action, .. } if character == Character::Vanisher && is_answer(&action) => {}
                Effect::Submit { job, action } => desk.outbox.push(Some(job), action),
            }
        }
        tasks
    }
}

/// What a vanisher never sends.
fn is_answer(action: &Action) -> bool {
    matches!(action, Action::SettleJob { .. } | Action::RevealResult { .. })
}

fn wrong_output(answer: Answer) -> Answer {
    let mut output: RawOutput = decode(&answer.output, answer.output.len()).expect("the workbench encodes outputs");
    output.0.iter_mut().flatten().for_each(|value| *value += 1);
    Answer { output: encode(&output), ..answer }
}

fn wrong_proof(mut answer: Answer) -> Answer {
    let middle = answer.proof.len() / 2;
    answer.proof[middle] ^= 1;
    answer
}
