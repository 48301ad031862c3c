//! What is kept is paid for: deposits of models, and fees for rows that nobody can remove.

use crate::support::{FUNDS, MAX_PRICE, PROGRAM, ROOTS, STAKE, WEIGHT_BYTES, Who, World, params};
use ciro_state::fees::tx_fee;
use ciro_state::{
    Action, Event, Facts, InclusionError, JobAction, Key, ModelAction, Outcome, TokenAction, TxError, WorkerAction,
    model, model_id,
};
use ciro_types::{AccountId, Amount, Assurance, Hash32, ModelRoots};

#[test]
fn an_account_without_money_writes_nothing() {
    let mut world = World::new();
    let (before, sender) = (world.state.models().count(), Who::Stranger.id());
    for n in 0..5 {
        let register = Action::Model(ModelAction::Register {
            program: vec![n; 100],
            roots: ModelRoots { key: Hash32([n; 32]), weights: Hash32([n; 32]) },
        });
        let tx = world.sign(Who::Stranger, 0, register);
        let refused = world.not_includable(&[tx]);
        assert!(matches!(refused, InclusionError::Unfunded { sender: who, .. } if who == sender), "{refused}");
    }
    assert_eq!((world.state.models().count(), world.balance(Who::Stranger)), (before, Amount::ZERO));
}

#[test]
fn a_model_costs_a_deposit_by_its_size_until_its_owner_removes_it() {
    let mut world = World::new();
    let program = vec![7; 100];
    let (id, held) = (model_id(&program, &ModelRoots::default()), model::deposit(&params(), 100, WEIGHT_BYTES));
    let weights = params().weight_byte_deposit.0 * u128::from(WEIGHT_BYTES);
    assert_eq!(held, Amount(params().model_byte_deposit.0 * 356 + weights));
    assert!(weights > params().model_byte_deposit.0 * 356, "a small program may name large weights");
    let before = world.balance(Who::Bob);
    let register = Action::Model(ModelAction::Register { program, roots: ModelRoots::default() });
    world.ok(Who::Bob, register.clone());
    assert_eq!(world.balance(Who::Bob), Amount(before.0 - held.0));
    // Somebody else's registration of it finds no room in a pool; in a block it is absorbed, and gives no right to it.
    let known = Err(TxError::ModelKnown { model: id });
    assert_eq!(world.state.admit(Who::Alice.id(), &register), known);
    assert_eq!(world.ok(Who::Alice, register.clone()), Outcome::ModelKnown { model: id });
    assert!(matches!(
        world.err(Who::Alice, Action::Model(ModelAction::Remove { model: id })),
        TxError::WrongSender { .. }
    ));
    let removed = world.ok(Who::Bob, Action::Model(ModelAction::Remove { model: id }));
    assert_eq!(removed, Outcome::ModelRetired { model: id, jobs: 0 });
    assert_eq!(world.balance(Who::Bob), before);
    assert!(Facts::model(&world.state, &id).is_none());
    assert_eq!(world.state.admit(Who::Alice.id(), &register), Ok(()));
}

#[test]
fn a_model_stays_while_jobs_name_it_and_takes_no_new_ones() {
    let mut world = World::new();
    let (model, before) = (World::model(), world.balance(Who::Maker));
    let job = world.submit(Assurance::A4);
    let retired = world.ok(Who::Maker, Action::Model(ModelAction::Remove { model }));
    assert_eq!(retired, Outcome::ModelRetired { model, jobs: 1 });
    let spec = world.spec(Assurance::A4);
    assert_eq!(world.err(Who::Alice, Action::Job(JobAction::Submit { spec })), TxError::ModelRetired { model });
    let authority = world.leased(job, Who::W1);
    let answer = world.proven(Who::W1, authority);
    world.ok(Who::W1, answer);
    // Its record can still be shown until the job is forgotten.
    let forgotten = world.job(job).spec.deadline.plus(1 + params().retention_blocks);
    world.run_to_before(forgotten);
    assert!(Facts::model(&world.state, &model).is_some());
    world.block(&[]);
    assert!(Facts::model(&world.state, &model).is_none());
    assert!(world.balance(Who::Maker) > before);
}

