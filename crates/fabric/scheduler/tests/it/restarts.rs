//! What a scheduler takes from the ledger and from its store when it starts again.

use crate::leases::{at, config, granted, ledger, mark, offer, shared_store, spec, store, worker};
use ciro_queue::EmbeddedStore;
use ciro_scheduler::{Effect, Ledger, Scheduler};
use ciro_state::{Event, SignedLease, job_id};
use ciro_types::{AccountId, Assurance, Hash32, Height, JobSpec};

/// A scheduler at block 2, with two offers and the leases of one order.
fn granting(directory: &tempfile::TempDir, order: &JobSpec) -> (Scheduler<EmbeddedStore>, Vec<SignedLease>) {
    let (mut scheduler, _) = Scheduler::restore(config(), shared_store(directory), Ledger::default()).expect("starts");
    let offers = [1, 2].map(|n| Event::OfferPublished { offer: offer(n, 5, 1) });
    scheduler.on_block(mark(1), &at(1, offers.to_vec())).expect("works");
    let opened = Event::JobOpened { job: job_id(order), spec: order.clone(), open_from: Height(500), work: 0 };
    let effects = scheduler.on_block(mark(2), &at(2, vec![opened])).expect("works");
    (scheduler, effects.into_iter().filter_map(granted).collect())
}

fn committed(order: &JobSpec, lease: &SignedLease, reveal_by: Option<Height>) -> Event {
    let commitment = Hash32([0; 32]);
    Event::JobCommitted { job: job_id(order), worker: lease.lease.worker, commitment, reveal_by }
}

/// Feeds empty blocks and returns all that they led to.
fn idle(scheduler: &mut Scheduler<EmbeddedStore>, heights: std::ops::Range<u64>) -> Vec<Effect> {
    heights.flat_map(|height| scheduler.on_block(mark(height), &[]).expect("works")).collect()
}

/// One of two committed workers stayed silent, and the round was reopened while nobody else was there.
fn reopened(directory: &tempfile::TempDir, order: &JobSpec) -> (Scheduler<EmbeddedStore>, Ledger) {
    let (mut scheduler, leases) = granting(directory, order);
    let commitments = vec![committed(order, &leases[0], None), committed(order, &leases[1], Some(Height(9)))];
    scheduler.on_block(mark(3), &at(3, commitments)).expect("works");
    let [silent, honest] = [0, 1].map(|n| leases[n].lease.worker);
    let fence = leases[1].lease.token;
    let excluded = vec![silent, honest];
    let event = Event::JobReopened { job: job_id(order), wanted: 1, excluded, fence, open_from: Height(600) };
    assert_eq!(scheduler.on_block(mark(10), &at(10, vec![event])).expect("works"), []);
    let mut known = ledger(10, order, vec![honest]);
    known.offers.truncate(2);
    (known.jobs[0].1.barred, known.jobs[0].1.fence) = (vec![silent], fence);
    (scheduler, known)
}

fn serves(scheduler: &mut Scheduler<EmbeddedStore>, newcomer: u8) -> Vec<AccountId> {
    let publish = Event::OfferPublished { offer: offer(newcomer, 5, 1) };
    let effects = scheduler.on_block(mark(11), &at(11, vec![publish])).expect("works");
    effects.into_iter().filter_map(granted).map(|lease| lease.lease.worker).collect()
}

#[test]
fn a_silent_worker_starves_no_order_after_a_restart_either() {
    let order = spec(1, Assurance::A2);
    let directory = tempfile::tempdir().expect("a directory");
    let (mut same, known) = reopened(&directory, &order);
    assert_eq!(serves(&mut same, 3), [worker(3)]);

    let directory = tempfile::tempdir().expect("a directory");
    drop(reopened(&directory, &order));
    let (mut restarted, first) = Scheduler::restore(config(), shared_store(&directory), known).expect("restarts");
    assert_eq!(first, []);
    assert_eq!(serves(&mut restarted, 3), [worker(3)]);
}

