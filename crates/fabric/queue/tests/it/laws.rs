//! What every store of work must obey, written once. A backend's test file calls [`all`] with a way to make an empty store.

use ciro_queue::{Age, Mark, QueueError, Released, WorkId, WorkState, WorkStore};
use ciro_types::{BlockId, Height, JobId, LeaseToken};

/// Attempts after which the stores under test give up: makers must use this limit.
pub(crate) const ATTEMPTS: u32 = 3;
/// Longest payload that the stores under test accept, bytes.
pub(crate) const PAYLOAD_BYTES: usize = 64;

/// Runs every law, each on a fresh store.
pub(crate) fn all<L: WorkStore>(mut fresh: impl FnMut() -> L) {
    the_mark_is_that_of_the_last_change(fresh());
    long_payloads_are_refused(fresh());
    work_is_offered_oldest_first_and_keeps_its_age(fresh());
    work_is_claimed_once_and_closed_by_its_holder_only(fresh());
    tokens_grow_over_every_way_a_claim_can_end(fresh());
    a_rebuilt_store_repeats_no_token(fresh(), fresh());
    a_store_that_follows_another_repeats_no_token_whatever_the_height(fresh(), fresh());
    an_expired_claim_is_requeued_and_its_holder_is_stale(fresh());
    delayed_work_wakes_at_its_height(fresh());
    work_without_attempts_left_is_a_dead_letter_until_revived(fresh());
    an_extended_claim_outlives_its_first_end(fresh());
    a_retired_job_leaves_nothing_behind(fresh());
    open_jobs_are_listed_once_in_pages(fresh());
    refusals_change_nothing(fresh());
}

pub(crate) fn work(job: u8, seat: u8) -> WorkId {
    WorkId { job: JobId([job; 32]), seat }
}

/// The block of `height` in the chain under test.
pub(crate) fn mark(height: u64) -> Mark {
    Mark { height: Height(height), block: BlockId([height as u8; 32]) }
}

fn ids<L: WorkStore>(store: &L) -> Vec<WorkId> {
    store.ready(Age::default(), 100).expect("storage works").into_iter().map(|view| view.work).collect()
}

fn the_mark_is_that_of_the_last_change<L: WorkStore>(mut store: L) {
    assert_eq!(store.mark().expect("reads"), None);
    store.enqueue(work(1, 0), b"").expect("enqueues");
    store.commit(mark(4)).expect("commits");
    assert_eq!(store.mark().expect("reads"), Some(mark(4)));
    store.commit(mark(5)).expect("commits");
    assert_eq!(store.mark().expect("reads"), Some(mark(4)), "block 5 changed nothing");
    store.retire(work(1, 0).job).expect("retires");
    store.commit(mark(6)).expect("commits");
    assert_eq!(store.mark().expect("reads"), Some(mark(6)));
}

fn long_payloads_are_refused<L: WorkStore>(mut store: L) {
    let long = vec![0; PAYLOAD_BYTES + 1];
    let refused =
        |result| matches!(result, Err(QueueError::TooLong { expected: PAYLOAD_BYTES, got }) if got == long.len());
    assert!(refused(store.enqueue(work(1, 0), &long).map(|_| ())));
    store.enqueue(work(1, 0), &long[1..]).expect("the limit itself is allowed");
}

fn work_is_offered_oldest_first_and_keeps_its_age<L: WorkStore>(mut store: L) {
    for job in [9, 1, 5] {
        assert!(store.enqueue(work(job, 0), &[job]).expect("enqueues"));
    }
    assert!(!store.enqueue(work(1, 0), b"again").expect("absorbs"));
    assert_eq!(ids(&store), [work(9, 0), work(1, 0), work(5, 0)]);
    assert_eq!(store.ready(Age::default(), 1).expect("reads")[0].payload, [9]);

    let claim = store.claim(work(9, 0), Height(1), Height(4), b"").expect("claims");
    assert_eq!(ids(&store), [work(1, 0), work(5, 0)]);
    store.nack(work(9, 0), claim.token, Height(2), Height(2), "busy").expect("releases");
    assert_eq!(ids(&store), [work(9, 0), work(1, 0), work(5, 0)]);
}

