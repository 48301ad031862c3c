//! Jobs from order to end at A0 and A4, and every exit that refunds.

use crate::support::{FUNDS, INPUT, OUTPUT, PRICE, ROOTS, STAKE, Who, World, params};
use ciro_state::{
    Action, Authority, Event, Facts, FailReason, JobAction, JobStatus, MerklePath, ModelAction, Outcome, Params,
    RefundReason, TxError, WorkerAction, merkle_root, output_hash,
};
use ciro_types::{Amount, Assurance, CapabilityFlags, ChainId, Hash32, Height, MemoryMib, ModelRoots};

#[test]
fn an_a4_job_pays_the_worker_the_fee_and_the_client_its_change() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let authority = world.leased(job, Who::W1);
    let settle = world.proven(Who::W1, authority);
    assert_eq!(world.ok(Who::W1, settle), Outcome::JobSettled { job });
    assert_eq!(world.balance(Who::W1), Amount(FUNDS.0 - STAKE.0 + PRICE.0));
    assert_eq!(world.balance(Who::Alice), Amount(FUNDS.0 - Amount::ciro(11).0));
    assert_eq!(world.worker(Who::W1).reputation.0, 510);
    assert_eq!(world.worker(Who::W1).jobs_done, 1);
    let record = world.record();
    assert_eq!((record.output, record.input), (output_hash(OUTPUT), ciro_state::input_hash(INPUT)));
    assert_eq!(world.status(job), JobStatus::Settled { height: world.height(), record: record.digest() });
}

#[test]
fn an_a0_answer_is_the_signed_transaction_and_carries_no_unchecked_proof() {
    let mut world = World::new();
    let job = world.submit(Assurance::A0);
    let lease = world.leased(job, Who::W1);
    let with_proof = Action::Job(JobAction::Settle {
        authority: lease.clone(),
        input: INPUT.to_vec(),
        output: OUTPUT.to_vec(),
        proof: vec![1],
    });
    assert_eq!(world.err(Who::W1, with_proof), TxError::ProofUnexpected { job, got: 1 });
    world.ok(Who::W1, World::signed_answer(lease));
    assert_eq!(world.record().assurance, Assurance::A0);
}

#[test]
fn a_proof_for_another_job_output_or_worker_pays_nobody() {
    let mut world = World::new();
    let (job, other) = (world.submit(Assurance::A4), world.submit(Assurance::A4));
    let lease = world.leased(job, Who::W1);
    let proofs = [
        (OUTPUT, world.proof(other, Who::W1, OUTPUT)),
        (OUTPUT, world.proof(job, Who::W2, OUTPUT)),
        (b"lie".as_slice(), world.proof(job, Who::W1, OUTPUT)),
    ];
    for (output, proof) in proofs {
        let action = Action::Job(JobAction::Settle {
            authority: lease.clone(),
            input: INPUT.to_vec(),
            output: output.to_vec(),
            proof,
        });
        assert!(matches!(world.err(Who::W1, action), TxError::ProofRejected { .. }));
    }
}

#[test]
fn an_a4_job_cannot_be_answered_as_a2_nor_an_a2_job_settled_directly() {
    let mut world = World::new();
    let (proven, redundant) = (world.submit(Assurance::A4), world.submit(Assurance::A2));
    let lease = world.leased(proven, Who::W1);
    let commit = world.commitment_action(Who::W1, lease, OUTPUT);
    assert_eq!(world.err(Who::W1, commit), TxError::WrongAssurance { got: Assurance::A4 });
    let lease = world.leased(redundant, Who::W1);
    let settle = world.proven(Who::W1, lease);
    assert_eq!(world.err(Who::W1, settle), TxError::WrongAssurance { got: Assurance::A2 });
}

#[test]
fn the_same_order_again_is_absorbed_and_charges_nothing() {
    let mut world = World::new();
    let spec = world.spec(Assurance::A4);
    let job = world.submit_spec(spec.clone());
    let charged = world.balance(Who::Alice);
    let again = world.ok(Who::Alice, Action::Job(JobAction::Submit { spec: spec.clone() }));
    assert_eq!(again, Outcome::JobAbsorbed { job, status: JobStatus::Open });
    assert_eq!(world.balance(Who::Alice), charged);
    let authority = world.leased(job, Who::W1);
    let settle = world.proven(Who::W1, authority);
    world.ok(Who::W1, settle);
    let after = world.balance(Who::Alice);
    assert!(matches!(
        world.ok(Who::Alice, Action::Job(JobAction::Submit { spec })),
        Outcome::JobAbsorbed { status: JobStatus::Settled { .. }, .. }
    ));
    assert_eq!(world.balance(Who::Alice), after);
}

