//! Every reason to refuse a transaction can be met, and says what was expected and what was there.

use crate::support::{
    INPUT, MAX_PRICE, OUTPUT, PROGRAM, ROOTS, STAKE, ToyEvidence, ToyProofs, WORKERS, Who, World, params,
    reveal_action, toy_evidence, variants,
};
use ciro_state::error::SizedField;
use ciro_state::fees::tx_fee;
use ciro_state::worker::MAX_UNBONDINGS;
use ciro_state::{
    Action, Authority, DeclineReason, Facts, Job, JobAction, Model, ModelAction, Offence, Params, SignedLease,
    SignedTx, TokenAction, TxBody, TxError, ValidatorAction, WorkerAction, check_stateless,
};
use ciro_types::{
    AccountId, Amount, Assurance, CapabilityFlags, ChainId, Height, JobId, JobType, Lease, LeaseToken, ModelId, encode,
};
use std::collections::BTreeMap;

/// The refusals a test has met, by variant.
#[derive(Default)]
struct Met(BTreeMap<u8, TxError>);

impl Met {
    fn add(&mut self, error: TxError) {
        self.0.insert(encode(&error)[0], error);
    }
}

#[test]
fn every_reason_can_be_met() {
    let mut met = Met::default();
    for provoke in [signatures, orders, accounts, workers, offers, leases, open_market, settlements, rounds, evidence] {
        provoke(&mut World::new(), &mut met);
    }
    let expected: Vec<u8> = (0..variants::<TxError>()).collect();
    let got: Vec<u8> = met.0.keys().copied().collect();
    assert_eq!(got, expected, "missing variants by tag");
    assert!(met.0.values().all(|error| !error.to_string().is_empty()));
}

fn signatures(world: &mut World, met: &mut Met) {
    let transfer = pay(Who::Bob, Amount::ONE);
    let mut other_chain = world.sign(Who::Alice, 0, transfer.clone());
    other_chain.body.chain = ChainId([1; 32]);
    met.add(world.check(&other_chain).expect_err("refused"));
    let body = TxBody { sender: Who::Bob.id(), ..world.sign(Who::Alice, 0, transfer).body };
    met.add(world.check(&SignedTx::sign(body, &Who::Alice.key())).expect_err("refused"));
    let job = world.submit(Assurance::A4);
    let lease = world.lease(job, Who::W1).lease;
    let forged = SignedLease::sign(lease, &Who::W1.key(), Facts::chain(&world.state));
    met.add(world.err(Who::W1, Action::Job(JobAction::Abandon { lease: forged, reason: DeclineReason::Busy })));
}

fn orders(world: &mut World, met: &mut Met) {
    let order = |world: &mut World, change: fn(&mut ciro_types::JobSpec)| {
        let mut spec = world.spec(Assurance::A4);
        change(&mut spec);
        world.err(Who::Alice, Action::Job(JobAction::Submit { spec }))
    };
    met.add(order(world, |spec| spec.client = Who::Bob.id()));
    met.add(order(world, |spec| spec.job_type = JobType::AITraining));
    met.add(order(world, |spec| spec.requirements.min_reputation = 1_001));
    met.add(order(world, |spec| spec.model = ModelId([9; 32])));
    met.add(order(world, |spec| spec.max_price = Amount(Amount::ONE.0 - 1)));
    met.add(order(world, |spec| spec.max_price = Amount::ciro(1_000_000)));
    met.add(order(world, |spec| spec.deadline = Height(0)));
    met.add(world.err(Who::Alice, Action::Job(JobAction::Cancel { job: JobId([9; 32]) })));
    let job = world.submit(Assurance::A4);
    world.ok(Who::Alice, Action::Job(JobAction::Cancel { job }));
    met.add(world.err(Who::Alice, Action::Job(JobAction::Cancel { job })));
}

fn pay(to: Who, amount: Amount) -> Action {
    Action::Token(TokenAction::Transfer { to: to.id(), amount })
}

