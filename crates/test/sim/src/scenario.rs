//! Named adversaries, each alone in an otherwise fair network, and the verdict each must get.

use crate::cast::{CLIENTS, FUNDED_STRANGERS, Place, STRANGER_FUNDS, VALIDATORS};
use crate::chain::End;
use crate::model::INPUTS;
use crate::plan::{Character, Cut, FullDisk, Order, Outage, Plan, STORM_MS, Wish};
use crate::sim::Sim;
use crate::stranger::{STRANGERS, Trick, stranger};
use ciro_state::{Account, FailReason, RefundReason, SlashReason};
use ciro_types::{AccountId, Amount, Assurance, Nonce};

/// What a scenario must not lack.
pub type Verdict = Result<(), String>;

/// An adversary or a calamity, and what must become of it.
pub struct Scenario {
    /// For people.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub does: &'static str,
    /// What must happen, besides the invariants of every run.
    pub must: &'static str,
    /// What happens.
    pub plan: fn(u64) -> Plan,
    /// What of that is missing at the end.
    pub verdict: fn(&Sim) -> Verdict,
}

/// Every scenario.
pub const SCENARIOS: [Scenario; 24] = [
    Scenario {
        name: "fair weather",
        does: "nothing: one job at each rung, honest members, no faults",
        must: "every job is settled",
        plan: |seed| Plan::calm(seed).with_a_job_at_each_rung(),
        verdict: all_settled,
    },
    Scenario {
        name: "equivocator",
        does: "a validator signs contradictions and shows each half of the network another one",
        must: "it is slashed for equivocation and loses its vote, nobody else does, and every job is settled",
        plan: equivocator,
        verdict: equivocator_is_slashed,
    },
    Scenario {
        name: "liar at A2",
        does: "the cheapest of three workers commits to wrong answers",
        must: "it loses stake, is not paid, and every job is settled by the others",
        plan: |seed| one_cheat(seed, Character::Liar, Assurance::A2),
        verdict: liar_loses_stake,
    },
    Scenario {
        name: "liar at A4",
        does: "the cheapest of three workers sends wrong answers and damaged proofs",
        must: "its proofs are refused at the door, it is not paid, and every job is settled by the others",
        plan: |seed| one_cheat(seed, Character::Liar, Assurance::A4),
        verdict: false_proof_fails,
    },
    Scenario {
        name: "vanisher",
        does: "the cheapest of three workers takes leases and commits, and is never heard of again",
        must: "its leases are reported to have run out, it is not paid, and every job is settled by the others",
        plan: |seed| one_cheat(seed, Character::Vanisher, Assurance::A4),
        verdict: vanisher_is_noted,
    },
    Scenario {
        name: "laggard",
        does: "the cheapest of three workers takes leases, and sends right answers and proofs once these have run out",
        must: "its leases are reported and nobody else's are, its late answers are refused, and every job is settled by the others",
        plan: |seed| one_cheat(seed, Character::Laggard, Assurance::A4),
        verdict: laggard_earns_nothing,
    },
    Scenario {
        name: "lot jumper",
        does: "without a scheduler, the cheapest of five workers asks for each seat at A2, drawn or not, to lie from it",
        must: "it is refused where others were drawn and is never paid, and every job is settled by the others, or refunded for want of a third",
        plan: lot_jumper,
        verdict: lots_decide,
    },
    Scenario {
        name: "thief",
        does: "a worker sends others' proofs as its own, for their jobs and for those that it holds leases of",
        must: "a proof is refused at the door, the thief is not paid, and every job is settled by the others",
        plan: thief,
        verdict: false_proof_fails,
    },
    Scenario {
        name: "copied commitment",
        does: "a worker takes seats with others' commitments, and opens them with others' words",
        must: "it is never paid, and every job is settled by the others",
        plan: |seed| one_cheat(seed, Character::Thief, Assurance::A2),
        verdict: copy_earns_nothing,
    },
    Scenario {
        name: "repeating client",
        does: "a client sends each order three times",
        must: "each job is paid for once and settled",
        plan: repeater,
        verdict: all_settled,
    },
    Scenario {
        name: "network split in halves",
        does: "two validators of four do not hear the other two for three seconds",
        must: "no block is decided meanwhile, and every job is settled afterwards",
        plan: halves,
        verdict: halves_decide_nothing,
    },
    Scenario {
        name: "power cut everywhere",
        does: "every validator, the scheduler and a worker lose their power between two flushes",
        must: "all of them recover, and every job is settled",
        plan: blackout,
        verdict: all_settled,
    },
    Scenario {
        name: "slow workers",
        does: "nothing bad: every worker takes longer for an answer than a lease runs where the model asks nothing",
        must: "no lease runs out, nobody loses anything, and every job is settled",
        plan: slow_workers,
        verdict: patience_pays,
    },
    Scenario {
        name: "full disk",
        does: "the disks of all validators fill up shortly after one another, and get room again",
        must: "nothing that was committed is lost, and every job is settled once there is room",
        plan: full_disks,
        verdict: all_settled,
    },
    Scenario {
        name: "dead scheduler",
        does: "the scheduler never comes back",
        must: "no lease is given, and every job is settled without one",
        plan: dead_scheduler,
        verdict: settled_without_leases,
    },
    Scenario {
        name: "lost queue",
        does: "the scheduler loses its power and its files four times in a row",
        must: "it makes its queue anew from the ledger, and every job is settled",
        plan: lost_queue,
        verdict: all_settled,
    },
    Scenario {
        name: "lost causes",
        does: "clients order what no machine can do, name an input that nobody has, and withdraw",
        must: "each order is refunded, for its own reason",
        plan: lost_causes,
        verdict: refunded_with_reasons,
    },
    Scenario {
        name: "flood",
        does: "strangers without money send large transactions, one with some sends small ones, to every validator",
        must: "none without money is in a block, the others pay, and every job is settled meanwhile",
        plan: |seed| with_strangers(seed, Trick::Flood),
        verdict: strangers_pay,
    },
    Scenario {
        name: "gap flood",
        does: "strangers send transactions behind gaps of nonces, with and without money",
        must: "they are refused or wait for nothing, and every job is settled meanwhile",
        plan: |seed| with_strangers(seed, Trick::Gaps),
        verdict: strangers_are_refused,
    },
    Scenario {
        name: "stale nonce",
        does: "strangers send transactions whose nonces were used, beside good ones",
        must: "they concern nobody else: every job is settled",
        plan: |seed| with_strangers(seed, Trick::Stale),
        verdict: strangers_are_refused,
    },
    Scenario {
        name: "free rows",
        does: "strangers register junk as models, with and without money",
        must: "nothing becomes a model, and every job is settled",
        plan: |seed| with_strangers(seed, Trick::Junk),
        verdict: no_model_but_one,
    },
    Scenario {
        name: "replayed refusal",
        does: "a stranger's payment is refused for want of money, and sent again by everybody once there is some",
        must: "the same bytes never move money, and every job is settled",
        plan: |seed| with_strangers(seed, Trick::Replay),
        verdict: refusal_is_final,
    },
    Scenario {
        name: "zero proof",
        does: "a stranger answers every open job with a proof of zeros",
        must: "each is refused before it costs anything, and every job is settled by workers",
        plan: |seed| with_strangers(seed, Trick::Zeros),
        verdict: strangers_are_refused,
    },
    Scenario {
        name: "spoofed name",
        does: "a stranger registers the model under a name that runs backwards",
        must: "no such name is registered, and every job is settled",
        plan: |seed| with_strangers(seed, Trick::Spoof),
        verdict: no_model_but_one,
    },
];