#[test]
fn an_order_is_never_charged_again_even_after_the_ledger_forgot_it() {
    let mut world = World::new();
    let spec = world.spec(Assurance::A4);
    let job = world.submit_spec(spec.clone());
    let forgotten_at = spec.deadline.next().plus(params().retention_blocks);
    world.run_to_before(forgotten_at);
    assert!(world.state.job(&job).is_some());
    world.block(&[]);
    assert!(world.state.job(&job).is_none());
    assert!(matches!(world.err(Who::Alice, Action::Job(JobAction::Submit { spec })), TxError::HeightOutOfRange { .. }));
    assert_eq!(world.balance(Who::Alice), FUNDS);
}

#[test]
fn a_job_settles_at_its_deadline_and_is_refunded_one_block_later() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let deadline = world.job(job).spec.deadline;
    world.run_to_before(deadline);
    let mut late = world.clone();
    let authority = world.leased(job, Who::W1);
    let settle = world.proven(Who::W1, authority);
    world.ok(Who::W1, settle);
    assert_eq!(world.height(), deadline);

    late.block(&[]);
    assert_eq!(late.status(job), JobStatus::Open);
    let authority = late.leased(job, Who::W1);
    let settle = late.proven(Who::W1, authority);
    assert!(matches!(late.err(Who::W1, settle), TxError::JobClosed { .. }));
    assert_eq!(late.height(), deadline.next());
    assert_eq!(late.balance(Who::Alice), FUNDS);
}

#[test]
fn an_order_for_another_network_is_refused_even_in_a_transaction_for_this_one() {
    let mut world = World::new();
    let mut spec = world.spec(Assurance::A4);
    let expected = spec.chain;
    spec.chain = ChainId([1; 32]);
    let refused = world.err(Who::Alice, Action::Job(JobAction::Submit { spec }));
    assert_eq!(refused, TxError::WrongChain { expected, got: ChainId([1; 32]) });
}

#[test]
fn a_deadline_lies_after_the_block_and_within_the_allowed_span() {
    let mut world = World::new();
    let order_at = |world: &mut World, blocks: u64| {
        let mut spec = world.spec(Assurance::A4);
        spec.deadline = world.height().plus(blocks);
        world.send(Who::Alice, Action::Job(JobAction::Submit { spec }))
    };
    // The order lands in the next block, so its own height is one away.
    assert!(matches!(order_at(&mut world, 1), Err(TxError::HeightOutOfRange { .. })));
    assert!(order_at(&mut world, 2).is_ok());
    assert!(order_at(&mut world, 61).is_ok());
    assert!(matches!(order_at(&mut world, 62), Err(TxError::HeightOutOfRange { .. })));
    let mut spec = world.spec(Assurance::A4);
    spec.deadline = Height(u64::MAX);
    assert!(matches!(world.err(Who::Alice, Action::Job(JobAction::Submit { spec })), TxError::HeightOutOfRange { .. }));
}

#[test]
fn a_job_nobody_took_is_refunded_as_unmatched() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    world.run_to_before(world.job(job).spec.deadline.plus(2));
    assert_eq!(world.refund_reason(job), Some(RefundReason::Unmatched));
    assert_eq!(world.balance(Who::Alice), FUNDS);
}

#[test]
fn a_job_somebody_took_and_dropped_is_refunded_as_expired() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let lease = world.lease_until(job, Who::W1, world.height().plus(2));
    world.run_to_before(lease.lease.expires.next());
    world.ok(Who::Bob, Action::Job(JobAction::ReportTimeout { lease }));
    assert_eq!(world.worker(Who::W1).reputation.0, 450);
    world.run_to_before(world.job(job).spec.deadline.plus(2));
    assert_eq!(world.refund_reason(job), Some(RefundReason::Expired));
    assert_eq!(world.balance(Who::Alice), FUNDS);
}

#[test]
fn a_quorum_with_most_of_the_stake_fails_a_job_and_less_does_not() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let reason = FailReason::InputInvalid;
    for _ in 0..2 {
        let lease = world.lease(job, Who::W1);
        let outcome = world.ok(Who::W1, Action::Job(JobAction::Fail { lease, reason }));
        assert_eq!(outcome, Outcome::FailureReported { job, status: JobStatus::Open });
    }
    for (who, fails) in [(Who::W2, false), (Who::W3, true)] {
        // Two of four workers have half of the stake, three have more.
        assert_eq!(world.status(job), JobStatus::Open);
        let lease = world.lease(job, who);
        world.ok(who, Action::Job(JobAction::Fail { lease, reason }));
        assert_eq!(world.refund_reason(job).is_some(), fails);
    }
    assert_eq!(world.refund_reason(job), Some(RefundReason::Failed(reason)));
    assert_eq!(world.balance(Who::Alice), FUNDS);
    assert_eq!(world.worker(Who::W1).reputation.0, 500);
}

