//! Random histories. The oracle is an account book kept from the events alone; it never calls the ledger's arithmetic.

use crate::support::{
    FUNDS, INPUT, OUTPUT, PRICE, ROOTS, STAKE, WORKERS, Who, World, params, reveal_action, toy_evidence, variants,
};
use ciro_state::{
    Action, Authority, DeclineReason, Event, Facts, FailReason, InclusionError, JobAction, JobStatus, ModelAction,
    Offence, Params, SignedLease, SignedTx, SlashDestination, State, TokenAction, ValidatorAction, WorkerAction,
    model_id,
};
use ciro_types::{AccountId, Amount, Assurance, Height, JobId, LeaseToken, ModelId, encode};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// One step of a history. Numbers choose among what exists then. `Reveal` opens a recent commitment, or tries to open it to something
/// else. `Vanish` is a worker that is granted a lease and never heard of again.
#[derive(Clone, Debug)]
enum Step {
    Transfer { from: usize, to: usize, ciro: u64 },
    Register { who: usize, program: usize },
    Remove { who: usize, program: usize },
    Stake { worker: usize, ciro: u64 },
    Unstake { worker: usize, ciro: u64 },
    Withdraw { worker: usize },
    Offer { worker: usize, ciro: u64 },
    Submit { rung: usize, ciro: u64, blocks: u64, again: bool },
    Cancel { job: usize },
    Answer { job: usize, worker: usize, lease: Right, says: Says },
    Reveal { commitment: usize, wrong: bool },
    Abandon { job: usize, worker: usize },
    Fail { job: usize, worker: usize },
    Vanish { job: usize, worker: usize },
    Report { lease: usize },
    Equivocate { round: u32 },
    Wait { blocks: u64 },
}

impl Step {
    /// Empty blocks after this step.
    const fn pause(&self) -> u64 {
        if let Self::Wait { blocks } = self { *blocks } else { 0 }
    }
}

/// What a worker answers.
#[derive(Clone, Copy, Debug)]
enum Says {
    Truth,
    /// What every liar says.
    Lie,
    /// What no other worker says.
    OwnLie,
}

fn says() -> impl Strategy<Value = Says> {
    prop_oneof![6 => Just(Says::Truth), 2 => Just(Says::Lie), 2 => Just(Says::OwnLie)]
}

/// By what right a worker answers in a step.
#[derive(Clone, Debug)]
enum Right {
    Fresh,
    Open,
    /// A lease that was granted before, to this or another worker, for this or another job.
    Old(usize),
}

fn rights() -> impl Strategy<Value = Right> {
    prop_oneof![4 => Just(Right::Fresh), 1 => Just(Right::Open), 1 => any::<usize>().prop_map(Right::Old)]
}

fn steps() -> impl Strategy<Value = Step> {
    let any = any::<usize>;
    prop_oneof![
        1 => (any(), any(), 0..6_000u64).prop_map(|(from, to, ciro)| Step::Transfer { from, to, ciro }),
        1 => (any(), any()).prop_map(|(who, program)| Step::Register { who, program }),
        1 => (any(), any()).prop_map(|(who, program)| Step::Remove { who, program }),
        1 => (any(), 1..500u64).prop_map(|(worker, ciro)| Step::Stake { worker, ciro }),
        1 => (any(), 1..250u64).prop_map(|(worker, ciro)| Step::Unstake { worker, ciro }),
        1 => any().prop_map(|worker| Step::Withdraw { worker }),
        1 => (any(), 0..30u64).prop_map(|(worker, ciro)| Step::Offer { worker, ciro }),
        2 => (any(), 15..60u64, 5..30u64, prop::bool::weighted(0.3))
            .prop_map(|(rung, ciro, blocks, again)| Step::Submit { rung, ciro, blocks, again }),
        1 => (any()).prop_map(|job| Step::Cancel { job }),
        8 => (any(), any(), rights(), says())
            .prop_map(|(job, worker, lease, says)| Step::Answer { job, worker, lease, says }),
        8 => (any(), prop::bool::weighted(0.1)).prop_map(|(commitment, wrong)| Step::Reveal { commitment, wrong }),
        1 => (any(), any()).prop_map(|(job, worker)| Step::Abandon { job, worker }),
        1 => (any(), any()).prop_map(|(job, worker)| Step::Fail { job, worker }),
        1 => (any(), any()).prop_map(|(job, worker)| Step::Vanish { job, worker }),
        2 => any().prop_map(|lease| Step::Report { lease }),
        1 => (0..3u32).prop_map(|round| Step::Equivocate { round }),
        1 => (1..12u64).prop_map(|blocks| Step::Wait { blocks }),
    ]
}