fn accounts(world: &mut World, met: &mut Met) {
    met.add(world.err(Who::Alice, pay(Who::Bob, Amount::ZERO)));
    let fee = tx_fee(&params(), world.sign(Who::Bob, 0, pay(Who::Stranger, Amount::ONE)).size(), 0);
    let rest = Amount(world.purse(Who::Bob).0 - fee.0);
    met.add(world.err(Who::Bob, pay(Who::Stranger, rest)));
    let register = |program: &[u8]| Action::Model(ModelAction::Register { program: program.to_vec(), roots: ROOTS });
    met.add(world.err(Who::Alice, register(&[0; 101])));
    met.add(world.err(Who::Alice, register(b"!malformed")));
    met.add(world.err(Who::Alice, register(b"+costly")));
    met.add(world.state.admit(Who::Alice.id(), &register(PROGRAM)).expect_err("refused"));
    world.submit(Assurance::A4);
    world.ok(Who::Maker, Action::Model(ModelAction::Remove { model: World::model() }));
    met.add(world.err(Who::Maker, Action::Model(ModelAction::Remove { model: World::model() })));
}

fn workers(world: &mut World, met: &mut Met) {
    met.add(world.err(Who::Bob, Action::Worker(WorkerAction::AddStake { amount: Amount::ONE })));
    met.add(world.err(Who::W1, Action::Worker(WorkerAction::Register { stake: STAKE })));
    met.add(world.err(Who::Bob, Action::Worker(WorkerAction::Register { stake: Amount::ONE })));
    met.add(world.err(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: Amount(STAKE.0 + 1) })));
    met.add(world.err(Who::W1, Action::Worker(WorkerAction::WithdrawStake)));
    for _ in 0..MAX_UNBONDINGS {
        world.ok(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: Amount::ONE }));
    }
    met.add(world.err(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: Amount::ONE })));
}

fn offers(world: &mut World, met: &mut Met) {
    let mut idle = world.offer(Who::W1, 2);
    idle.slots = 0;
    met.add(world.err(Who::W1, Action::Worker(WorkerAction::PublishOffer { offer: idle })));
    let mut loud = world.offer(Who::W1, 2);
    loud.label = "\u{1b}[2J".into();
    met.add(world.err(Who::W1, Action::Worker(WorkerAction::PublishOffer { offer: loud })));
    let old = world.offer(Who::W1, 1);
    met.add(world.err(Who::W1, Action::Worker(WorkerAction::PublishOffer { offer: old })));
    let free = ciro_types::Offer { price: Amount::ZERO, ..world.offer(Who::W1, 2) };
    met.add(world.err(Who::W1, Action::Worker(WorkerAction::PublishOffer { offer: free })));
    let many = ciro_types::Offer { slots: u16::MAX, ..world.offer(Who::W1, 2) };
    met.add(world.err(Who::W1, Action::Worker(WorkerAction::PublishOffer { offer: many })));
}

fn leases(world: &mut World, met: &mut Met) {
    let job = world.submit(Assurance::A4);
    let abandon = |lease| Action::Job(JobAction::Abandon { lease, reason: DeclineReason::Busy });
    let expired = world.lease_until(job, Who::W1, world.height());
    met.add(world.err(Who::W1, abandon(expired)));
    let (older, running) = (world.lease(job, Who::W1), world.lease(job, Who::W1));
    met.add(world.err(Who::Alice, Action::Job(JobAction::ReportTimeout { lease: running.clone() })));
    world.ok(Who::W1, abandon(running.clone()));
    met.add(world.err(Who::W1, abandon(running)));
    met.add(world.err(Who::W1, abandon(older)));
    let void = world.lease_until(job, Who::W1, Height(1));
    met.add(world.err(Who::Alice, Action::Job(JobAction::ReportTimeout { lease: void })));
    for refused in [false, true] {
        let expires = world.height().plus(5);
        let lease = world.lease_until(job, Who::W2, expires);
        world.run_to_before(expires.next());
        let reported = world.send(Who::Alice, Action::Job(JobAction::ReportTimeout { lease }));
        assert_eq!(reported.is_err(), refused);
        reported.err().into_iter().for_each(|error| met.add(error));
    }
}

fn open_market(world: &mut World, met: &mut Met) {
    let mut spec = world.spec(Assurance::A4);
    spec.requirements.flags = CapabilityFlags::CUDA;
    let job = world.submit_spec(spec);
    let answer = world.proven(Who::W1, Authority::Open { job });
    met.add(world.err(Who::W1, answer.clone()));
    world.run_to_before(world.job(job).open_from);
    met.add(world.err(Who::W1, answer));
    world.ok(Who::Bob, Action::Worker(WorkerAction::Register { stake: STAKE }));
    let answer = world.proven(Who::Bob, Authority::Open { job });
    met.add(world.err(Who::Bob, answer));
}