#[test]
fn a_single_failure_report_is_the_reason_at_the_deadline() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let lease = world.lease(job, Who::W1);
    world.ok(Who::W1, Action::Job(JobAction::Fail { lease, reason: FailReason::ModelUnavailable }));
    world.run_to_before(world.job(job).spec.deadline.plus(2));
    assert_eq!(world.refund_reason(job), Some(RefundReason::Failed(FailReason::ModelUnavailable)));
}

#[test]
fn a_cancelled_job_is_refunded_once_no_lease_can_be_out() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let Outcome::CancelRequested { at, .. } = world.ok(Who::Alice, Action::Job(JobAction::Cancel { job })) else {
        unreachable!("a request")
    };
    assert_eq!(at, world.height().plus(params().max_lease_blocks));
    assert_eq!(world.err(Who::Alice, Action::Job(JobAction::Cancel { job })), TxError::JobCancelling { job, at });
    world.run_to_before(at);
    assert_eq!(world.status(job), JobStatus::Open);
    world.block(&[]);
    assert_eq!(world.refund_reason(job), Some(RefundReason::Cancelled));
    assert_eq!(world.balance(Who::Alice), FUNDS);
}

#[test]
fn a_client_cannot_cancel_away_an_answer_that_is_on_its_way() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let lease = world.leased(job, Who::W1);
    let cancel = world.sign(Who::Alice, 0, Action::Job(JobAction::Cancel { job }));
    let settle = world.sign(Who::W1, 0, world.proven(Who::W1, lease));
    let effects = world.block(&[cancel, settle]);
    assert_eq!(effects.outcomes[1], Ok(Outcome::JobSettled { job }));
    assert_eq!(world.balance(Who::W1), Amount(FUNDS.0 - STAKE.0 + PRICE.0));
    world.run_to_before(world.height().plus(20));
    assert_eq!(world.balance(Who::Alice), Amount(FUNDS.0 - Amount::ciro(11).0));
}

#[test]
fn a_cancelled_job_that_reaches_its_deadline_first_is_refunded_as_cancelled() {
    let mut world = World::new();
    let mut spec = world.spec(Assurance::A4);
    spec.deadline = world.height().plus(4);
    let job = world.submit_spec(spec);
    world.ok(Who::Alice, Action::Job(JobAction::Cancel { job }));
    world.run_to_before(world.job(job).spec.deadline.plus(2));
    assert_eq!(world.refund_reason(job), Some(RefundReason::Cancelled));
}

#[test]
fn only_the_client_cancels_and_never_after_the_end() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let thief = world.err(Who::Bob, Action::Job(JobAction::Cancel { job }));
    assert_eq!(thief, TxError::WrongSender { expected: Who::Alice.id(), got: Who::Bob.id() });
    let authority = world.leased(job, Who::W1);
    let settle = world.proven(Who::W1, authority);
    world.ok(Who::W1, settle);
    assert!(matches!(world.err(Who::Alice, Action::Job(JobAction::Cancel { job })), TxError::JobClosed { .. }));
}

#[test]
fn after_the_open_window_any_worker_answers_without_a_lease_at_its_offered_price() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let open_from = world.job(job).open_from;
    assert_eq!(open_from, world.height().plus(params().open_window));
    let settle = world.proven(Who::W3, Authority::Open { job });
    world.run_to_before(Height(open_from.0 - 1));
    let early = world.err(Who::W3, settle.clone());
    assert_eq!(early, TxError::LeaseRequired { job, open_from, height: Height(open_from.0 - 1) });
    world.ok(Who::W3, settle);
    assert_eq!(world.height(), open_from);
    assert_eq!(world.balance(Who::W3), Amount(FUNDS.0 - STAKE.0 + PRICE.0));
}

#[test]
fn an_open_answer_needs_an_offer_that_meets_the_requirements() {
    let mut world = World::new();
    let mut spec = world.spec(Assurance::A4);
    spec.requirements.flags = CapabilityFlags::CUDA;
    let needs_cuda = world.submit_spec(spec);
    let mut spec = world.spec(Assurance::A4);
    spec.requirements.memory = MemoryMib(2_048);
    let needs_memory = world.submit_spec(spec);
    let mut spec = world.spec(Assurance::A4);
    spec.requirements.min_reputation = 501;
    let needs_standing = world.submit_spec(spec);
    world.run_to_before(world.height().plus(20));
    for job in [needs_cuda, needs_memory, needs_standing] {
        let settle = world.proven(Who::W1, Authority::Open { job });
        assert_eq!(world.err(Who::W1, settle), TxError::RequirementsNotMet { job, worker: Who::W1.id() });
    }
}

