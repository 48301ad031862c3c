//! One run from start to rest, and what is checked at its end.

use crate::cast::CLIENTS;
use crate::chain::End;
use crate::model::{INPUTS, Shelf};
use crate::plan::{Order, Plan, Wish};
use crate::sim::{Counts, Ordered, Sim};
use crate::violation::Violation;
use ciro_node::receipts::{PublicModel, receipt, settlement};
use ciro_queue::{QueueError, WorkStore as _};
use ciro_receipt::check;
use ciro_types::{Assurance, BlockId, Hash32, Height, JobId, chain};
use ciro_validator::Store;
use core::fmt;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Blocks within which everything ends once faults have stopped: the longest deadline, and some.
const REST_BLOCKS: u64 = 100;
/// Milliseconds within which those blocks are made.
const REST_MS: u64 = 120_000;
/// Blocks that every validator makes after the last job has ended.
const AFTERMATH_BLOCKS: u64 = 3;
/// Deadline of the orders made in calm, blocks ahead: they are to be served, not refunded.
const CALM_BLOCKS: u64 = 70;

/// A run that kept every promise.
pub struct Report {
    /// Hash of everything that happened.
    pub trace: Hash32,
    /// Heights that were decided.
    pub height: Height,
    /// Virtual milliseconds.
    pub ms: u64,
    /// Receipts that a stranger accepted.
    pub receipts: usize,
    /// What was counted.
    pub counts: Counts,
    /// How jobs ended, with how many of each.
    pub ends: BTreeMap<String, u64>,
}

/// A run that did not.
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What was broken.
    pub violation: Violation,
    /// When, virtual milliseconds.
    pub at_ms: u64,
    /// What led to it.
    pub trace: String,
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, violation, at_ms, trace } = self;
        writeln!(f, "{trace}")?;
        write!(f, "seed {seed} fails at {at_ms} ms: {violation}")
    }
}

/// Runs `plan` and then asks `verdict`, which says what it misses.
///
/// # Errors
/// [`Failure`] with everything needed to find out why.
pub fn run(plan: Plan, verdict: impl FnOnce(&Sim) -> Result<(), String>) -> Result<Report, Box<Failure>> {
    run_traced(plan, false, verdict).map(|(report, _)| report)
}

/// As [`run`]; also returns the lines of the trace, all of them if `keep_trace`.
///
/// # Errors
/// As [`run`].
pub fn run_traced(
    plan: Plan,
    keep_trace: bool,
    verdict: impl FnOnce(&Sim) -> Result<(), String>,
) -> Result<(Report, String), Box<Failure>> {
    let seed = plan.seed;
    let mut sim = Sim::new(plan, keep_trace);
    let result = catch_unwind(AssertUnwindSafe(|| drive(&mut sim, verdict)));
    let result = result.unwrap_or_else(|panic| Err(Violation::Panic { reason: words(panic.as_ref()) }));
    let failure = |violation| Failure { seed, violation, at_ms: sim.now_ms(), trace: sim.trace().text() };
    let receipts = result.map_err(|violation| Box::new(failure(violation)))?;
    let report = Report {
        trace: sim.trace().hash(),
        height: sim.chain().height(),
        ms: sim.now_ms(),
        receipts,
        counts: sim.counts().clone(),
        ends: ends(&sim),
    };
    Ok((report, sim.trace().text()))
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned()
}

fn drive(sim: &mut Sim, verdict: impl FnOnce(&Sim) -> Result<(), String>) -> Result<usize, Violation> {
    sim.start()?;
    let calm_ms = sim.plan().weather.calm_ms;
    while sim.now_ms() < calm_ms && sim.step()? {}
    let first = sim.plan().orders.len();
    order_in_calm(sim);
    come_to_rest(sim)?;
    check_queue(sim)?;
    let receipts = check_receipts(sim)?;
    check_calm_orders(sim, first)?;
    verdict(sim).map_err(|what| Violation::Verdict { what })?;
    Ok(receipts)
}

fn order_in_calm(sim: &mut Sim) {
    for (n, assurance) in Assurance::ALL.into_iter().enumerate() {
        let at_ms = sim.now_ms() + 500;
        let (client, input) = (n % CLIENTS, n % INPUTS);
        sim.order(Order { at_ms, client, assurance, input, blocks: CALM_BLOCKS, wish: Wish::Plain });
    }
}

/// Runs on until every order has ended and every validator has gone on for a few blocks.
fn come_to_rest(sim: &mut Sim) -> Result<(), Violation> {
    let (start, start_ms) = (sim.chain().height(), sim.now_ms());
    let mut ended: Option<Height> = None;
    let mut seen = Height(0);
    loop {
        let height = sim.chain().height();
        if height > start.plus(REST_BLOCKS) || sim.now_ms() > start_ms + REST_MS || !sim.step()? {
            return Err(Violation::Stuck { height, what: what_is_missing(sim) });
        }
        if ended.is_none() && height > seen {
            seen = height;
            ended = unfinished(sim).next().is_none().then_some(height);
        }
        if ended.is_some_and(|ended| all_validators_at(sim, ended.plus(AFTERMATH_BLOCKS))) {
            return Ok(());
        }
    }
}

