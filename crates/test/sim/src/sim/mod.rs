//! The run: one clock, one queue of events, every machine of the network.

mod carry;
mod follow;
mod link;

use crate::cast::{CLIENTS, Place, VALIDATORS, genesis, validator_set};
use crate::chain::Chain;
use crate::node::{ClientNode, SchedulerNode, Stopped, ValidatorNode, WorkerNode};
use crate::plan::{Order, Outage, Plan, STORM_MS};
use crate::rng::Rng;
use crate::stranger::{REST_MS, ROUNDS};
use crate::trace::Trace;
use crate::violation::Violation;
use ciro_api::Message;
use ciro_consensus::ValidatorSet;
use ciro_exec::Task;
use ciro_state::{Action, Genesis};
use ciro_types::{ChainId, JobId, JobSpec};
use ciro_validator::{Admission, Input};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Steps of a run at most: twenty times what the longest of 200 seeds took (4,626).
const MAX_STEPS: u64 = 100_000;

/// Something that happens at a time.
enum Happening {
    Message { from: usize, to: usize, bytes: Arc<[u8]> },
    Timer { validator: usize, incarnation: u64 },
    Submit { from: Place, to: usize, bytes: Arc<[u8]> },
    Answer { to: Place, admission: Admission },
    Poll { place: Place, repeats: bool },
    Grant { worker: usize, message: Box<Message> },
    Computed { worker: usize, incarnation: u64, task: Box<Task> },
    Theft { worker: usize, action: Box<Action> },
    Order { number: usize },
    Trick { round: usize },
    Crash { outage: Outage },
    Restart { outage: Outage },
    Fill { validator: usize, is_full: bool },
}

impl Happening {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Message { .. } => "messages",
            Self::Timer { .. } => "timers",
            Self::Submit { .. } => "submissions",
            Self::Answer { .. } => "answers",
            Self::Poll { .. } => "polls",
            Self::Grant { .. } => "grants",
            Self::Computed { .. } => "computations",
            Self::Theft { .. } => "thefts",
            Self::Order { .. } => "orders",
            Self::Trick { .. } => "tricks",
            Self::Crash { .. } => "crashes",
            Self::Restart { .. } => "restarts",
            Self::Fill { .. } => "disks",
        }
    }
}

/// A job that a client wants done.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// What was asked for.
    pub order: Order,
    /// Its id.
    pub job: JobId,
    spec: JobSpec,
}

/// Things that were counted on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages delivered between validators.
    pub messages: u64,
    /// Machines that lost their power.
    pub crashes: u64,
    /// Leases handed out.
    pub leases: u64,
    /// Transactions that a validator would not queue, by sender.
    pub refused: BTreeMap<Place, u64>,
    /// Seats that a validator refused because others were drawn, by sender.
    pub refused_seats: BTreeMap<Place, u64>,
    /// Proofs that a validator refused, by sender.
    pub refused_proofs: BTreeMap<Place, u64>,
    /// Contradictions that the equivocator has sent.
    pub contradictions: u64,
    /// Steps of the run, by what happened.
    pub steps: BTreeMap<&'static str, u64>,
    /// When each height was first committed, virtual milliseconds.
    pub decided_ms: Vec<u64>,
}

/// The whole network.
pub struct Sim {
    plan: Plan,
    genesis: Genesis,
    chain_id: ChainId,
    /// The validators of the genesis.
    first: ValidatorSet,
    now_ms: u64,
    sequence: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    rng: Rng,
    validators: Vec<ValidatorNode>,
    scheduler: SchedulerNode,
    workers: Vec<WorkerNode>,
    clients: Vec<ClientNode>,
    /// What was ordered so far.
    ordered: BTreeMap<usize, Ordered>,
    /// Machines that are switched on as soon as a validator answers them.
    starting: BTreeSet<Place>,
    chain: Chain,
    trace: Trace,
    counts: Counts,
}

impl Sim {
    /// A network that is about to start. `keep_trace` keeps every line of the trace.
    #[must_use]
    pub fn new(plan: Plan, keep_trace: bool) -> Self {
        let genesis = genesis(plan.workers.len());
        let chain_id = genesis.chain_id();
        let workers = plan.workers.iter().enumerate().map(|(n, character)| WorkerNode::new(n, *character));
        let mut sim = Self {
            first: validator_set(&genesis),
            now_ms: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            rng: Rng::new(plan.seed, "run"),
            validators: (0..VALIDATORS).map(ValidatorNode::new).collect(),
            scheduler: SchedulerNode::default(),
            workers: workers.collect(),
            clients: (0..CLIENTS).map(|n| ClientNode::new(n, chain_id)).collect(),
            ordered: BTreeMap::new(),
            starting: BTreeSet::new(),
            chain: Chain::new(plan.workers.len()),
            trace: Trace::new(keep_trace),
            counts: Counts::default(),
            genesis,
            chain_id,
            plan,
        };
        sim.schedule_plan();
        sim
    }