fn work_is_claimed_once_and_closed_by_its_holder_only<L: WorkStore>(mut store: L) {
    store.enqueue(work(1, 0), b"").expect("enqueues");
    let claim = store.claim(work(1, 0), Height(1), Height(4), b"").expect("claims");
    let again = store.claim(work(1, 0), Height(1), Height(4), b"");
    assert!(matches!(again, Err(QueueError::NotReady { .. })));
    let thief = LeaseToken(claim.token.0 + 1);
    let stolen = store.ack(work(1, 0), thief);
    assert!(matches!(stolen, Err(QueueError::Stale { expected: Some(holder), .. }) if holder == claim.token));
    store.ack(work(1, 0), claim.token).expect("the holder may");
    assert!(matches!(store.ack(work(1, 0), claim.token), Err(QueueError::Unknown { .. })));
}

fn tokens_grow_over_every_way_a_claim_can_end<L: WorkStore>(mut store: L) {
    let mut last = LeaseToken(0);
    for round in 0..6u8 {
        let id = work(round, 0);
        store.enqueue(id, b"").expect("enqueues");
        let claim = store.claim(id, Height(3), Height(5), b"").expect("claims");
        assert!(claim.token > last);
        last = claim.token;
        match round % 3 {
            0 => store.ack(id, claim.token).expect("acks"),
            1 => assert_eq!(store.nack(id, claim.token, Height(3), Height(3), "").expect("nacks"), Released::Requeued),
            _ => store.retire(id.job).expect("retires"),
        }
    }
}

fn a_rebuilt_store_repeats_no_token<L: WorkStore>(mut lost: L, mut rebuilt: L) {
    let now = Height(7);
    lost.enqueue(work(1, 0), b"").expect("enqueues");
    let before = lost.claim(work(1, 0), now, Height(9), b"").expect("claims").token;
    rebuilt.start_tokens_after(now).expect("raises");
    rebuilt.enqueue(work(1, 0), b"").expect("enqueues");
    let after = rebuilt.claim(work(1, 0), now, Height(9), b"").expect("claims").token;
    assert!(after > before);
}

fn a_store_that_follows_another_repeats_no_token_whatever_the_height<L: WorkStore>(mut old: L, mut new: L) {
    old.enqueue(work(1, 0), b"").expect("enqueues");
    let before = old.claim(work(1, 0), Height(7), Height(9), b"").expect("claims").token;
    assert_eq!(old.last_token().expect("reads"), before);
    new.start_tokens_beyond(before).expect("raises");
    new.start_tokens_beyond(LeaseToken(1)).expect("lowers nothing");
    new.enqueue(work(1, 0), b"").expect("enqueues");
    assert!(new.claim(work(1, 0), Height(2), Height(9), b"").expect("claims").token > before);
}

fn an_expired_claim_is_requeued_and_its_holder_is_stale<L: WorkStore>(mut store: L) {
    store.enqueue(work(1, 0), b"").expect("enqueues");
    let claim = store.claim(work(1, 0), Height(1), Height(4), b"").expect("claims");
    assert_eq!(store.tick(Height(3)).expect("ticks"), []);
    let expired = store.tick(Height(4)).expect("ticks");
    assert_eq!(expired.len(), 1);
    assert_eq!((expired[0].work, expired[0].token, expired[0].released), (work(1, 0), claim.token, Released::Requeued));
    assert!(matches!(store.ack(work(1, 0), claim.token), Err(QueueError::Stale { expected: None, .. })));
    let second = store.claim(work(1, 0), Height(4), Height(8), b"").expect("claims again");
    assert!(second.token > claim.token);
    assert_eq!(second.attempt, 2);
    assert!(matches!(
        store.nack(work(1, 0), claim.token, Height(4), Height(4), ""),
        Err(QueueError::Stale { expected: Some(_), .. })
    ));
}

fn delayed_work_wakes_at_its_height<L: WorkStore>(mut store: L) {
    store.enqueue(work(1, 0), b"").expect("enqueues");
    let claim = store.claim(work(1, 0), Height(1), Height(9), b"").expect("claims");
    store.nack(work(1, 0), claim.token, Height(2), Height(5), "later").expect("releases");
    assert_eq!(ids(&store), []);
    assert_eq!(store.tick(Height(4)).expect("ticks"), []);
    assert_eq!(ids(&store), []);
    assert_eq!(store.tick(Height(5)).expect("ticks"), [], "waking is no expiry");
    assert_eq!(ids(&store), [work(1, 0)]);
}

