//! What every job log must obey, written once. A backend's test file calls [`all`] with a way to make an empty log.

use ciro_queue::{Age, Appended, Entry, JobLog, Position, QueueError, Released, WorkId, WorkState};
use ciro_types::{Height, JobId, LeaseToken};

/// Attempts after which the logs under test give up: makers must use this limit.
pub(crate) const ATTEMPTS: u32 = 3;
/// Longest record the logs under test accept, bytes.
pub(crate) const RECORD_BYTES: usize = 64;

/// Runs every law, each on a fresh log.
pub(crate) fn all<L: JobLog>(mut fresh: impl FnMut() -> L) {
    entries_replay_in_order_and_repeats_are_duplicates(fresh());
    a_fork_of_the_feed_is_a_conflict(fresh());
    pruned_entries_still_count_as_duplicates(fresh());
    long_records_are_refused(fresh());
    work_is_offered_oldest_first_and_keeps_its_age(fresh());
    work_is_claimed_once_and_closed_by_its_holder_only(fresh());
    tokens_grow_over_every_way_a_claim_can_end(fresh());
    a_rebuilt_log_repeats_no_token(fresh(), fresh());
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

pub(crate) fn entry(height: u64, index: u32, body: &[u8]) -> Entry {
    Entry { position: Position { height: Height(height), index }, body: body.to_vec() }
}

fn ids<L: JobLog>(log: &L) -> Vec<WorkId> {
    log.ready(Age::default(), 100).expect("storage works").into_iter().map(|view| view.work).collect()
}

fn entries_replay_in_order_and_repeats_are_duplicates<L: JobLog>(mut log: L) {
    let feed = [entry(1, 0, b"a"), entry(1, 1, b"b"), entry(3, 0, b"c")];
    for item in &feed {
        assert_eq!(log.append(item).expect("appends"), Appended::New);
    }
    for item in &feed {
        assert_eq!(log.append(item).expect("appends"), Appended::Duplicate);
    }
    assert_eq!(log.head().expect("reads"), Some(feed[2].position));
    assert_eq!(log.replay(Position::default(), 10).expect("replays"), feed);
    assert_eq!(log.replay(feed[1].position, 1).expect("replays"), feed[1..2]);
    assert_eq!(log.replay(feed[1].position.next(), 10).expect("replays"), feed[2..]);
}

fn a_fork_of_the_feed_is_a_conflict<L: JobLog>(mut log: L) {
    log.append(&entry(5, 0, b"a")).expect("appends");
    let forked = log.append(&entry(5, 0, b"b"));
    assert!(matches!(forked, Err(QueueError::Conflict { position }) if position.height == Height(5)));
}

fn pruned_entries_still_count_as_duplicates<L: JobLog>(mut log: L) {
    log.append(&entry(1, 0, b"a")).expect("appends");
    log.append(&entry(2, 0, b"b")).expect("appends");
    log.prune(Position::start_of(Height(3))).expect("prunes");
    assert_eq!(log.replay(Position::default(), 10).expect("replays"), []);
    assert_eq!(log.append(&entry(1, 0, b"a")).expect("appends"), Appended::Duplicate);
    assert_eq!(log.append(&entry(2, 0, b"b")).expect("appends"), Appended::Duplicate);
    assert_eq!(log.append(&entry(2, 1, b"c")).expect("appends"), Appended::New);
}

fn long_records_are_refused<L: JobLog>(mut log: L) {
    let long = vec![0; RECORD_BYTES + 1];
    let refused =
        |result| matches!(result, Err(QueueError::TooLong { expected: RECORD_BYTES, got }) if got == long.len());
    assert!(refused(log.append(&entry(1, 0, &long)).map(|_| ())));
    assert!(refused(log.enqueue(work(1, 0), &long).map(|_| ())));
    log.append(&entry(1, 0, &long[1..])).expect("the limit itself is allowed");
}

fn work_is_offered_oldest_first_and_keeps_its_age<L: JobLog>(mut log: L) {
    for job in [9, 1, 5] {
        assert!(log.enqueue(work(job, 0), &[job]).expect("enqueues"));
    }
    assert!(!log.enqueue(work(1, 0), b"again").expect("absorbs"));
    assert_eq!(ids(&log), [work(9, 0), work(1, 0), work(5, 0)]);
    assert_eq!(log.ready(Age::default(), 1).expect("reads")[0].payload, [9]);

    let claim = log.claim(work(9, 0), Height(1), Height(4), b"").expect("claims");
    assert_eq!(ids(&log), [work(1, 0), work(5, 0)]);
    log.nack(work(9, 0), claim.token, Height(2), Height(2), "busy").expect("releases");
    assert_eq!(ids(&log), [work(9, 0), work(1, 0), work(5, 0)]);
}

fn work_is_claimed_once_and_closed_by_its_holder_only<L: JobLog>(mut log: L) {
    log.enqueue(work(1, 0), b"").expect("enqueues");
    let claim = log.claim(work(1, 0), Height(1), Height(4), b"").expect("claims");
    let again = log.claim(work(1, 0), Height(1), Height(4), b"");
    assert!(matches!(again, Err(QueueError::NotReady { .. })));
    let thief = LeaseToken(claim.token.0 + 1);
    let stolen = log.ack(work(1, 0), thief);
    assert!(matches!(stolen, Err(QueueError::Stale { expected: Some(holder), .. }) if holder == claim.token));
    log.ack(work(1, 0), claim.token).expect("the holder may");
    assert!(matches!(log.ack(work(1, 0), claim.token), Err(QueueError::Unknown { .. })));
}

fn tokens_grow_over_every_way_a_claim_can_end<L: JobLog>(mut log: L) {
    let mut last = LeaseToken(0);
    for round in 0..6u8 {
        let id = work(round, 0);
        log.enqueue(id, b"").expect("enqueues");
        let claim = log.claim(id, Height(3), Height(5), b"").expect("claims");
        assert!(claim.token > last);
        last = claim.token;
        match round % 3 {
            0 => log.ack(id, claim.token).expect("acks"),
            1 => assert_eq!(log.nack(id, claim.token, Height(3), Height(3), "").expect("nacks"), Released::Requeued),
            _ => log.retire(id.job).expect("retires"),
        }
    }
}

fn a_rebuilt_log_repeats_no_token<L: JobLog>(mut lost: L, mut rebuilt: L) {
    let now = Height(7);
    lost.enqueue(work(1, 0), b"").expect("enqueues");
    let before = lost.claim(work(1, 0), now, Height(9), b"").expect("claims").token;
    rebuilt.start_tokens_after(now).expect("raises");
    rebuilt.enqueue(work(1, 0), b"").expect("enqueues");
    let after = rebuilt.claim(work(1, 0), now, Height(9), b"").expect("claims").token;
    assert!(after > before);
}

fn an_expired_claim_is_requeued_and_its_holder_is_stale<L: JobLog>(mut log: L) {
    log.enqueue(work(1, 0), b"").expect("enqueues");
    let claim = log.claim(work(1, 0), Height(1), Height(4), b"").expect("claims");
    assert_eq!(log.tick(Height(3)).expect("ticks"), []);
    let expired = log.tick(Height(4)).expect("ticks");
    assert_eq!(expired.len(), 1);
    assert_eq!((expired[0].work, expired[0].token, expired[0].released), (work(1, 0), claim.token, Released::Requeued));
    assert!(matches!(log.ack(work(1, 0), claim.token), Err(QueueError::Stale { expected: None, .. })));
    let second = log.claim(work(1, 0), Height(4), Height(8), b"").expect("claims again");
    assert!(second.token > claim.token);
    assert_eq!(second.attempt, 2);
    assert!(matches!(
        log.nack(work(1, 0), claim.token, Height(4), Height(4), ""),
        Err(QueueError::Stale { expected: Some(_), .. })
    ));
}

fn delayed_work_wakes_at_its_height<L: JobLog>(mut log: L) {
    log.enqueue(work(1, 0), b"").expect("enqueues");
    let claim = log.claim(work(1, 0), Height(1), Height(9), b"").expect("claims");
    log.nack(work(1, 0), claim.token, Height(2), Height(5), "later").expect("releases");
    assert_eq!(ids(&log), []);
    assert_eq!(log.tick(Height(4)).expect("ticks"), []);
    assert_eq!(ids(&log), []);
    assert_eq!(log.tick(Height(5)).expect("ticks"), [], "waking is no expiry");
    assert_eq!(ids(&log), [work(1, 0)]);
}

fn work_without_attempts_left_is_a_dead_letter_until_revived<L: JobLog>(mut log: L) {
    let id = work(1, 0);
    log.enqueue(id, b"p").expect("enqueues");
    for attempt in 1..=ATTEMPTS {
        let claim = log.claim(id, Height(1), Height(2), b"").expect("claims");
        assert_eq!(claim.attempt, attempt);
        let released = log.nack(id, claim.token, Height(1), Height(1), "no memory").expect("releases");
        assert_eq!(released == Released::Dead, attempt == ATTEMPTS);
    }
    assert_eq!(ids(&log), []);
    let dead = log.dead(10).expect("reads");
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].state, WorkState::Dead { reason: "no memory".into() });
    assert!(!log.enqueue(id, b"p").expect("a repeated feed does not revive it"));
    log.revive(id).expect("revives");
    assert_eq!(log.dead(10).expect("reads"), []);
    assert_eq!(log.claim(id, Height(1), Height(2), b"").expect("claims").attempt, 1);
}

