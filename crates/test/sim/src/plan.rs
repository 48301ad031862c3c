//! Everything that a seed decides before a run begins: the weather, the outages, who cheats, what is ordered.

use crate::cast::{CLIENTS, Place, VALIDATORS};
use crate::model::INPUTS;
use crate::rng::Rng;
use crate::stranger::Trick;
use ciro_types::Assurance;
use std::collections::BTreeSet;

/// Faults begin here, milliseconds: before, the network is set up.
pub const STORM_MS: u64 = 1_500;
/// Faults end here, unless a scenario says otherwise.
pub const CALM_MS: u64 = 11_000;

/// How long a task takes, milliseconds.
const COMPUTE_MS: (u64, u64) = (5, 80);

/// How messages travel while the storm lasts. Afterwards only the delay remains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Shortest and longest delay, milliseconds. Messages overtake one another.
    pub delay_ms: (u64, u64),
    /// Percentage that is lost.
    pub loss: u64,
    /// Percentage that arrives twice.
    pub duplicate: u64,
    /// Percentage that takes up to a second.
    pub straggle: u64,
    /// When faults end.
    pub calm_ms: u64,
}

impl Weather {
    /// No faults at all.
    #[must_use]
    pub const fn fair() -> Self {
        Self { delay_ms: (1, 20), loss: 0, duplicate: 0, straggle: 0, calm_ms: STORM_MS }
    }
}

/// A time in which two sides of the network do not hear each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// From here, milliseconds.
    pub from_ms: u64,
    /// To here.
    pub to_ms: u64,
    /// One side.
    pub side: BTreeSet<Place>,
}

/// A power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Whose.
    pub place: Place,
    /// When it begins, milliseconds.
    pub at_ms: u64,
    /// Disk flushes that still succeed from then on; none for an outage between two steps.
    pub flushes: Option<u64>,
    /// When the machine starts again; never if none.
    pub back_ms: Option<u64>,
    /// Whether its files are gone as well.
    pub wipes: bool,
}

/// A time in which a validator's disk has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullDisk {
    /// Whose.
    pub validator: usize,
    /// From here, milliseconds.
    pub from_ms: u64,
    /// To here.
    pub to_ms: u64,
}

/// How a worker behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Character {
    /// As it should.
    Honest,
    /// Gives wrong answers: with a commitment at A2, with a bad proof at A4.
    Liar,
    /// Takes leases and commits, and is never heard of again.
    Vanisher,
    /// Computes nothing and sends others' answers and proofs under its own name.
    Thief,
    /// Has right answers, and sends them once its leases have run out.
    Laggard,
}

/// What a client does about one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Orders it.
    Plain,
    /// Orders it, and orders the same again and again.
    Repeated,
    /// Orders it and wants it back at once.
    Withdrawn,
    /// Orders what no machine can do.
    Oversized,
    /// Orders it on an input that nobody has.
    Inputless,
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// When, milliseconds.
    pub at_ms: u64,
    /// Who.
    pub client: usize,
    /// At which rung.
    pub assurance: Assurance,
    /// On which input.
    pub input: usize,
    /// Blocks until the deadline.
    pub blocks: u64,
    /// What else.
    pub wish: Wish,
}

/// A run before it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seed, from which the run draws on.
    pub seed: u64,
    /// The network's faults.
    pub weather: Weather,
    /// Partitions.
    pub cuts: Vec<Cut>,
    /// Crashes.
    pub outages: Vec<Outage>,
    /// Disks without room.
    pub full_disks: Vec<FullDisk>,
    /// What strangers try.
    pub trick: Option<Trick>,
    /// A validator that signs two things at once.
    pub equivocator: Option<usize>,
    /// The workers.
    pub workers: Vec<Character>,
    /// Shortest and longest time in which they answer, milliseconds.
    pub compute_ms: (u64, u64),
    /// The orders, but for those that are made once the storm is over.
    pub orders: Vec<Order>,
}

impl Plan {
    /// A calm network of honest members without orders.
    #[must_use]
    pub fn calm(seed: u64) -> Self {
        Self {
            seed,
            weather: Weather::fair(),
            cuts: Vec::new(),
            outages: Vec::new(),
            full_disks: Vec::new(),
            trick: None,
            equivocator: None,
            workers: vec![Character::Honest; 4],
            compute_ms: COMPUTE_MS,
            orders: Vec::new(),
        }
    }