/// A network and what its users remember.
struct Players {
    world: World,
    jobs: Vec<JobId>,
    specs: Vec<ciro_types::JobSpec>,
    leases: Vec<SignedLease>,
    commitments: Vec<(JobId, Who, Says)>,
    sequence: u64,
}

const PEOPLE: [Who; 7] = [Who::Alice, Who::Bob, Who::W1, Who::W2, Who::W3, Who::W4, Who::Maker];
/// Programs that come and go, besides the one that every job runs.
const PROGRAMS: [&[u8]; 2] = [b"one", b"another"];

fn pick<T: Copy>(from: &[T], choice: usize) -> Option<T> {
    from.get(choice.checked_rem(from.len())?).copied()
}

impl Players {
    /// What a step does, and who does it. None if there is nothing to do it to.
    fn act(&mut self, step: &Step) -> Option<(Who, Action)> {
        let worker = |choice: usize| WORKERS[choice % WORKERS.len()];
        Some(match *step {
            Step::Transfer { from, to, ciro } => {
                let to = PEOPLE[to % PEOPLE.len()].id();
                (PEOPLE[from % PEOPLE.len()], Action::Token(TokenAction::Transfer { to, amount: Amount::ciro(ciro) }))
            }
            Step::Register { who, program } => {
                let program = PROGRAMS[program % PROGRAMS.len()].to_vec();
                (PEOPLE[who % PEOPLE.len()], Action::Model(ModelAction::Register { program, roots: ROOTS }))
            }
            Step::Remove { who, program } => {
                let programs = PROGRAMS.map(|program| model_id(program, &ROOTS));
                let owned = || programs.iter().copied().chain([World::model()]);
                let model = owned().nth(program % (PROGRAMS.len() + 1))?;
                // More often than not its owner.
                let owner = self.world.state.model(&model).map(|row| row.owner);
                let owner = PEOPLE.into_iter().find(|who| Some(who.id()) == owner).filter(|_| who % 4 > 0);
                (owner.unwrap_or(PEOPLE[who % PEOPLE.len()]), Action::Model(ModelAction::Remove { model }))
            }
            Step::Stake { worker: who, ciro } => {
                (worker(who), Action::Worker(WorkerAction::AddStake { amount: Amount::ciro(ciro) }))
            }
            Step::Unstake { worker: who, ciro } => {
                (worker(who), Action::Worker(WorkerAction::RequestUnstake { amount: Amount::ciro(ciro) }))
            }
            Step::Withdraw { worker: who } => (worker(who), Action::Worker(WorkerAction::WithdrawStake)),
            Step::Offer { worker: who, ciro } => (worker(who), self.offer(worker(who), ciro)),
            Step::Submit { rung, ciro, blocks, again } => (Who::Alice, self.submit(rung, ciro, blocks, again)),
            Step::Cancel { job } => (Who::Alice, Action::Job(JobAction::Cancel { job: self.pick_job(job)? })),
            Step::Answer { job, worker: who, ref lease, says } => {
                let job = self.pick_job(job)?;
                (worker(who), self.answer(job, worker(who), lease, says)?)
            }
            Step::Reveal { commitment, wrong } => {
                let (job, who, says) = self.pick_commitment(commitment)?;
                let says = if wrong { Says::OwnLie } else { says };
                (who, reveal_action(job, who, output(says, who)))
            }
            Step::Abandon { job, worker: who } => {
                let lease = self.lease(self.pick_job(job)?, worker(who));
                (worker(who), Action::Job(JobAction::Abandon { lease, reason: DeclineReason::Busy }))
            }
            Step::Fail { job, worker: who } => {
                let lease = self.lease(self.pick_job(job)?, worker(who));
                (worker(who), Action::Job(JobAction::Fail { lease, reason: FailReason::InputInvalid }))
            }
            Step::Report { lease } => {
                let choice = lease.checked_rem(self.leases.len())?;
                (Who::Bob, Action::Job(JobAction::ReportTimeout { lease: self.leases[choice].clone() }))
            }
            Step::Equivocate { round } => {
                let offence = Offence { validator: Who::Validator.id(), height: Height(1), round };
                (Who::Bob, Action::Validator(ValidatorAction::ReportEquivocation { evidence: toy_evidence(&offence) }))
            }
            Step::Vanish { job, worker: who } => {
                self.lease(self.pick_job(job)?, worker(who));
                return None;
            }
            Step::Wait { .. } => return None,
        })
    }

