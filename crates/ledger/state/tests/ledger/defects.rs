//! The defects of an earlier implementation that a ledger can have, each by its number in FEATURES.

use crate::support::{FUNDS, INPUT, MAX_PRICE, OUTPUT, PRICE, STAKE, Who, World, toy_evidence};
use ciro_state::fees::Phase;
use ciro_state::{Action, Authority, JobAction, JobStatus, Offence, Outcome, TxError, ValidatorAction, WorkerAction};
use ciro_types::{Amount, Assurance, Hash32, Height};

#[test]
fn defect_1_submitting_a_job_moves_the_tokens_into_escrow() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    assert_eq!(world.balance(Who::Alice), Amount(FUNDS.0 - MAX_PRICE.0));
    assert_eq!(world.job(job).escrow, MAX_PRICE);
    assert_eq!(world.state.totals().escrow, MAX_PRICE);
}

#[test]
fn defect_1_a_job_that_cannot_be_paid_is_not_opened() {
    let mut world = World::new();
    let mut spec = world.spec(Assurance::A4);
    spec.max_price = Amount(FUNDS.0 + 1);
    let refused = world.err(Who::Alice, Action::Job(JobAction::Submit { spec }));
    let (account, expected, got) = (Who::Alice.id(), Amount(FUNDS.0 + 1), world.purse(Who::Alice));
    assert_eq!(refused, TxError::InsufficientBalance { account, expected, got });
    assert_eq!(world.state.jobs().count(), 0);
}

#[test]
fn defect_2_a_result_completes_nothing_unless_its_proof_verifies() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let authority = world.leased(job, Who::W1);
    let Action::Job(JobAction::Settle { authority, input, output, mut proof }) = world.proven(Who::W1, authority)
    else {
        unreachable!("a settlement")
    };
    proof[0] ^= 1;
    let refused = world.err(Who::W1, Action::Job(JobAction::Settle { authority, input, output, proof }));
    assert!(matches!(refused, TxError::ProofRejected { .. }));
    assert_eq!(world.status(job), JobStatus::Open);
    assert_eq!(world.balance(Who::W1), Amount(FUNDS.0 - STAKE.0));
}

#[test]
fn defect_3_a_reward_is_paid_once_and_only_to_the_worker_that_earned_it() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let lease = world.leased(job, Who::W1);
    // A thief replays the answer it saw, under the stolen lease and under one of its own.
    let Action::Job(JobAction::Settle { authority, input, output, proof }) = world.proven(Who::W1, lease.clone())
    else {
        unreachable!("a settlement")
    };
    let stolen = world.err(
        Who::W2,
        Action::Job(JobAction::Settle {
            authority,
            input: input.clone(),
            output: output.clone(),
            proof: proof.clone(),
        }),
    );
    assert_eq!(stolen, TxError::WrongSender { expected: Who::W1.id(), got: Who::W2.id() });
    let authority = world.leased(job, Who::W2);
    let copied = world.err(Who::W2, Action::Job(JobAction::Settle { authority, input, output, proof }));
    assert!(matches!(copied, TxError::ProofRejected { .. }));

    let settle = world.proven(Who::W1, lease.clone());
    world.ok(Who::W1, settle.clone());
    assert_eq!(world.balance(Who::W1), Amount(FUNDS.0 - STAKE.0 + PRICE.0));
    let again = world.err(Who::W1, settle);
    assert!(matches!(again, TxError::JobClosed { .. }));
    assert_eq!(world.balance(Who::W1), Amount(FUNDS.0 - STAKE.0 + PRICE.0));
}

#[test]
fn defect_3_two_settlements_in_one_block_pay_once() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let (first, second) = (world.leased(job, Who::W1), world.leased(job, Who::W2));
    let txs = [
        world.sign(Who::W1, 0, world.proven(Who::W1, first.clone())),
        world.sign(Who::W1, 1, world.proven(Who::W1, first)),
        world.sign(Who::W2, 0, world.proven(Who::W2, second)),
    ];
    let effects = world.block(&txs);
    assert_eq!(effects.outcomes[0], Ok(Outcome::JobSettled { job }));
    assert!(effects.outcomes[1..].iter().all(|outcome| matches!(outcome, Err(TxError::JobClosed { .. }))));
    assert_eq!(effects.records.len(), 1);
    assert_eq!(world.balance(Who::W2), Amount(FUNDS.0 - STAKE.0));
}