fn settlements(world: &mut World, met: &mut Met) {
    let (proven, signed) = (world.submit(Assurance::A4), world.submit(Assurance::A0));
    let lease = world.leased(proven, Who::W1);
    met.add(world.err(Who::W1, World::signed_answer(lease.clone())));
    let commit = world.commitment_action(Who::W1, lease.clone(), OUTPUT);
    met.add(world.err(Who::W1, commit));
    let with = |authority: Authority, input: &[u8], proof: Vec<u8>| {
        Action::Job(JobAction::Settle { authority, input: input.to_vec(), output: OUTPUT.to_vec(), proof })
    };
    met.add(world.err(Who::W1, with(lease.clone(), b"other", vec![1])));
    met.add(world.err(Who::W1, with(lease.clone(), INPUT, vec![1])));
    let dear = world.lease(proven, Who::W1).lease;
    let dear = Authority::Lease(world.grant(Lease { price: MAX_PRICE, ..dear }));
    let settle = world.proven(Who::W1, dear);
    met.add(world.err(Who::W1, settle));
    let settle = world.proven(Who::W1, lease);
    world.ok(Who::W1, settle.clone());
    met.add(world.err(Who::W1, settle));
    let lease = world.leased(signed, Who::W1);
    met.add(world.err(Who::W1, with(lease, INPUT, vec![1])));
}

fn rounds(world: &mut World, met: &mut Met) {
    let job = world.submit(Assurance::A2);
    met.add(world.err(Who::W1, reveal_action(job, Who::W1, OUTPUT)));
    world.commit(job, Who::W1, OUTPUT);
    met.add(world.err(Who::W1, reveal_action(job, Who::W1, OUTPUT)));
    met.add(world.err(Who::Alice, Action::Job(JobAction::Cancel { job })));
    let authority = world.leased(job, Who::W1);
    let twice = world.commitment_action(Who::W1, authority, OUTPUT);
    met.add(world.err(Who::W1, twice));
    world.commit(job, Who::W2, OUTPUT);
    let authority = world.leased(job, Who::W3);
    let third = world.commitment_action(Who::W3, authority, OUTPUT);
    met.add(world.err(Who::W3, third));
    met.add(world.err(Who::W1, reveal_action(job, Who::W1, b"lie")));
    world.reveal(job, Who::W1, OUTPUT);
    met.add(world.err(Who::W1, reveal_action(job, Who::W1, OUTPUT)));
    let dear = world.submit(Assurance::A2);
    world.run_to_before(world.job(dear).open_from);
    let seats = WORKERS.map(|who| world.commitment_action(who, Authority::Open { job: dear }, OUTPUT));
    let tries: Vec<_> = WORKERS.into_iter().zip(seats).map(|(who, seat)| world.clone().send(who, seat)).collect();
    assert_eq!(tries.iter().filter(|result| result.is_ok()).count(), 2, "{tries:?}");
    tries.into_iter().filter_map(Result::err).for_each(|error| met.add(error));
    let refused = (0..).find_map(|_| {
        let job = world.submit(Assurance::A2);
        let authority = world.leased(job, Who::W4);
        let seat = world.commitment_action(Who::W4, authority, OUTPUT);
        world.send(Who::W4, seat).err()
    });
    met.add(refused.expect("the stake covers few seats"));
    let late = world.submit(Assurance::A2);
    world.run_to_before(Height(world.job(late).spec.deadline.0 - 1));
    let authority = world.leased(late, Who::W1);
    let commit = world.commitment_action(Who::W1, authority, OUTPUT);
    met.add(world.err(Who::W1, commit));
}

fn evidence(world: &mut World, met: &mut Met) {
    let report = |validator: AccountId, round| {
        Action::Validator(ValidatorAction::ReportEquivocation {
            evidence: toy_evidence(&Offence { validator, height: Height(1), round }),
        })
    };
    met.add(world.err(Who::Bob, Action::Validator(ValidatorAction::ReportEquivocation { evidence: vec![1] })));
    met.add(world.err(Who::Bob, report(Who::Alice.id(), 0)));
    let validator = Who::Validator.id();
    // Each offence takes 30 % of the rest, until less than a unit would be taken.
    let refused = (0..).find_map(|round| world.send(Who::Bob, report(validator, round)).err());
    met.add(refused.expect("the stake runs out"));
    met.add(world.err(Who::Bob, report(validator, 0)));
}