    /// A job that somebody waits for, more often than not one that workers have committed to; now and then any job.
    fn pick_job(&self, choice: usize) -> Option<JobId> {
        let open = || self.world.state.jobs().filter(|(_, job)| job.is_open());
        let committed: Vec<_> = open().filter(|(_, job)| !job.round.seats.is_empty()).map(|(id, _)| *id).collect();
        let open: Vec<_> = open().map(|(id, _)| *id).collect();
        match choice % 8 {
            0 => pick(&self.jobs, choice / 8),
            1..=4 if !committed.is_empty() => pick(&committed, choice / 8),
            _ => pick(&open, choice / 8),
        }
    }

    /// A commitment whose reveal somebody waits for; now and then any commitment.
    fn pick_commitment(&self, choice: usize) -> Option<(JobId, Who, Says)> {
        let is_waited_for = |(id, who, _): &&(JobId, Who, Says)| {
            let job = Facts::job(&self.world.state, id).filter(|job| job.round.reveal_by.is_some());
            job.is_some_and(|job| job.round.seats.iter().any(|seat| seat.worker == who.id() && seat.output.is_none()))
        };
        let waited_for: Vec<_> = self.commitments.iter().filter(is_waited_for).copied().collect();
        if choice.is_multiple_of(8) { pick(&self.commitments, choice / 8) } else { pick(&waited_for, choice / 8) }
    }

    fn offer(&mut self, who: Who, ciro: u64) -> Action {
        self.sequence += 1;
        let offer = ciro_types::Offer { price: Amount::ciro(ciro), ..self.world.offer(who, self.sequence) };
        Action::Worker(WorkerAction::PublishOffer { offer })
    }

    fn submit(&mut self, rung: usize, ciro: u64, blocks: u64, again: bool) -> Action {
        if let (true, Some(spec)) = (again, self.specs.last()) {
            return Action::Job(JobAction::Submit { spec: spec.clone() });
        }
        let mut spec = self.world.spec([Assurance::A0, Assurance::A2, Assurance::A2, Assurance::A4][rung % 4]);
        // Odd base units, so that every division has a remainder to lose.
        spec.max_price = Amount(Amount::ciro(ciro).0 + 7);
        spec.deadline = self.world.height().plus(1 + blocks);
        self.jobs.push(ciro_state::job_id(&spec));
        self.specs.push(spec.clone());
        Action::Job(JobAction::Submit { spec })
    }

    fn lease(&mut self, job: JobId, who: Who) -> SignedLease {
        let mut lease = self.world.lease(job, who).lease;
        lease.price = Amount(PRICE.0 - 3 + u128::from(lease.token.0 % 5));
        let lease = self.world.grant(lease);
        self.leases.push(lease.clone());
        lease
    }

    fn answer(&mut self, job: JobId, who: Who, right: &Right, says: Says) -> Option<Action> {
        let authority = match right {
            Right::Fresh => Authority::Lease(self.lease(job, who)),
            Right::Open => Authority::Open { job },
            Right::Old(choice) => Authority::Lease(self.leases.get(choice.checked_rem(self.leases.len())?)?.clone()),
        };
        let (job, said) = (authority.job(), output(says, who));
        let assurance = self.specs.iter().find(|spec| ciro_state::job_id(spec) == job)?.assurance;
        Some(match assurance {
            Assurance::A2 => {
                self.commitments.push((job, who, says));
                self.world.commitment_action(who, authority, said)
            }
            Assurance::A0 => World::signed_answer(authority),
            Assurance::A4 => {
                let proof = self.world.proof(job, who, OUTPUT);
                Action::Job(JobAction::Settle { authority, input: INPUT.to_vec(), output: said.to_vec(), proof })
            }
        })
    }
}

fn output(says: Says, who: Who) -> &'static [u8] {
    match (says, who) {
        (Says::Truth, _) => OUTPUT,
        (Says::Lie, _) => b"lie",
        (Says::OwnLie, Who::W1) => b"lie of 1",
        (Says::OwnLie, Who::W2) => b"lie of 2",
        (Says::OwnLie, _) => b"lie of another",
    }
}