fn an_extended_claim_outlives_its_first_end<L: JobLog>(mut log: L) {
    log.enqueue(work(1, 0), b"order").expect("enqueues");
    let claim = log.claim(work(1, 0), Height(1), Height(3), b"holder").expect("claims");
    log.extend(work(1, 0), claim.token, Height(8)).expect("extends");
    assert_eq!(log.tick(Height(7)).expect("ticks"), []);
    assert_eq!(log.tick(Height(8)).expect("ticks").len(), 1);
    assert!(matches!(log.extend(work(1, 0), claim.token, Height(9)), Err(QueueError::Stale { .. })));
    assert_eq!(log.seats(work(1, 0).job).expect("reads")[0].payload, b"holder", "the claimer's note is kept");
}

fn open_jobs_are_listed_once_in_pages<L: JobLog>(mut log: L) {
    for (job, seat) in [(3, 0), (1, 0), (1, 1), (2, 0)] {
        log.enqueue(work(job, seat), b"").expect("enqueues");
    }
    log.claim(work(2, 0), Height(1), Height(2), b"").expect("claims");
    let jobs = |after: Option<u8>, limit| log.jobs(after.map(|j| work(j, 0).job), limit).expect("reads");
    assert_eq!(jobs(None, 2), [work(1, 0).job, work(2, 0).job]);
    assert_eq!(jobs(Some(2), 2), [work(3, 0).job]);
    let first = log.ready(Age::default(), 1).expect("reads")[0].age;
    assert_eq!(log.ready(first, 9).expect("reads").len(), 2);
}