const CHEAT: Place = Place::Worker(0);
const CUT_MS: (u64, u64) = (3_000, 6_000);

fn equivocator(seed: u64) -> Plan {
    let plan = Plan::calm(seed).with_a_job_at_each_rung().with_a_job_at_each_rung();
    Plan { equivocator: Some(seed as usize % VALIDATORS), ..plan }
}

/// Three workers, one of whom cheats, and enough jobs that it gets its chance.
fn one_cheat(seed: u64, character: Character, assurance: Assurance) -> Plan {
    // Faster than answers are revealed: seats that wait for one another must not starve each other of slots.
    let order = |n: usize| Order { at_ms: STORM_MS + 150 * n as u64, ..order(n, assurance, Wish::Plain) };
    Plan {
        workers: vec![character, Character::Honest, Character::Honest],
        orders: (0..8).map(order).collect(),
        ..Plan::calm(seed)
    }
}

/// Nobody leases, so lots decide who answers.
fn lot_jumper(seed: u64) -> Plan {
    let workers = [Character::Liar].into_iter().chain([Character::Honest; 4]).collect();
    let mut plan =
        Plan { workers, outages: dead_scheduler(seed).outages, ..one_cheat(seed, Character::Liar, Assurance::A2) };
    // A lie costs a round, and lots take some twenty blocks to find another worker.
    plan.orders.iter_mut().for_each(|order| order.blocks = 79);
    plan
}