/// Money as the events tell it.
#[derive(Default)]
struct Book {
    balances: BTreeMap<AccountId, i128>,
    at_risk: BTreeMap<AccountId, i128>,
    escrows: BTreeMap<JobId, i128>,
    deposits: BTreeMap<ModelId, i128>,
    fees: i128,
    insurance: i128,
    burned: i128,
    ended: BTreeSet<JobId>,
    tokens: BTreeSet<LeaseToken>,
    kinds: BTreeSet<String>,
}

impl Book {
    fn start() -> Self {
        let mut book = Self::default();
        for who in PEOPLE {
            book.balances.insert(who.id(), signed(FUNDS));
        }
        book.at_risk.insert(Who::Validator.id(), signed(STAKE));
        book
    }

    fn pay(&mut self, who: AccountId, amount: i128) {
        *self.balances.entry(who).or_default() += amount;
    }

    fn risk(&mut self, who: AccountId, amount: i128) {
        *self.at_risk.entry(who).or_default() += amount;
    }

    fn note(&mut self, event: &Event) {
        self.kinds.insert(kind(event));
        match event {
            Event::Transfer { from, to, amount } => {
                self.pay(*from, -signed(*amount));
                self.pay(*to, signed(*amount));
            }
            Event::FeePaid { account, amount } => {
                self.pay(*account, -signed(*amount));
                self.fees += signed(*amount);
            }
            Event::ModelRegistered { model, by, deposit } => {
                self.pay(*by, -signed(*deposit));
                assert_eq!(self.deposits.insert(*model, signed(*deposit)), None, "a model is kept once");
            }
            Event::DepositReturned { model, owner, amount } => {
                self.pay(*owner, signed(*amount));
                assert_eq!(self.deposits.remove(model), Some(signed(*amount)), "deposit of {model}");
            }
            Event::WorkerRegistered { worker, stake: amount } | Event::StakeAdded { worker, amount } => {
                self.pay(*worker, -signed(*amount));
                self.risk(*worker, signed(*amount));
            }
            Event::StakeWithdrawn { worker, amount } => {
                self.risk(*worker, -signed(*amount));
                self.pay(*worker, signed(*amount));
            }
            Event::JobOpened { job, spec, .. } => {
                self.pay(spec.client, -signed(spec.max_price));
                assert_eq!(self.escrows.insert(*job, signed(spec.max_price)), None, "a job opens once");
            }
            Event::JobSettled { record, .. } => {
                let mut spent = signed(record.fee) + signed(record.refund);
                for payment in &record.payments {
                    spent += signed(payment.price);
                    self.pay(payment.worker, signed(payment.price));
                }
                self.pay(record.client, signed(record.refund));
                self.fees += signed(record.fee);
                self.end(record.job, spent);
            }
            Event::JobRefunded { job, client, amount, .. } => {
                self.pay(*client, signed(*amount));
                self.end(*job, signed(*amount));
            }
            Event::Slashed { account, amount, destination, .. } => {
                self.risk(*account, -signed(*amount));
                match destination {
                    SlashDestination::Insurance => self.insurance += signed(*amount),
                    SlashDestination::Burned => self.burned += signed(*amount),
                }
            }
            Event::LeaseObserved { token, .. } => assert!(self.tokens.insert(*token), "token {token} used twice"),
            _ => {}
        }
    }

    /// A job ends once, and its escrow is spent to the unit.
    fn end(&mut self, job: JobId, spent: i128) {
        assert!(self.ended.insert(job), "job {job} ended twice");
        assert_eq!(self.escrows.remove(&job), Some(spent), "escrow of job {job}");
    }

    fn agrees_with(&self, state: &State) {
        for (id, balance) in &self.balances {
            assert_eq!(signed(state.account(id).balance), *balance, "balance of {id}");
        }
        for (id, worker) in state.workers() {
            let at_risk = signed(worker.stake) + signed(worker.unbonding_total());
            assert_eq!(Some(&at_risk), self.at_risk.get(id), "stake of {id}");
        }
        let held = self.escrows.values().sum::<i128>();
        assert_eq!(signed(state.totals().escrow), held, "escrow");
        assert_eq!(signed(state.totals().deposits), self.deposits.values().sum::<i128>(), "deposits");
        assert!(state.models().all(|(id, model)| self.deposits.get(id) == Some(&signed(model.deposit))), "deposits");
        let pools = state.totals().pools;
        let got = [pools.burned, pools.reserve, pools.treasury, pools.insurance].map(signed).iter().sum::<i128>();
        assert_eq!(got, self.fees + self.insurance + self.burned, "pools");
        assert!(signed(pools.insurance) >= self.insurance && signed(pools.burned) >= self.burned);
        for (id, job) in state.jobs() {
            assert_eq!(job.is_open(), self.escrows.contains_key(id), "status of {id}");
        }
    }
}