fn all_validators_at(sim: &Sim, height: Height) -> bool {
    sim.validators().iter().all(|node| node.state().is_some_and(|state| state.height() >= height))
}

/// Orders that have not come to an end.
fn unfinished(sim: &Sim) -> impl Iterator<Item = usize> {
    (0..sim.plan().orders.len()).filter(|number| !sim.ordered().get(number).is_some_and(|order| has_ended(sim, order)))
}

fn has_ended(sim: &Sim, ordered: &Ordered) -> bool {
    match sim.chain().jobs.get(&ordered.job) {
        Some(tale) => tale.end.is_some(),
        // Nothing of it may still be on its way.
        None => {
            let client = &sim.clients()[ordered.order.client];
            client.refused.contains_key(&ordered.job) && client.is_idle()
        }
    }
}

fn what_is_missing(sim: &Sim) -> String {
    let heights: Vec<_> = sim.validators().iter().map(|node| node.state().map(|state| state.height().0)).collect();
    let orders: Vec<String> = unfinished(sim).map(|number| name(sim, number)).collect();
    format!("validators at {heights:?}, unfinished orders {orders:?}")
}

fn name(sim: &Sim, number: usize) -> String {
    sim.ordered().get(&number).map_or_else(|| format!("{number} (not made)"), |order| order.job.short())
}

/// The scheduler's store follows from a block of this chain, and holds no work for jobs that have ended.
fn check_queue(sim: &Sim) -> Result<(), Violation> {
    let Some(scheduler) = sim.scheduler().scheduler() else { return Ok(()) };
    let stopped =
        |e: QueueError| Violation::Stopped { place: crate::cast::Place::Scheduler, reason: ciro_types::chain(&e) };
    let Some(mark) = scheduler.store().mark().map_err(stopped)? else { return Ok(()) };
    let expected = sim.chain().block(mark.height).map_or(BlockId::ZERO, |block| block.id);
    if mark.block != expected {
        return Err(Violation::Queue { height: mark.height, expected, got: mark.block });
    }
    // The last blocks may be on their way.
    if scheduler.height().plus(AFTERMATH_BLOCKS) < sim.chain().height() {
        return Err(Violation::Behind { height: scheduler.height(), chain: sim.chain().height() });
    }
    for job in scheduler.store().jobs(None, usize::MAX).map_err(stopped)? {
        let has_ended = sim.chain().jobs.get(&job).is_none_or(|tale| tale.end.is_some());
        if has_ended && scheduler.height() == sim.chain().height() {
            return Err(Violation::Leftover { job });
        }
    }
    Ok(())
}

/// Every paid job has a receipt that a stranger accepts. Returns how many.
fn check_receipts(sim: &Sim) -> Result<usize, Violation> {
    let Some(validator) = sim.validators()[0].validator() else { return Ok(0) };
    let store = validator.ledger().store();
    let settled = sim.chain().jobs.iter().filter(|(_, tale)| matches!(tale.end, Some(End::Settled(..))));
    let mut count = 0;
    for (job, _) in settled {
        check_receipt(sim, store, *job).map_err(|reason| Violation::Receipt { job: *job, reason })?;
        count += 1;
    }
    Ok(count)
}

fn check_receipt(sim: &Sim, store: &Store, job: JobId) -> Result<(), String> {
    let shelf = Shelf::shared();
    let settlement = settlement(store, sim.genesis(), job).map_err(|e| chain(&e))?.ok_or("there is no settlement")?;
    let model = PublicModel { program: shelf.program.clone(), roots: shelf.roots };
    let receipt = receipt(store, model, settlement).map_err(|e| chain(&e))?.ok_or("there is no receipt")?;
    check(&receipt, Some(sim.genesis().chain_id())).map(|_| ()).map_err(|e| chain(&e))
}

/// What was ordered in calm is served.
fn check_calm_orders(sim: &Sim, first: usize) -> Result<(), Violation> {
    for (_, ordered) in sim.ordered().range(first..) {
        let end = sim.chain().jobs.get(&ordered.job).and_then(|tale| tale.end.clone());
        if !matches!(end, Some(End::Settled(..))) {
            return Err(Violation::Unserved { job: ordered.job, end: format!("{end:?}") });
        }
    }
    Ok(())
}

fn ends(sim: &Sim) -> BTreeMap<String, u64> {
    let mut ends = BTreeMap::new();
    for ordered in sim.ordered().values() {
        let end = sim.chain().jobs.get(&ordered.job).and_then(|tale| tale.end.clone());
        let name = match end {
            Some(End::Settled(record, _)) => format!("settled at {:?}", record.assurance),
            Some(End::Refunded(reason)) => format!("refunded: {reason:?}"),
            None => "refused".into(),
        };
        *ends.entry(name).or_default() += 1;
    }
    ends
}