    fn schedule_plan(&mut self) {
        for outage in self.plan.outages.clone() {
            self.at(outage.at_ms, Happening::Crash { outage });
            if let Some(back_ms) = outage.back_ms {
                self.at(back_ms, Happening::Restart { outage });
            }
        }
        for full in self.plan.full_disks.clone() {
            self.at(full.from_ms, Happening::Fill { validator: full.validator, is_full: true });
            self.at(full.to_ms, Happening::Fill { validator: full.validator, is_full: false });
        }
        for round in 0..self.plan.trick.map_or(0, |_| ROUNDS) {
            self.at(STORM_MS + REST_MS * round as u64, Happening::Trick { round });
        }
        for (number, order) in self.plan.orders.clone().into_iter().enumerate() {
            self.at(order.at_ms, Happening::Order { number });
        }
    }

    fn at(&mut self, at_ms: u64, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((at_ms.max(self.now_ms), self.sequence), happening);
    }

    /// Starts every machine.
    ///
    /// # Errors
    /// [`Violation`] if one does not start.
    pub fn start(&mut self) -> Result<(), Violation> {
        for n in 0..VALIDATORS {
            self.start_validator(n)?;
        }
        self.clients[0].register_model();
        for place in self.followers() {
            self.start_follower(place)?;
            let first_ms = self.rng.between(0, 100);
            self.at(first_ms, Happening::Poll { place, repeats: true });
        }
        Ok(())
    }

    /// Everyone who follows a validator.
    fn followers(&self) -> Vec<Place> {
        let workers = (0..self.workers.len()).map(Place::Worker);
        let clients = (0..self.clients.len()).map(Place::Client);
        [Place::Scheduler].into_iter().chain(workers).chain(clients).collect()
    }

    /// Lets the next thing happen. Returns false if nothing is left to happen.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn step(&mut self) -> Result<bool, Violation> {
        let Some(((at_ms, _), happening)) = self.queue.pop_first() else { return Ok(false) };
        self.now_ms = at_ms;
        self.count_step(happening.kind())?;
        self.happen(happening).map(|()| true)
    }

    fn count_step(&mut self, kind: &'static str) -> Result<(), Violation> {
        let steps = &mut self.counts.steps;
        *steps.entry(kind).or_default() += 1;
        if steps.values().sum::<u64>() > MAX_STEPS {
            return Err(Violation::Endless { steps: MAX_STEPS, what: format!("{steps:?}") });
        }
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Violation> {
        match happening {
            Happening::Message { from, to, bytes } => self.on_message(from, to, &bytes),
            Happening::Timer { validator, incarnation } => self.on_timer(validator, incarnation),
            Happening::Submit { from, to, bytes } => self.on_submit(from, to, &bytes),
            Happening::Answer { to, admission } => self.on_answer(to, &admission),
            Happening::Poll { place, repeats } => self.on_poll(place, repeats),
            Happening::Grant { worker, message } => self.on_grant(worker, *message),
            Happening::Computed { worker, incarnation, task } => self.on_computed(worker, incarnation, &task),
            Happening::Theft { worker, action } => self.on_theft(worker, &action),
            Happening::Order { number } => self.on_order(number),
            Happening::Trick { round } => {
                self.on_trick(round);
                Ok(())
            }
            Happening::Crash { outage } => self.on_crash(outage),
            Happening::Restart { outage } => self.on_restart(outage),
            Happening::Fill { validator, is_full } => {
                self.validators[validator].set_full(is_full);
                Ok(())
            }
        }
    }

    /// The clock, milliseconds.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The network's beginning.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The history so far.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What was recorded so far.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What was ordered so far, by number.
    #[must_use]
    pub const fn ordered(&self) -> &BTreeMap<usize, Ordered> {
        &self.ordered
    }

    /// The validators' machines.
    #[must_use]
    pub fn validators(&self) -> &[ValidatorNode] {
        &self.validators
    }

    /// The scheduler's machine.
    #[must_use]
    pub const fn scheduler(&self) -> &SchedulerNode {
        &self.scheduler
    }

    /// The clients' machines.
    #[must_use]
    pub fn clients(&self) -> &[ClientNode] {
        &self.clients
    }

    /// Adds an order to the plan, from now on.
    pub fn order(&mut self, order: Order) {
        let number = self.plan.orders.len();
        self.plan.orders.push(order);
        self.at(order.at_ms, Happening::Order { number });
    }

    fn note(&mut self, text: &str) {
        self.trace.line(self.now_ms, text);
    }

    /// A machine has stopped: for lack of power, or for a reason that must not be.
    fn on_stopped(&mut self, place: Place, stopped: Stopped) -> Result<(), Violation> {
        match stopped {
            Stopped::Dark => {
                self.crash(place, false);
                Ok(())
            }
            Stopped::Broken(reason) => Err(Violation::Stopped { place, reason }),
        }
    }

    fn step_validator(&mut self, n: usize, input: Input) -> Result<(), Violation> {
        match self.validators[n].step(self.now_ms, input) {
            Ok(effects) => self.carry_out(n, effects),
            Err(stopped) => self.on_stopped(Place::Validator(n), stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_goes_round_in_circles_fails_and_says_what_went_round() {
        let mut sim = Sim::new(Plan::calm(0), false);
        let mut step = || sim.count_step("answers");
        let failed = (0..=MAX_STEPS).find_map(|n| step().err().map(|violation| (n, violation)));
        let what = format!("{{\"answers\": {}}}", MAX_STEPS + 1);
        assert_eq!(failed, Some((MAX_STEPS, Violation::Endless { steps: MAX_STEPS, what })));
    }
}