fn signed(amount: Amount) -> i128 {
    amount.0.cast_signed()
}

/// Runs one block and checks it against the book and against a node that restarted before it. No block may hold any of its
/// transactions again, refused ones included.
fn block(world: &mut World, book: &mut Book, txs: &[SignedTx]) {
    let before = world.clone();
    let effects = world.block(txs).clone();
    effects.events.iter().for_each(|event| book.note(event));
    book.agrees_with(&world.state);

    let mut restarted = before.clone();
    restarted.state = State::restore(before.state.snapshot()).expect("a whole snapshot");
    let again = restarted.block(txs);
    assert_eq!((&again.events, &again.writes), (&effects.events, &effects.writes));
    assert_eq!(restarted.state.snapshot(), world.state.snapshot());
    for tx in txs {
        let refused = world.not_includable(std::slice::from_ref(tx));
        assert!(matches!(refused, InclusionError::Nonce { .. }), "{refused}");
    }
}

/// Small windows, and an unstake delay that a history can outlast.
fn brisk() -> Params {
    Params { unstake_delay: 32, max_job_blocks: 31, ..params() }
}

/// Plays a history, so many steps to a block, and returns the kinds of events it saw.
fn history(steps: &[Step], per_block: usize) -> BTreeSet<String> {
    let mut world = World::with_params(brisk());
    let mut book = Book::start();
    world.events().iter().for_each(|event| book.note(event));
    for who in WORKERS {
        let stake = world.sign(who, 0, Action::Worker(WorkerAction::Register { stake: STAKE }));
        block(&mut world, &mut book, &[stake]);
    }
    let mut players = Players {
        world,
        jobs: Vec::new(),
        specs: Vec::new(),
        leases: Vec::new(),
        commitments: Vec::new(),
        sequence: 0,
    };
    for together in steps.chunks(per_block) {
        let mut txs: Vec<SignedTx> = Vec::new();
        for step in together {
            let Some((who, action)) = players.act(step) else { continue };
            let sent = txs.iter().filter(|tx| tx.body.sender == who.id()).count();
            txs.push(players.world.sign(who, sent as u64, action));
        }
        block(&mut players.world, &mut book, &txs);
        for _ in 0..together.iter().map(Step::pause).sum() {
            block(&mut players.world, &mut book, &[]);
        }
    }
    // Past the last deadline nothing is held any more, whatever happened.
    for _ in 0..40 {
        block(&mut players.world, &mut book, &[]);
    }
    assert!(book.escrows.is_empty() && players.world.state.totals().escrow == Amount::ZERO);
    assert!(players.world.state.jobs().all(|(_, job)| job.status != JobStatus::Open));
    book.kinds
}

/// Tags of the events that are told apart by their reason.
const REFUNDED: u8 = 20;
const SLASHED: u8 = 21;

/// An event's tag, or its reason if it has one.
fn kind(event: &Event) -> String {
    match event {
        Event::JobRefunded { reason, .. } => format!("{reason:?}"),
        Event::Slashed { reason, .. } => format!("{reason:?}"),
        other => encode(other)[0].to_string(),
    }
}

fn histories() -> impl Strategy<Value = (Vec<Step>, usize)> {
    (prop::collection::vec(steps(), 1..100), 1..4usize)
}

/// A failing history is printed whole; nothing is written into the checkout.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn money_is_conserved_and_every_job_ends_once((steps, per_block) in histories()) {
        history(&steps, per_block);
    }
}

/// The same law over histories that never change, so that what they reach is known.
#[test]
fn fixed_histories_reach_every_kind_of_event() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let seen = RefCell::new(BTreeSet::new());
    TestRunner::new_with_rng(config(200), rng)
        .run(&histories(), |(steps, per_block)| {
            seen.borrow_mut().extend(history(&steps, per_block));
            Ok(())
        })
        .expect("the law holds");
    let plain = (0..variants::<Event>()).filter(|tag| ![REFUNDED, SLASHED].contains(tag)).map(|tag| tag.to_string());
    let refunds = ["Expired", "Cancelled", "Failed(InputInvalid)", "Failed(NoMajority)", "Unmatched"];
    let slashes = ["Malicious", "Unavailable", "Equivocation"];
    let ends = refunds.into_iter().chain(slashes).map(String::from);
    assert_eq!(seen.into_inner(), plain.chain(ends).collect());
}