#[test]
fn a_cancelled_job_takes_no_open_answers() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    world.run_to_before(world.job(job).open_from);
    let Outcome::CancelRequested { at, .. } = world.ok(Who::Alice, Action::Job(JobAction::Cancel { job })) else {
        unreachable!("a request")
    };
    let settle = world.proven(Who::W1, Authority::Open { job });
    assert_eq!(world.err(Who::W1, settle), TxError::JobCancelling { job, at });
}

#[test]
fn the_price_may_reach_the_ceiling_and_not_a_unit_more() {
    let mut world = World::new();
    for (extra, fits) in [(0, true), (1, false)] {
        let mut spec = world.spec(Assurance::A4);
        spec.max_price = Amount::ciro(11);
        let job = world.submit_spec(spec);
        let mut lease = world.lease(job, Who::W1).lease;
        lease.price = Amount(Amount::ciro(10).0 + extra);
        let action = world.proven(Who::W1, Authority::Lease(world.grant(lease)));
        assert_eq!(world.send(Who::W1, action).is_ok(), fits, "{extra} over");
    }
}

#[test]
fn a_lease_below_the_minimum_price_is_worth_nothing() {
    for (price, is_good) in [(Amount::ONE, true), (Amount(Amount::ONE.0 - 1), false)] {
        let mut world = World::new();
        let job = world.submit(Assurance::A4);
        let lease = ciro_types::Lease { price, ..world.lease(job, Who::W1).lease };
        let action = world.proven(Who::W1, Authority::Lease(world.grant(lease)));
        assert_eq!(world.send(Who::W1, action).is_ok(), is_good, "{price}");
    }
}

#[test]
fn a_receipt_is_shown_under_the_root_of_its_block() {
    let mut world = World::new();
    let jobs = [Who::W1, Who::W2, Who::W3].map(|who| (who, world.submit(Assurance::A4)));
    let txs = jobs.map(|(who, job)| {
        let authority = world.leased(job, who);
        world.sign(who, 0, world.proven(who, authority))
    });
    let effects = world.block(&txs).clone();
    assert_eq!(effects.records.len(), 3);
    for record in &effects.records {
        let path: MerklePath = effects.receipt_path(&record.job).expect("settled in this block");
        assert_eq!(path.verify(&record.digest(), effects.receipts_root), Ok(()));
        let mut forged = record.clone();
        forged.fee = Amount(forged.fee.0 + 1);
        assert!(path.verify(&forged.digest(), effects.receipts_root).is_err());
    }
    assert_eq!(world.state.tip().receipts_root, effects.receipts_root);
    assert_eq!(world.block(&[]).receipts_root, merkle_root(&[]));
}

#[test]
fn the_settlement_event_names_the_transaction_that_carries_the_output() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let authority = world.leased(job, Who::W1);
    let tx = world.sign(Who::W1, 0, world.proven(Who::W1, authority));
    let effects = world.block(std::slice::from_ref(&tx));
    let settled = effects.committed().find_map(|committed| match committed.event {
        Event::JobSettled { record, tx } => Some((committed.position.height, record.job, tx)),
        _ => None,
    });
    assert_eq!(settled, Some((world.height(), job, tx.id())));
}

#[test]
fn registering_a_model_again_changes_nothing() {
    let mut world = World::empty();
    let again = Action::Model(ModelAction::Register { program: crate::support::PROGRAM.to_vec(), roots: ROOTS });
    assert_eq!(world.ok(Who::Alice, again), Outcome::ModelKnown { model: World::model() });
    let owner = world.state.models().next().map(|(_, model)| model.owner);
    assert_eq!(owner, Some(Who::Maker.id()));
    let other = Action::Model(ModelAction::Register {
        program: crate::support::PROGRAM.to_vec(),
        roots: ModelRoots { key: Hash32([8; 32]), weights: Hash32([8; 32]) },
    });
    assert!(matches!(world.ok(Who::Alice, other), Outcome::ModelRegistered { .. }));
    assert_eq!(world.state.models().count(), 2);
}

#[test]
fn a_fee_of_zero_is_possible() {
    let mut world = World::with_params(Params { fee: ciro_types::BasisPoints(0), ..params() });
    world.ok(Who::W1, Action::Worker(WorkerAction::Register { stake: STAKE }));
    let job = world.submit(Assurance::A4);
    let authority = world.leased(job, Who::W1);
    let settle = world.proven(Who::W1, authority);
    world.ok(Who::W1, settle);
    assert_eq!(world.record().fee, Amount::ZERO);
}