#[test]
fn every_sized_part_may_reach_its_limit_and_not_a_byte_more() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let lease = world.leased(job, Who::W1);
    let settle = |input: usize, output: usize, proof: usize| {
        Action::Job(JobAction::Settle {
            authority: lease.clone(),
            input: vec![0; input],
            output: vec![0; output],
            proof: vec![0; proof],
        })
    };
    let labelled = |length: usize| {
        let offer = world.offer(Who::W1, 2);
        Action::Worker(WorkerAction::PublishOffer { offer: ciro_types::Offer { label: "x".repeat(length), ..offer } })
    };
    let reveal = |input: usize, output: usize| {
        Action::Job(JobAction::Reveal {
            job,
            input: vec![0; input],
            output: vec![0; output],
            salt: ciro_types::Hash32::ZERO,
        })
    };
    let model = |length: usize| Action::Model(ModelAction::Register { program: vec![0; length], roots: ROOTS });
    let evidence = |length: usize| Action::Validator(ValidatorAction::ReportEquivocation { evidence: vec![0; length] });
    let cases = [
        (SizedField::Program, model(100), model(101)),
        (SizedField::Input, settle(100, 1, 1), settle(101, 1, 1)),
        (SizedField::Output, settle(1, 100, 1), settle(1, 101, 1)),
        (SizedField::Proof, settle(1, 1, 100), settle(1, 1, 101)),
        (SizedField::Input, reveal(100, 1), reveal(101, 1)),
        (SizedField::Output, reveal(1, 100), reveal(1, 101)),
        (SizedField::Evidence, evidence(100), evidence(101)),
        (SizedField::Label, labelled(10), labelled(11)),
    ];
    for (field, within, above) in cases {
        let check = |action| world.check(&world.sign(Who::W1, 0, action)).err();
        assert!(!matches!(check(within), Some(TxError::TooLarge { .. })), "{field}");
        let Some(TxError::TooLarge { field: named, expected, got }) = check(above) else { panic!("{field} passed") };
        assert_eq!((named, got), (field, expected + 1));
    }
}

/// Facts of a network whose job names a model that is gone: a state cannot be so, a foreign implementation can.
struct WithoutModels<'a>(&'a World);

impl Facts for WithoutModels<'_> {
    fn chain(&self) -> ChainId {
        self.0.state.chain()
    }
    fn scheduler(&self) -> AccountId {
        self.0.state.scheduler()
    }
    fn params(&self) -> &Params {
        self.0.state.params()
    }
    fn model(&self, _: &ModelId) -> Option<&Model> {
        None
    }
    fn job(&self, job: &JobId) -> Option<&Job> {
        Facts::job(&self.0.state, job)
    }
}

#[test]
fn a_proof_about_an_absent_model_is_refused() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let authority = world.leased(job, Who::W1);
    let tx = world.sign(Who::W1, 0, world.proven(Who::W1, authority));
    let refused = check_stateless(&tx, &WithoutModels(&world), &ToyProofs, &ToyEvidence).expect_err("refused");
    assert_eq!(refused, TxError::UnknownModel { model: World::model() });
}

#[test]
fn a_transaction_of_the_largest_parts_fits_the_largest_transaction() {
    let world = World::empty();
    let limits = params();
    let lease = world.grant(Lease {
        job: JobId([1; 32]),
        worker: Who::W1.id(),
        token: LeaseToken(1),
        price: MAX_PRICE,
        expires: Height(1),
    });
    let largest = [
        Action::Job(JobAction::Settle {
            authority: Authority::Lease(lease),
            input: vec![0; limits.max_input_bytes as usize],
            output: vec![0; limits.max_output_bytes as usize],
            proof: vec![0; limits.max_proof_bytes as usize],
        }),
        Action::Model(ModelAction::Register { program: vec![0; limits.max_program_bytes as usize], roots: ROOTS }),
        Action::Validator(ValidatorAction::ReportEquivocation {
            evidence: vec![0; limits.max_evidence_bytes as usize],
        }),
        Action::Model(ModelAction::Register { program: PROGRAM.to_vec(), roots: ROOTS }),
    ];
    for action in largest {
        let bytes = encode(&world.sign(Who::W1, 0, action));
        assert!(SignedTx::decode(&bytes, limits.max_tx_bytes()).is_ok(), "{} bytes", bytes.len());
    }
}