#[test]
fn defect_4_unstaking_waits_and_adding_stake_does_not_reset_the_wait() {
    let mut world = World::new();
    let Outcome::UnstakeRequested { release } =
        world.ok(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: PRICE }))
    else {
        unreachable!("a request")
    };
    assert_eq!(release, world.height().plus(100));
    world.ok(Who::W1, Action::Worker(WorkerAction::AddStake { amount: PRICE }));
    world.run_to_before(Height(release.0 - 1));
    let early = world.err(Who::W1, Action::Worker(WorkerAction::WithdrawStake));
    assert_eq!(early, TxError::NothingReleased { next: Some(release) });
    assert_eq!(
        world.ok(Who::W1, Action::Worker(WorkerAction::WithdrawStake)),
        Outcome::StakeWithdrawn { amount: PRICE }
    );
    assert_eq!(world.height(), release);
}

#[test]
fn defect_5_anyone_may_report_and_the_slashed_tokens_move() {
    let mut world = World::new();
    let offence = Offence { validator: Who::Validator.id(), height: Height(3), round: 0 };
    let report = Action::Validator(ValidatorAction::ReportEquivocation { evidence: toy_evidence(&offence) });
    let taken = Amount::ciro(300);
    let outcome = world.ok(Who::Bob, report.clone());
    assert_eq!(outcome, Outcome::EquivocationPunished { validator: Who::Validator.id(), amount: taken });
    assert_eq!(world.state.validator(&Who::Validator.id()).map(|row| row.stake), Some(Amount(STAKE.0 - taken.0)));
    assert_eq!(world.burned(), taken);
    let again = world.err(Who::Alice, report);
    assert!(matches!(again, TxError::AlreadyPunished { .. }));
    assert_eq!(world.burned(), taken);
}

#[test]
fn defect_7_the_burn_follows_the_schedule_of_the_month() {
    // Ten blocks a month here, and a fee of 1 CIRO. The block that pays decides.
    let cases = [(119, 30), (120, 50), (359, 50), (360, 70), (599, 70), (600, 80)];
    for (height, burn_percent) in cases {
        let mut world = World::new();
        world.run_to_before(Height(height - 1));
        let job = world.submit(Assurance::A4);
        let authority = world.leased(job, Who::W1);
        let settle = world.proven(Who::W1, authority);
        world.ok(Who::W1, settle);
        assert_eq!(world.height(), Height(height));
        assert_eq!(world.burned(), Amount(Amount::ONE.0 / 100 * burn_percent), "height {height}");
    }
}

#[test]
fn defect_8_amounts_are_typed_and_ten_percent_is_ten_percent() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let authority = world.leased(job, Who::W1);
    let settle = world.proven(Who::W1, authority);
    world.ok(Who::W1, settle);
    assert_eq!(world.record().fee, Amount::ONE);
    assert_eq!(world.record().payments[0].price, Amount::ciro(10));
    assert_eq!(world.record().refund, Amount::ciro(14));
    assert_eq!(Phase::First.split(Amount::ONE).burn, "0.3".parse().expect("an amount"));
}

#[test]
fn defect_9_a_proof_is_not_accepted_for_its_size() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let lease = world.leased(job, Who::W1);
    for proof in [vec![1], vec![0; 32], vec![1; 100]] {
        let action = Action::Job(JobAction::Settle {
            authority: lease.clone(),
            input: INPUT.to_vec(),
            output: OUTPUT.to_vec(),
            proof,
        });
        assert!(matches!(world.err(Who::W1, action), TxError::ProofRejected { .. }));
    }
    let empty = World::signed_answer(lease);
    assert_eq!(world.err(Who::W1, empty), TxError::ProofMissing { job });
}

#[test]
fn defect_9_an_input_hash_of_zero_binds_like_any_other() {
    let mut world = World::new();
    for assurance in Assurance::ALL {
        let mut spec = world.spec(assurance);
        spec.input = Hash32::ZERO;
        let job = world.submit_spec(spec);
        let answer = match assurance {
            Assurance::A2 => crate::support::reveal_action(job, Who::W1, OUTPUT),
            Assurance::A0 => World::signed_answer(Authority::Open { job }),
            Assurance::A4 => world.proven(Who::W1, Authority::Open { job }),
        };
        let refused = world.err(Who::W1, answer);
        assert!(matches!(refused, TxError::WrongInput { expected: Hash32::ZERO, .. }), "{refused}");
    }
}