/// Everybody orders the same answer, so that another's proof is one of what the thief holds leases for.
fn thief(seed: u64) -> Plan {
    let mut plan = one_cheat(seed, Character::Thief, Assurance::A4);
    plan.orders.iter_mut().for_each(|order| order.input = 0);
    plan
}

fn repeater(seed: u64) -> Plan {
    let orders = Assurance::ALL.into_iter().enumerate().map(|(n, assurance)| order(n, assurance, Wish::Repeated));
    Plan { orders: orders.collect(), ..Plan::calm(seed) }
}

fn halves(seed: u64) -> Plan {
    let side = [Place::Validator(0), Place::Validator(1), Place::Scheduler, Place::Worker(0), Place::Client(0)];
    let cut = Cut { from_ms: CUT_MS.0, to_ms: CUT_MS.1, side: side.into_iter().collect() };
    let mut plan = Plan { cuts: vec![cut], ..Plan::calm(seed).with_a_job_at_each_rung() };
    plan.orders.iter_mut().for_each(|order| order.at_ms = CUT_MS.0 + 100);
    plan.weather.calm_ms = CUT_MS.1;
    plan
}

fn blackout(seed: u64) -> Plan {
    let places = (0..VALIDATORS).map(Place::Validator).chain([Place::Scheduler, Place::Worker(0)]);
    let outage = |(n, place)| Outage {
        place,
        at_ms: STORM_MS + 300,
        flushes: Some((seed + n) % 5),
        back_ms: Some(STORM_MS + 2_000 + 100 * n),
        wipes: false,
    };
    let mut plan = Plan::calm(seed).with_a_job_at_each_rung();
    plan.outages = (0..).zip(places).map(outage).collect();
    plan.weather.calm_ms = STORM_MS + 3_000;
    plan
}

/// The run makes three orders at once by itself. They are three blocks within a tenth of a second: as many as a lease would run on a
/// model that asks nothing. The plan's own orders keep out of their way.
fn slow_workers(seed: u64) -> Plan {
    let mut plan = Plan { compute_ms: (200, 230), ..Plan::calm(seed).with_a_job_at_each_rung() };
    (0..).zip(&mut plan.orders).for_each(|(n, order)| order.at_ms = STORM_MS + 3_000 * (n + 1));
    plan
}

/// All disks fill up shortly after one another, and get room again.
fn full_disks(seed: u64) -> Plan {
    let full = |n: usize| FullDisk {
        validator: n,
        from_ms: STORM_MS + 200 + 70 * (seed + n as u64) % 280,
        to_ms: STORM_MS + 3_000 + 50 * n as u64,
    };
    let full_disks = (0..VALIDATORS).map(full).collect();
    Plan { full_disks, ..Plan::calm(seed).with_a_job_at_each_rung().with_a_job_at_each_rung() }
}

fn dead_scheduler(seed: u64) -> Plan {
    let at_ms = STORM_MS - 100;
    let outage = Outage { place: Place::Scheduler, at_ms, flushes: None, back_ms: None, wipes: false };
    Plan { outages: vec![outage], ..Plan::calm(seed).with_a_job_at_each_rung() }
}

fn lost_queue(seed: u64) -> Plan {
    let outage =
        |at_ms| Outage { place: Place::Scheduler, at_ms, flushes: None, back_ms: Some(at_ms + 50), wipes: true };
    let outages = (0..4).map(|n| outage(STORM_MS + 90 + 170 * n)).collect();
    Plan { outages, ..Plan::calm(seed).with_a_job_at_each_rung() }
}

fn lost_causes(seed: u64) -> Plan {
    let wishes = [Wish::Oversized, Wish::Inputless, Wish::Withdrawn];
    let orders = wishes.into_iter().enumerate().map(|(n, wish)| order(n, Assurance::A4, wish));
    let mut plan = Plan { orders: orders.collect(), ..Plan::calm(seed) };
    // Nobody serves what is withdrawn: its client would not wait.
    plan.orders[2].assurance = Assurance::A2;
    plan
}

/// Strangers try from the first order on.
fn with_strangers(seed: u64, trick: Trick) -> Plan {
    Plan { trick: Some(trick), ..Plan::calm(seed).with_a_job_at_each_rung() }
}

fn order(n: usize, assurance: Assurance, wish: Wish) -> Order {
    let at_ms = STORM_MS + 150 * n as u64;
    Order { at_ms, client: n % CLIENTS, assurance, input: n % INPUTS, blocks: 60, wish }
}

/// How each order ended, in order.
fn ends(sim: &Sim) -> Vec<Option<End>> {
    let end = |job| sim.chain().jobs.get(job).and_then(|tale| tale.end.clone());
    sim.ordered().values().map(|ordered| end(&ordered.job)).collect()
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(what()) }
}

