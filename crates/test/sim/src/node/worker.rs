//! A worker's machine: the product's desk with one worker. It keeps nothing: after a restart everything follows from the ledger.
//!
//! A cheat runs the same desk and lies to it or for it: about what was computed, about what was sent.

use super::{Follower, undisturbed};
use crate::cast::{CHEAP, PRICE, Place, STAKE};
use crate::model::Shelf;
use crate::plan::Character;
use ciro_devnet::desk::{Effect, Input};
use ciro_devnet::{Desk, Hand, Terms};
use ciro_engine::{Admission, SubmitError};
use ciro_exec::{Answer, Task};
use ciro_graph::RawOutput;
use ciro_state::{
    Action, Authority, JobAction, ModelAction, SignedLease, SignedTx, State, TokenAction, TxError, ValidatorAction,
    WorkerAction, input_hash,
};
use ciro_types::{AccountId, Assurance, CapabilityFlags, Height, JobId, JobSpec, MemoryMib, Offer, decode, encode};
use std::collections::BTreeMap;

/// Memory of every worker.
pub const MEMORY: MemoryMib = MemoryMib(4_096);
/// Jobs a worker does at once.
const SLOTS: u16 = 2;

/// A worker's machine.
pub struct WorkerNode {
    number: usize,
    character: Character,
    desk: Option<Desk>,
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
        Self { number, character, desk: None, leases: BTreeMap::new(), held: Vec::new(), incarnation: 0, follower }
    }

    fn place(&self) -> Place {
        Place::Worker(self.number)
    }

    /// Starts from the ledger's `state`. Returns what to do.
    pub fn start(&mut self, state: &State) -> Vec<Effect> {
        self.incarnation += 1;
        let hand = Hand::new(self.place().key(), Terms { offer: self.offer(), stake: STAKE }, state);
        let mut desk = Desk::new(None, vec![hand]);
        let effects = desk.start(state, Vec::new());
        self.follower.next = state.height().next();
        self.leases.clear();
        self.held.clear();
        self.desk = Some(desk);
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
        self.desk = None;
        self.incarnation += 1;
    }

    /// Whether the machine is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.desk.is_some()
    }

    /// Takes one step, if the machine is on. Returns what to do.
    pub fn step(&mut self, input: Input<'_>) -> Vec<Effect> {
        let Some(desk) = &mut self.desk else { return Vec::new() };
        let height = if let Input::Committed(news) = &input { Some(news.header.height) } else { None };
        let effects = undisturbed(desk.step(input));
        let mut effects = self.cheat(effects);
        effects.extend(height.and_then(|height| self.release(height)));
        effects
    }

    /// Takes in a lease. Returns what to do.
    pub fn on_lease(&mut self, lease: SignedLease, spec: &JobSpec) -> Vec<Effect> {
        if self.character == Character::Thief {
            self.leases.insert(lease.lease.job, (lease, spec.clone()));
            return Vec::new();
        }
        self.step(Input::Lease { lease, spec })
    }

    /// Does the work, in its own way. Returns what to do.
    pub fn compute(&mut self, task: &Task) -> Vec<Effect> {
        let shelf = Shelf::shared();
        let result = shelf.bench().answer(task, shelf).map(|answer| self.colour(task, answer));
        self.step(Input::Computed { hand: 0, job: task.job(), result })
    }

    /// What becomes of the desk's wishes.
    fn cheat(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        match self.character {
            Character::Honest | Character::Liar => effects,
            Character::Laggard => effects.into_iter().map(|effect| self.hold(effect)).collect(),
            Character::Vanisher => effects.into_iter().flat_map(|effect| self.vanish(effect)).collect(),
            // It computes nothing.
            Character::Thief => {
                effects.into_iter().filter(|effect| !matches!(effect, Effect::Compute { .. })).collect()
            }
        }
    }

    /// Answers are never sent, and the desk believes that nobody wants them.
    fn vanish(&mut self, effect: Effect) -> Vec<Effect> {
        let Effect::Submit(txs) = effect else { return vec![effect] };
        let (answers, rest): (Vec<SignedTx>, Vec<SignedTx>) =
            txs.into_iter().partition(|tx| is_answer(&tx.body.action));
        let mut effects = if rest.is_empty() { Vec::new() } else { vec![Effect::Submit(rest)] };
        for tx in answers {
            let late = SubmitError::Invalid(TxError::TooLateToCommit { latest: Height(0), height: Height(0) });
            effects.extend(self.step(Input::Admission(Admission { tx: Some(tx.id()), result: Err(late) })));
        }
        effects
    }

    /// Answers under a lease wait until it has run out.
    fn hold(&mut self, effect: Effect) -> Effect {
        let Effect::Submit(txs) = effect else { return effect };
        let (leased, rest) = txs.into_iter().partition(|tx| lease_end(&tx.body.action).is_some());
        self.held.extend::<Vec<SignedTx>>(leased);
        Effect::Submit(rest)
    }

    /// What is too late by now is sent.
    fn release(&mut self, height: Height) -> Option<Effect> {
        let is_late = |tx: &SignedTx| lease_end(&tx.body.action).is_none_or(|end| end <= height);
        let late: Vec<SignedTx> = self.held.extract_if(.., |tx| is_late(tx)).collect();
        (!late.is_empty()).then_some(Effect::Submit(late))
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
    pub fn steal(&mut self, action: &Action) -> Vec<Effect> {
        let stolen = self.stolen(action);
        if let Some(hand) = self.desk.as_mut().and_then(|desk| desk.hands.first_mut()) {
            stolen.into_iter().for_each(|action| hand.outbox.push(None, action));
        }
        self.step(Input::Undelivered(Vec::new()))
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
