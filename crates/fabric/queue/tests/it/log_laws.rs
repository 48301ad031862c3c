//! What every log of committed events must obey that can be appended to, written once. A backend's test file calls [`appending`].

use crate::log_reading::reading;
use ciro_queue::EventLog;
use ciro_state::{CommittedEvent, Event, EventPosition};
use ciro_types::{AccountId, Height};

/// Runs every law of a log that can be appended to, each on a fresh one.
pub(crate) fn appending<L: EventLog>(mut fresh: impl FnMut() -> L) {
    an_empty_log_has_no_head(&fresh());
    what_was_appended_is_read(fresh());
    a_block_is_appended_once(fresh());
    what_is_no_block_is_refused_and_changes_nothing(fresh());
    a_log_that_follows_has_what_it_follows(fresh(), fresh());
}

/// The events of a block.
pub(crate) fn block(height: u64, count: u32) -> Vec<CommittedEvent> {
    let event = |index| CommittedEvent {
        position: EventPosition { height: Height(height), index },
        event: Event::OfferWithdrawn { worker: AccountId([height as u8; 32]), sequence: u64::from(index) },
    };
    (0..count).map(event).collect()
}

/// Blocks with many events, one, and none.
fn fill<L: EventLog>(log: &mut L) -> Vec<CommittedEvent> {
    let blocks = [(1, 4), (2, 1), (3, 0), (7, 2)].map(|(height, count)| (Height(height), block(height, count)));
    for (height, events) in &blocks {
        assert!(log.append(*height, events).expect("appends"), "block {height} is new");
    }
    blocks.into_iter().flat_map(|(_, events)| events).collect()
}

fn an_empty_log_has_no_head<L: EventLog>(log: &L) {
    assert_eq!(log.head().expect("reads"), None);
    reading(log, &[]);
}

fn what_was_appended_is_read<L: EventLog>(mut log: L) {
    let all = fill(&mut log);
    reading(&log, &all);
    assert_eq!(log.head().expect("reads"), Some(Height(7)));
    log.append(Height(9), &[]).expect("appends");
    assert_eq!(log.head().expect("reads"), Some(Height(9)), "a block without events moves the head");
}

fn a_block_is_appended_once<L: EventLog>(mut log: L) {
    let all = fill(&mut log);
    for height in [1, 3, 5, 7] {
        assert!(!log.append(Height(height), &block(height, 6)).expect("appends"), "block {height} is no news");
    }
    reading(&log, &all);
}

fn what_is_no_block_is_refused_and_changes_nothing<L: EventLog>(mut log: L) {
    let all = fill(&mut log);
    let mut gap = block(8, 3);
    gap.remove(1);
    for events in [gap, block(9, 1), block(7, 1)] {
        assert!(log.append(Height(8), &events).is_err());
    }
    reading(&log, &all);
    assert_eq!(log.head().expect("reads"), Some(Height(7)));
}

fn a_log_that_follows_has_what_it_follows<L: EventLog>(mut source: L, mut log: L) {
    assert_eq!(ciro_queue::follow(&source, &mut log).expect("follows"), 0);
    let mut all = fill(&mut source);
    assert_eq!(ciro_queue::follow(&source, &mut log).expect("follows"), all.len());
    reading(&log, &all);
    source.append(Height(8), &block(8, 2)).expect("appends");
    source.append(Height(9), &[]).expect("appends");
    all.extend(block(8, 2));
    assert_eq!(ciro_queue::follow(&source, &mut log).expect("follows"), 2, "only what it lacks");
    reading(&log, &all);
    assert_eq!(log.head().expect("reads"), Some(Height(9)));
}