fn all_settled(sim: &Sim) -> Verdict {
    let ends = ends(sim);
    let settled = ends.iter().all(|end| matches!(end, Some(End::Settled(..))));
    ensure(settled, || format!("expected every job to be settled, got {ends:?}"))
}

fn slashed(sim: &Sim, account: AccountId, reason: SlashReason) -> usize {
    sim.chain().slashes.iter().filter(|slash| slash.account == account && slash.reason == reason).count()
}

/// How often `account` was paid at `assurance`.
fn paid(sim: &Sim, account: AccountId, assurance: Assurance) -> usize {
    let is_paid = |end: &Option<End>| match end {
        Some(End::Settled(record, _)) => {
            record.assurance == assurance && record.payments.iter().any(|payment| payment.worker == account)
        }
        Some(End::Refunded(_)) | None => false,
    };
    ends(sim).iter().filter(|end| is_paid(end)).count()
}

fn equivocator_is_slashed(sim: &Sim) -> Verdict {
    let liar = Place::Validator(sim.plan().equivocator.unwrap_or_default()).account();
    let times = slashed(sim, liar, SlashReason::Equivocation);
    ensure(times > 0, || format!("{} contradictions went unpunished", sim.counts().contradictions))?;
    let others = sim.chain().slashes.iter().filter(|slash| slash.account != liar).count();
    ensure(others == 0, || format!("{others} others were punished"))?;
    let voters = sim.validators().iter().filter_map(|node| node.state()).map(ciro_state::State::voters);
    for voters in voters {
        let has_vote = voters.iter().any(|(account, _)| *account == liar);
        ensure(!has_vote && voters.len() == VALIDATORS - 1, || format!("after the slash these vote: {voters:?}"))?;
    }
    all_settled(sim)
}

fn liar_loses_stake(sim: &Sim) -> Verdict {
    let liar = CHEAT.account();
    ensure(slashed(sim, liar, SlashReason::Malicious) > 0, || "the liar kept its stake".into())?;
    ensure(paid(sim, liar, Assurance::A2) == 0, || "the liar was paid".into())?;
    all_settled(sim)
}

/// What is not proven for its sender and its job is refused before it reaches a block, and pays nothing.
fn false_proof_fails(sim: &Sim) -> Verdict {
    let refused = sim.counts().refused_proofs.get(&CHEAT).copied().unwrap_or_default();
    ensure(refused > 0, || "no proof was refused".into())?;
    ensure(paid(sim, CHEAT.account(), Assurance::A4) == 0, || "a false proof was paid".into())?;
    all_settled(sim)
}

fn copy_earns_nothing(sim: &Sim) -> Verdict {
    let tried = sim.counts().refused.get(&CHEAT).copied().unwrap_or_default();
    ensure(tried > 0, || "nothing of the copier was refused".into())?;
    ensure(paid(sim, CHEAT.account(), Assurance::A2) == 0, || "a copied answer was paid".into())?;
    all_settled(sim)
}

fn vanisher_is_noted(sim: &Sim) -> Verdict {
    let vanisher = CHEAT.account();
    let times = sim.chain().timeouts.get(&vanisher).copied().unwrap_or_default();
    ensure(times > 0, || "no lease was reported to have run out".into())?;
    ensure(Assurance::ALL.iter().all(|rung| paid(sim, vanisher, *rung) == 0), || "it was paid".into())?;
    all_settled(sim)
}

fn laggard_earns_nothing(sim: &Sim) -> Verdict {
    let refused = sim.counts().refused.get(&CHEAT).copied().unwrap_or_default();
    ensure(refused > 0, || "no late answer was refused".into())?;
    let others = sim.chain().timeouts.keys().filter(|worker| **worker != CHEAT.account()).count();
    ensure(others == 0, || format!("leases of {others} others ran out"))?;
    vanisher_is_noted(sim)
}

fn lots_decide(sim: &Sim) -> Verdict {
    let refused = sim.counts().refused_seats.get(&CHEAT).copied().unwrap_or_default();
    ensure(refused > 0, || "it was never refused a seat".into())?;
    ensure(paid(sim, CHEAT.account(), Assurance::A2) == 0, || "the liar was paid".into())?;
    ensure(sim.counts().leases == 0, || "a dead scheduler gave leases".into())?;
    // Where it was drawn and lied, lots have to find a third worker before the deadline.
    let is_over = |end: &Option<End>| match end {
        Some(End::Settled(..) | End::Refunded(RefundReason::Failed(FailReason::NoMajority))) => true,
        Some(End::Refunded(_)) | None => false,
    };
    let ends = ends(sim);
    ensure(ends.iter().all(is_over), || format!("expected every job to be settled or refunded, got {ends:?}"))
}