fn work_without_attempts_left_is_a_dead_letter_until_revived<L: WorkStore>(mut store: L) {
    let id = work(1, 0);
    store.enqueue(id, b"p").expect("enqueues");
    for attempt in 1..=ATTEMPTS {
        let claim = store.claim(id, Height(1), Height(2), b"").expect("claims");
        assert_eq!(claim.attempt, attempt);
        let released = store.nack(id, claim.token, Height(1), Height(1), "no memory").expect("releases");
        assert_eq!(released == Released::Dead, attempt == ATTEMPTS);
    }
    assert_eq!(ids(&store), []);
    let dead = store.dead(10).expect("reads");
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].state, WorkState::Dead { reason: "no memory".into() });
    assert!(!store.enqueue(id, b"p").expect("a repeated feed does not revive it"));
    store.revive(id).expect("revives");
    assert_eq!(store.dead(10).expect("reads"), []);
    assert_eq!(store.claim(id, Height(1), Height(2), b"").expect("claims").attempt, 1);
}

fn an_extended_claim_outlives_its_first_end<L: WorkStore>(mut store: L) {
    store.enqueue(work(1, 0), b"order").expect("enqueues");
    let claim = store.claim(work(1, 0), Height(1), Height(3), b"holder").expect("claims");
    store.extend(work(1, 0), claim.token, Height(8)).expect("extends");
    assert_eq!(store.tick(Height(7)).expect("ticks"), []);
    assert_eq!(store.tick(Height(8)).expect("ticks").len(), 1);
    assert!(matches!(store.extend(work(1, 0), claim.token, Height(9)), Err(QueueError::Stale { .. })));
    assert_eq!(store.seats(work(1, 0).job).expect("reads")[0].payload, b"holder", "the claimer's note is kept");
}

fn open_jobs_are_listed_once_in_pages<L: WorkStore>(mut store: L) {
    for (job, seat) in [(3, 0), (1, 0), (1, 1), (2, 0)] {
        store.enqueue(work(job, seat), b"").expect("enqueues");
    }
    store.claim(work(2, 0), Height(1), Height(2), b"").expect("claims");
    let jobs = |after: Option<u8>, limit| store.jobs(after.map(|j| work(j, 0).job), limit).expect("reads");
    assert_eq!(jobs(None, 2), [work(1, 0).job, work(2, 0).job]);
    assert_eq!(jobs(Some(2), 2), [work(3, 0).job]);
    let first = store.ready(Age::default(), 1).expect("reads")[0].age;
    assert_eq!(store.ready(first, 9).expect("reads").len(), 2);
}

fn a_retired_job_leaves_nothing_behind<L: WorkStore>(mut store: L) {
    for seat in 0..3 {
        store.enqueue(work(1, seat), b"").expect("enqueues");
    }
    store.enqueue(work(2, 0), b"").expect("enqueues");
    store.claim(work(1, 1), Height(1), Height(2), b"").expect("claims");
    store.retire(work(1, 0).job).expect("retires");
    store.retire(work(1, 0).job).expect("twice is nothing new");
    assert_eq!(ids(&store), [work(2, 0)]);
    assert_eq!(store.work(work(1, 1)).expect("reads"), None);
    assert_eq!(store.tick(Height(9)).expect("ticks"), []);
}

fn refusals_change_nothing<L: WorkStore>(mut store: L) {
    store.enqueue(work(1, 0), b"").expect("enqueues");
    let claim = store.claim(work(1, 0), Height(1), Height(2), b"").expect("claims");
    let before = store.work(work(1, 0)).expect("reads");

    assert!(store.ack(work(1, 0), LeaseToken(0)).is_err());
    assert!(store.nack(work(1, 0), LeaseToken(0), Height(1), Height(1), "").is_err());
    assert!(store.claim(work(1, 0), Height(1), Height(9), b"").is_err());
    assert!(store.claim(work(8, 0), Height(1), Height(9), b"").is_err());
    assert!(store.revive(work(1, 0)).is_err());

    assert_eq!(store.work(work(1, 0)).expect("reads"), before);
    store.ack(work(1, 0), claim.token).expect("the claim still stands");
}