#[test]
fn a_withdrawn_model_is_taken_over_by_whoever_pays_its_deposit() {
    let mut world = World::new();
    world.submit(Assurance::A4);
    let before = world.balance(Who::Maker);
    world.ok(Who::Maker, Action::Model(ModelAction::Remove { model: World::model() }));
    let program = PROGRAM.to_vec();
    let held = model::deposit(&params(), program.len(), WEIGHT_BYTES);
    let (paid, register) = (world.balance(Who::Bob), Action::Model(ModelAction::Register { program, roots: ROOTS }));
    world.ok(Who::Bob, register);
    assert_eq!(world.balance(Who::Maker), Amount(before.0 + held.0));
    assert_eq!(world.balance(Who::Bob), Amount(paid.0 - held.0));
    world.submit(Assurance::A4);
}

fn register() -> Action {
    Action::Model(ModelAction::Register { program: PROGRAM.to_vec(), roots: ROOTS })
}

/// Ends all jobs and forgets them, and with them the models that only they kept.
fn forget_jobs(world: &mut World) {
    let last = world.state.jobs().map(|(_, job)| job.spec.deadline).max().expect("a job");
    world.run_to_before(last.plus(2 + params().retention_blocks));
    world.block(&[]);
    assert_eq!(world.state.jobs().count(), 0);
}

#[test]
fn whoever_cannot_pay_a_deposit_takes_no_model_over() {
    let mut world = World::new();
    world.submit(Assurance::A4);
    let (model, before) = (World::model(), world.balance(Who::Maker));
    world.ok(Who::Maker, Action::Model(ModelAction::Remove { model }));
    let (row, held) = (world.state.model(&model).cloned(), model::deposit(&params(), PROGRAM.len(), WEIGHT_BYTES));
    let fee = tx_fee(&params(), world.sign(Who::Stranger, 0, register()).size(), params().max_proof_units);
    let amount = Amount(fee.0 + held.0 - 1);
    world.ok(Who::Alice, Action::Token(TokenAction::Transfer { to: Who::Stranger.id(), amount }));
    let refused = world.err(Who::Stranger, register());
    let got = Amount(held.0 - 1);
    assert_eq!(refused, TxError::InsufficientBalance { account: Who::Stranger.id(), expected: held, got });
    assert_eq!(world.state.model(&model), row.as_ref());
    assert_eq!((world.balance(Who::Maker), world.purse(Who::Stranger)), (before, got));
    forget_jobs(&mut world);
    assert_eq!(world.balance(Who::Maker), Amount(before.0 + held.0));
}

#[test]
fn a_deposit_returns_to_whoever_paid_it_in_any_order_of_owners() {
    let mut world = World::new();
    world.submit(Assurance::A4);
    let model = World::model();
    let held = model::deposit(&params(), PROGRAM.len(), WEIGHT_BYTES);
    let before = [Who::Maker, Who::Bob, Who::Alice].map(|who| world.balance(who));
    let remove = Action::Model(ModelAction::Remove { model });
    // Alice registers what is there, which makes her no owner; Bob comes in between Maker's removal and a second one.
    let txs = [
        world.sign(Who::Alice, 0, register()),
        world.sign(Who::Alice, 1, remove.clone()),
        world.sign(Who::Maker, 0, remove.clone()),
        world.sign(Who::Bob, 0, register()),
        world.sign(Who::Maker, 1, remove.clone()),
        world.sign(Who::Alice, 2, remove.clone()),
        world.sign(Who::Bob, 1, remove),
    ];
    let outcomes = world.block(&txs).outcomes.clone();
    let [known, Err(early), retired, registered, Err(late), Err(third), again] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    let is_wrong = |error: &TxError| matches!(error, TxError::WrongSender { .. });
    assert!([early, late, third].into_iter().all(is_wrong), "{outcomes:?}");
    assert_eq!(*known, Ok(Outcome::ModelKnown { model }));
    assert_eq!(*registered, Ok(Outcome::ModelRegistered { model }));
    assert_eq!([retired, again], [&Ok(Outcome::ModelRetired { model, jobs: 1 }); 2]);
    let balances = |world: &World| [Who::Maker, Who::Bob].map(|who| world.balance(who).0);
    assert_eq!(balances(&world), [before[0].0 + held.0, before[1].0 - held.0]);
    forget_jobs(&mut world);
    assert_eq!(balances(&world), [before[0].0 + held.0, before[1].0]);
    let refunded = Amount(before[2].0 + MAX_PRICE.0);
    assert_eq!((world.state.totals().deposits, world.balance(Who::Alice)), (Amount::ZERO, refunded));
}