fn patience_pays(sim: &Sim) -> Verdict {
    let (late, slashes) = (&sim.chain().timeouts, &sim.chain().slashes);
    ensure(late.is_empty(), || format!("leases of slow workers ran out: {late:?}"))?;
    ensure(slashes.is_empty(), || format!("{} slow workers were punished", slashes.len()))?;
    all_settled(sim)
}

fn halves_decide_nothing(sim: &Sim) -> Verdict {
    // Messages that were on their way when the network split may complete one block.
    let between = |ms: &&u64| (CUT_MS.0 + 100..CUT_MS.1).contains(*ms);
    let decided = sim.counts().decided_ms.iter().filter(between).count();
    ensure(decided == 0, || format!("{decided} blocks were decided by half of the network"))?;
    all_settled(sim)
}

fn settled_without_leases(sim: &Sim) -> Verdict {
    ensure(sim.counts().leases == 0, || "a dead scheduler gave leases".into())?;
    all_settled(sim)
}

fn refunded_with_reasons(sim: &Sim) -> Verdict {
    let expected = [RefundReason::Unmatched, RefundReason::Failed(FailReason::InputUnavailable)];
    let ends = ends(sim);
    for (expected, got) in expected.into_iter().zip(&ends) {
        ensure(*got == Some(End::Refunded(expected)), || format!("expected {expected:?}, got {got:?}"))?;
    }
    // A worker that was faster than the withdrawal is paid.
    let is_over = matches!(&ends[2], Some(End::Refunded(RefundReason::Cancelled) | End::Settled(..)));
    ensure(is_over, || format!("expected a withdrawn job to be cancelled, got {:?}", ends[2]))
}

/// Nobody without money is in a block or owns anything, and nothing was paid to a stranger but by one.
fn strangers_earn_nothing(sim: &Sim) -> Verdict {
    let Some(state) = sim.validators()[0].state() else { return Err("the first validator is off".into()) };
    for n in FUNDED_STRANGERS..STRANGERS {
        let Account { balance, nonce } = state.account(&stranger(n).account());
        let has_nothing = (balance, nonce) == (Amount::ZERO, Nonce(0));
        ensure(has_nothing, || format!("stranger {n} has {balance} CIRO and used nonces up to {nonce:?}"))?;
    }
    let funds = |n| state.account(&stranger(n).account()).balance;
    let together = (0..FUNDED_STRANGERS).map(|n| funds(n).0).sum::<u128>();
    let before = STRANGER_FUNDS.0 * FUNDED_STRANGERS as u128;
    ensure(together <= before, || format!("strangers had {}, now {}", Amount(before), Amount(together)))?;
    all_settled(sim)
}

/// The tricks that validators see through at the door.
fn strangers_are_refused(sim: &Sim) -> Verdict {
    let refused = (0..STRANGERS).filter_map(|n| sim.counts().refused.get(&stranger(n))).sum::<u64>();
    ensure(refused > 0, || "nothing was refused".into())?;
    strangers_earn_nothing(sim)
}

fn strangers_pay(sim: &Sim) -> Verdict {
    let Some(state) = sim.validators()[0].state() else { return Err("the first validator is off".into()) };
    let Account { balance, nonce: Nonce(used) } = state.account(&stranger(0).account());
    let fee = sim.genesis().params.tx_fee;
    let (spent, least) = (STRANGER_FUNDS.0.saturating_sub(balance.0), fee.0 * u128::from(used));
    ensure(used > 0 && spent >= least, || format!("{used} transactions cost {}", Amount(spent)))?;
    strangers_are_refused(sim)
}

fn no_model_but_one(sim: &Sim) -> Verdict {
    let models = sim.validators()[0].state().map_or(0, |state| state.models().count());
    ensure(models == 1, || format!("expected the model that everybody runs, got {models}"))?;
    strangers_are_refused(sim)
}

/// The second stranger's help came, and the debt was not paid.
fn refusal_is_final(sim: &Sim) -> Verdict {
    let Some(state) = sim.validators()[0].state() else { return Err("the first validator is off".into()) };
    let debtor = state.account(&stranger(0).account());
    ensure(debtor.balance > STRANGER_FUNDS, || format!("the debtor has {} CIRO", debtor.balance))?;
    ensure(debtor.nonce == Nonce(1), || format!("expected the refusal to spend one nonce, got {:?}", debtor.nonce))?;
    strangers_are_refused(sim)
}