fn a_retired_job_leaves_nothing_behind<L: JobLog>(mut log: L) {
    for seat in 0..3 {
        log.enqueue(work(1, seat), b"").expect("enqueues");
    }
    log.enqueue(work(2, 0), b"").expect("enqueues");
    log.claim(work(1, 1), Height(1), Height(2), b"").expect("claims");
    log.retire(work(1, 0).job).expect("retires");
    log.retire(work(1, 0).job).expect("twice is nothing new");
    assert_eq!(ids(&log), [work(2, 0)]);
    assert_eq!(log.work(work(1, 1)).expect("reads"), None);
    assert_eq!(log.tick(Height(9)).expect("ticks"), []);
}

fn refusals_change_nothing<L: JobLog>(mut log: L) {
    log.append(&entry(1, 0, b"a")).expect("appends");
    log.enqueue(work(1, 0), b"").expect("enqueues");
    let claim = log.claim(work(1, 0), Height(1), Height(2), b"").expect("claims");
    let before = (log.head().expect("reads"), log.work(work(1, 0)).expect("reads"));

    assert!(log.append(&entry(1, 0, b"z")).is_err());
    assert!(log.ack(work(1, 0), LeaseToken(0)).is_err());
    assert!(log.nack(work(1, 0), LeaseToken(0), Height(1), Height(1), "").is_err());
    assert!(log.claim(work(1, 0), Height(1), Height(9), b"").is_err());
    assert!(log.claim(work(8, 0), Height(1), Height(9), b"").is_err());
    assert!(log.revive(work(1, 0)).is_err());

    assert_eq!((log.head().expect("reads"), log.work(work(1, 0)).expect("reads")), before);
    log.ack(work(1, 0), claim.token).expect("the claim still stands");
}