    /// Anything that may happen, mixed as the seed decides.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let rng = &mut Rng::new(seed, "plan");
        let calm_ms = rng.between(6_000, CALM_MS);
        let mut plan = Self::calm(seed);
        plan.weather = weather(rng, calm_ms);
        plan.cuts = (0..rng.between(0, 2)).map(|_| cut(rng, calm_ms)).collect();
        plan.outages = (0..rng.between(0, 5)).map(|_| outage(rng, calm_ms)).collect();
        plan.equivocator = rng.percent(30).then(|| rng.index(VALIDATORS));
        plan.workers[0] = character(rng);
        plan.orders = (0..rng.between(4, 8)).map(|_| order(rng, calm_ms)).collect();
        plan.full_disks = (0..rng.between(0, 3)).map(|_| full_disk(rng, calm_ms)).collect();
        plan
    }

    /// A job at each rung, spread over the storm.
    #[must_use]
    pub fn with_a_job_at_each_rung(mut self) -> Self {
        let order = |(n, assurance): (usize, Assurance)| Order {
            at_ms: STORM_MS + 200 * n as u64,
            client: n % CLIENTS,
            assurance,
            input: n % INPUTS,
            blocks: 60,
            wish: Wish::Plain,
        };
        self.orders.extend((0..).zip(Assurance::ALL).map(order));
        self
    }
}

fn weather(rng: &mut Rng, calm_ms: u64) -> Weather {
    Weather {
        delay_ms: (1, rng.between(5, 60)),
        loss: rng.between(0, 15),
        duplicate: rng.between(0, 15),
        straggle: rng.between(0, 5),
        calm_ms,
    }
}

fn cut(rng: &mut Rng, calm_ms: u64) -> Cut {
    let from_ms = rng.between(STORM_MS, calm_ms - 500);
    let to_ms = (from_ms + rng.between(200, 4_000)).min(calm_ms);
    let mut everyone: Vec<Place> = (0..VALIDATORS).map(Place::Validator).collect();
    everyone.push(Place::Scheduler);
    everyone.extend((0..4).map(Place::Worker));
    everyone.retain(|_| rng.percent(40));
    Cut { from_ms, to_ms, side: everyone.into_iter().collect() }
}

fn outage(rng: &mut Rng, calm_ms: u64) -> Outage {
    let place = match rng.between(0, 9) {
        0..=4 => Place::Validator(rng.index(VALIDATORS)),
        5..=7 => Place::Scheduler,
        _ => Place::Worker(rng.index(4)),
    };
    let at_ms = rng.between(STORM_MS, calm_ms - 500);
    let back_ms = Some((at_ms + rng.between(50, 3_000)).min(calm_ms));
    let wipes = place == Place::Scheduler && rng.percent(25);
    let flushes = (!wipes && rng.percent(60)).then(|| rng.between(0, 12));
    Outage { place, at_ms, flushes, back_ms, wipes }
}

fn full_disk(rng: &mut Rng, calm_ms: u64) -> FullDisk {
    let from_ms = rng.between(STORM_MS, calm_ms - 500);
    let to_ms = (from_ms + rng.between(50, 3_000)).min(calm_ms);
    FullDisk { validator: rng.index(VALIDATORS), from_ms, to_ms }
}

fn character(rng: &mut Rng) -> Character {
    match rng.between(0, 5) {
        0 => Character::Liar,
        1 => Character::Vanisher,
        2 => Character::Thief,
        3 => Character::Laggard,
        _ => Character::Honest,
    }
}

fn order(rng: &mut Rng, calm_ms: u64) -> Order {
    let wish = match rng.between(0, 19) {
        0..=2 => Wish::Repeated,
        3..=4 => Wish::Withdrawn,
        5 => Wish::Oversized,
        6 => Wish::Inputless,
        _ => Wish::Plain,
    };
    Order {
        at_ms: rng.between(STORM_MS, calm_ms),
        client: rng.index(CLIENTS),
        assurance: Assurance::ALL[rng.index(Assurance::ALL.len())],
        input: rng.index(INPUTS),
        blocks: rng.between(20, 50),
        wish,
    }
}
