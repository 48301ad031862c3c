//! A worker's machine: the product's hand. It keeps nothing: after a restart everything follows from the ledger.
//!
//! A cheat runs the same hand and lies to it or for it: about what was computed, about what was sent.

use super::{Follower, Request};
use crate::cast::{CHEAP, PRICE, Place, STAKE};
use crate::model::Shelf;
use crate::plan::Character;
use ciro_api::{Grant, Message, NodeError, Turned, Verdict};
use ciro_exec::{Answer, Task};
use ciro_graph::RawOutput;
use ciro_state::{
    Action, Authority, JobAction, ModelAction, SignedLease, SignedTx, State, TokenAction, TxError, ValidatorAction,
    WorkerAction, input_hash,
};
use ciro_types::{AccountId, Assurance, CapabilityFlags, Height, JobId, JobSpec, MemoryMib, Offer, decode, encode};
use ciro_worker::hand::{Effect, Input, Known};
use ciro_worker::{Hand, Terms};
use std::collections::BTreeMap;

/// Memory of every worker.
pub const MEMORY: MemoryMib = MemoryMib(4_096);
/// Jobs a worker does at once.
const SLOTS: u16 = 2;

/// A worker's machine.
pub struct WorkerNode {
    number: usize,
    character: Character,
    hand: Option<Hand>,
    /// Leases a thief sits on, and what they are for.
    leases: BTreeMap<JobId, (SignedLease, JobSpec)>,
    /// Answers that a laggard holds back.
    held: Vec<SignedTx>,
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
        Self { number, character, hand: None, leases: BTreeMap::new(), held: Vec::new(), incarnation: 0, follower }
    }

    fn place(&self) -> Place {
        Place::Worker(self.number)
    }

    /// Starts from the ledger's `state`. Returns what to do.
    pub fn start(&mut self, state: &State) -> Vec<Request> {
        self.incarnation += 1;
        let key = self.place().key();
        let known = Known::of(state, key.account());
        let (hand, effects) = Hand::start(key, Terms { offer: self.offer(), stake: STAKE }, &known);
        self.follower.next = state.height().next();
        self.leases.clear();
        self.held.clear();
        self.hand = Some(hand);
        self.cheat(effects)
    }

    /// Cheats are cheap, so that they get their chance.
    fn offer(&self) -> Offer {
        Offer {
            worker: AccountId::ZERO,
            sequence: 0,
            flags: CapabilityFlags::INT8,
            memory: MEMORY,
            price: if self.character == Character::Honest { PRICE } else { CHEAP },
            slots: SLOTS,
            expires: Height(0),
            label: String::new(),
        }
    }

    /// The machine is off.
    pub fn crash(&mut self) {
        self.hand = None;
        self.incarnation += 1;
    }

    /// Whether the machine is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.hand.is_some()
    }

    /// Takes in a message, if the machine is on. Returns what to do.
    pub fn hear(&mut self, message: &Message) -> Vec<Request> {
        if let Message::Grant(grant) = message {
            return self.on_grant(grant);
        }
        let height = if let Message::Block(news) = message { Some(news.height) } else { None };
        let Some(input) = Input::of(message) else { return Vec::new() };
        let mut requests = self.step(input);
        requests.extend(height.and_then(|height| self.release(height)));
        requests
    }

    fn step(&mut self, input: Input<'_>) -> Vec<Request> {
        let Some(hand) = &mut self.hand else { return Vec::new() };
        let effects = hand.step(input);
        self.cheat(effects)
    }

    fn on_grant(&mut self, grant: &Grant) -> Vec<Request> {
        if self.character == Character::Thief {
            let Grant { lease, spec } = grant.clone();
            self.leases.insert(lease.lease.job, (lease, spec));
            return Vec::new();
        }
        self.step(Input::Grant(grant))
    }

    /// Does the work, in its own way. Returns what to do.
    pub fn compute(&mut self, task: &Task) -> Vec<Request> {
        let shelf = Shelf::shared();
        let result = shelf.bench().answer(task, shelf).map(|answer| self.colour(task, answer));
        self.step(Input::Computed { job: task.job(), result })
    }

    /// What becomes of the hand's requests.
    fn cheat(&mut self, effects: Vec<Effect>) -> Vec<Request> {
        let requests = effects.into_iter().map(Request::from);
        match self.character {
            Character::Honest | Character::Liar => requests.collect(),
            Character::Laggard => requests.map(|request| self.hold(request)).collect(),
            Character::Vanisher => requests.flat_map(|request| self.vanish(request)).collect(),
            // It computes nothing.
            Character::Thief => requests.filter(|request| !matches!(request, Request::Compute(_))).collect(),
        }
    }

    /// Answers are never sent, and the hand believes that nobody wants them.
    fn vanish(&mut self, request: Request) -> Vec<Request> {
        let Request::Submit(txs) = request else { return vec![request] };
        let (answers, rest): (Vec<SignedTx>, Vec<SignedTx>) =
            txs.into_iter().partition(|tx| is_answer(&tx.body.action));
        let mut requests = if rest.is_empty() { Vec::new() } else { vec![Request::Submit(rest)] };
        for tx in answers {
            let error = TxError::TooLateToCommit { latest: Height(0), height: Height(0) };
            let told = NodeError::Refused { reason: error.to_string() };
            let verdict = Verdict { tx: tx.id(), result: Err(Turned::Invalid { error, told }) };
            requests.extend(self.step(Input::Verdict(&verdict)));
        }
        requests
    }

    /// Answers under a lease wait until it has run out.
    fn hold(&mut self, request: Request) -> Request {
        let Request::Submit(txs) = request else { return request };
        let (leased, rest) = txs.into_iter().partition(|tx| lease_end(&tx.body.action).is_some());
        self.held.extend::<Vec<SignedTx>>(leased);
        Request::Submit(rest)
    }

    /// What is too late by now is sent.
    fn release(&mut self, height: Height) -> Option<Request> {
        let is_late = |tx: &SignedTx| lease_end(&tx.body.action).is_none_or(|end| end <= height);
        let late: Vec<SignedTx> = self.held.extract_if(.., |tx| is_late(tx)).collect();
        (!late.is_empty()).then_some(Request::Submit(late))
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

    /// Sees what another worker has sent, and takes it for its own. Returns what to do.
    pub fn steal(&mut self, action: &Action) -> Vec<Request> {
        let stolen = self.stolen(action);
        if let Some(hand) = &mut self.hand {
            stolen.into_iter().for_each(|action| hand.outbox.push(None, action));
        }
        self.step(Input::Undelivered(&[]))
    }

    fn stolen(&self, action: &Action) -> Vec<Action> {
        match action {
            Action::Job(JobAction::Settle { authority, input, output, proof }) if !proof.is_empty() => {
                let settle = |authority| {
                    Action::Job(JobAction::Settle {
                        authority,
                        input: input.clone(),
                        output: output.clone(),
                        proof: proof.clone(),
                    })
                };
                // A proof of the same answer to another's order would do as well, were it not bound to its job.
                let alike = self.leases.values().filter(|(_, spec)| spec.input == input_hash(input));
                let leased = alike.map(|(lease, _)| Authority::Lease(lease.clone()));
                std::iter::once(self.own(authority.job())).chain(leased).map(settle).collect()
            }
            Action::Job(JobAction::Commit { authority, commitment }) => {
                vec![Action::Job(JobAction::Commit { authority: self.own(authority.job()), commitment: *commitment })]
            }
            Action::Job(JobAction::Reveal { .. }) => vec![action.clone()],
            Action::Token(TokenAction::Transfer { .. })
            | Action::Model(ModelAction::Register { .. })
            | Action::Model(ModelAction::Remove { .. })
            | Action::Worker(WorkerAction::Register { .. })
            | Action::Worker(WorkerAction::AddStake { .. })
            | Action::Worker(WorkerAction::RequestUnstake { .. })
            | Action::Worker(WorkerAction::WithdrawStake)
            | Action::Worker(WorkerAction::PublishOffer { .. })
            | Action::Job(JobAction::Submit { .. })
            | Action::Job(JobAction::Cancel { .. })
            | Action::Job(JobAction::Settle { .. })
            | Action::Job(JobAction::Abandon { .. })
            | Action::Job(JobAction::Fail { .. })
            | Action::Job(JobAction::ReportTimeout { .. })
            | Action::Validator(ValidatorAction::ReportEquivocation { .. }) => Vec::new(),
        }
    }

    /// What entitles a thief to answer a job.
    fn own(&self, job: JobId) -> Authority {
        match self.leases.get(&job) {
            Some((lease, _)) => Authority::Lease(lease.clone()),
            None => Authority::Open { job },
        }
    }
}

/// What a vanisher never sends.
fn is_answer(action: &Action) -> bool {
    matches!(action, Action::Job(JobAction::Settle { .. }) | Action::Job(JobAction::Reveal { .. }))
}

/// When the lease ends by whose right an answer is given, if it is given by one.
const fn lease_end(action: &Action) -> Option<Height> {
    let (Action::Job(JobAction::Settle { authority, .. }) | Action::Job(JobAction::Commit { authority, .. })) = action
    else {
        return None;
    };
    match authority {
        Authority::Lease(signed) => Some(signed.lease.expires),
        Authority::Open { .. } => None,
    }
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