#[test]
fn a_lease_handed_back_in_a_missed_block_is_void_after_a_restart() {
    let order = spec(1, Assurance::A4);
    let directory = tempfile::tempdir().expect("a directory");
    let (scheduler, leases) = granting(&directory, &order);
    drop(scheduler);
    let void = leases[0].lease.token;
    let mut known = ledger(3, &order, vec![]);
    (known.jobs[0].1.fence, known.jobs[0].1.highest_token) = (void, void);
    let (mut scheduler, first) = Scheduler::restore(config(), shared_store(&directory), known).expect("restarts");
    assert_eq!(first, []);
    let effects = idle(&mut scheduler, 4..40);
    assert!(matches!(&effects[0], Effect::Grant(lease) if lease.lease.worker != leases[0].lease.worker));
    let reports_it = |effect: &Effect| matches!(effect, Effect::ReportTimeout(lease) if lease.lease.token == void);
    assert!(!effects.iter().any(reports_it), "its worker was not late");
}

#[test]
fn of_two_leases_side_by_side_only_the_used_one_is_void() {
    let order = spec(1, Assurance::A2);
    let directory = tempfile::tempdir().expect("a directory");
    let (scheduler, leases) = granting(&directory, &order);
    drop(scheduler);
    let mut known = ledger(3, &order, vec![]);
    known.used = [leases[0].lease.token].into();
    let (scheduler, first) = Scheduler::restore(config(), shared_store(&directory), known).expect("restarts");
    assert_eq!(first, [Effect::Grant(leases[1].clone())]);
    drop(scheduler);
    let mut known = ledger(3, &order, vec![]);
    known.token_floor = leases[1].lease.token;
    let (_, first) = Scheduler::restore(config(), shared_store(&directory), known).expect("restarts");
    assert_eq!(first, [], "below the floor every lease is void");
}

/// The store knows of a commitment, and the ledger, made anew from a peer's, not yet.
#[test]
fn a_lease_that_is_sent_again_ends_when_it_did() {
    let order = spec(1, Assurance::A2);
    let directory = tempfile::tempdir().expect("a directory");
    let (mut scheduler, leases) = granting(&directory, &order);
    scheduler.on_block(mark(3), &at(3, vec![committed(&order, &leases[0], None)])).expect("works");
    drop(scheduler);
    let (_, again) =
        Scheduler::restore(config(), shared_store(&directory), ledger(2, &order, vec![])).expect("restarts");
    assert_eq!(again, leases.into_iter().map(Effect::Grant).collect::<Vec<_>>());
}

/// Stores were lost, and the ledger came back from a peer that was some blocks behind.
#[test]
fn no_token_is_repeated_where_the_ledger_goes_back_and_the_store_is_lost() {
    let orders = [spec(1, Assurance::A4), spec(2, Assurance::A4)];
    let tokens = |from: Ledger, opened: &[JobSpec]| {
        let (mut scheduler, _) = Scheduler::restore(config(), store(), from).expect("starts");
        let open = |order: &JobSpec| {
            let (job, spec) = (job_id(order), order.clone());
            Event::JobOpened { job, spec, open_from: Height(500), work: 0 }
        };
        let mut events: Vec<_> = opened.iter().map(open).collect();
        events.extend([1, 2].map(|n| Event::OfferPublished { offer: offer(n, 5, 1) }));
        let effects = scheduler.on_block(mark(40), &at(40, events)).expect("works");
        effects.into_iter().filter_map(granted).map(|lease| lease.lease.token).collect::<Vec<_>>()
    };
    let empty = |height| Ledger { at: mark(height), ..Ledger::default() };
    let (old, new) = (tokens(empty(0), &orders), tokens(empty(38), &orders[..1]));
    assert_eq!((old.len(), new.len()), (2, 1));
    assert!(!old.contains(&new[0]), "{old:?} {new:?}");
}