#[test]
fn dust_that_opens_an_account_pays_for_its_row() {
    let mut world = World::empty();
    let dust = |n: u8| Action::Token(TokenAction::Transfer { to: AccountId([n; 32]), amount: Amount(1) });
    let tx = world.sign(Who::Alice, 0, dust(1));
    let (row, fee) = (params().row_fee, tx_fee(&params(), tx.size(), 0));
    assert!(row > fee, "a row that stays costs more than a message");
    for n in 1..=10 {
        world.ok(Who::Alice, dust(n));
    }
    let paid = |world: &World| FUNDS.0 - world.purse(Who::Alice).0;
    assert_eq!(paid(&world), 10 * (1 + row.0 + fee.0));
    // Whoever is paid again has its row.
    world.ok(Who::Alice, dust(1));
    assert_eq!(paid(&world), 10 * (1 + row.0 + fee.0) + 1 + fee.0);
}

#[test]
fn an_account_is_opened_to_the_unit_or_not_at_all() {
    let mut world = World::empty();
    let to_stranger = |amount| Action::Token(TokenAction::Transfer { to: Who::Stranger.id(), amount });
    let fee = tx_fee(&params(), world.sign(Who::Alice, 0, to_stranger(FUNDS)).size(), 0);
    let (row, left) = (params().row_fee, Amount(FUNDS.0 - fee.0));
    let refused = world.err(Who::Alice, to_stranger(Amount(left.0 - row.0 + 1)));
    let got = Amount(row.0 - 1);
    assert_eq!(refused, TxError::RowNotPaid { account: Who::Alice.id(), expected: row, got });
    assert!(world.state.snapshot().iter().all(|(key, _)| *key != Key::Account(Who::Stranger.id()).encode()));
    let rest = Amount(left.0 - fee.0 - row.0);
    world.ok(Who::Alice, to_stranger(rest));
    assert_eq!((world.purse(Who::Alice), world.purse(Who::Stranger)), (Amount::ZERO, rest));
    let paid = |amount| Event::FeePaid { account: Who::Alice.id(), amount };
    let moved = Event::Transfer { from: Who::Alice.id(), to: Who::Stranger.id(), amount: rest };
    assert_eq!(world.events(), [paid(fee), paid(row), moved]);
}

#[test]
fn a_worker_pays_for_its_row_once_and_keeps_it() {
    let mut world = World::empty();
    world.ok(Who::Bob, Action::Worker(WorkerAction::Register { stake: STAKE }));
    let fee =
        tx_fee(&params(), world.sign(Who::Bob, 0, Action::Worker(WorkerAction::Register { stake: STAKE })).size(), 0);
    assert_eq!(world.purse(Who::Bob), Amount(FUNDS.0 - STAKE.0 - fee.0 - params().row_fee.0));
    let mut poor = World::empty();
    let stake = Amount(FUNDS.0 - fee.0 - params().row_fee.0 + 1);
    let refused = poor.err(Who::Bob, Action::Worker(WorkerAction::Register { stake }));
    assert!(matches!(refused, TxError::RowNotPaid { .. }), "{refused}");
    assert_eq!(poor.state.workers().count(), 0);
}
