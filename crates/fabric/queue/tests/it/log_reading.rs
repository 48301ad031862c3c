//! What every log of committed events must obey that can be read, written once. The tests of `ciro-devnet` hold the ledger's own log to it.

use ciro_queue::EventSource;
use ciro_state::{CommittedEvent, EventPosition};
use ciro_types::Height;

/// Holds a log to what it says of `all`, which are all its events.
pub(crate) fn reading<S: EventSource>(log: &S, all: &[CommittedEvent]) {
    let read = |from, limit| log.read(from, limit).expect("reads");
    let positions: Vec<EventPosition> = all.iter().map(|event| event.position).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "positions increase");
    assert_eq!(read(EventPosition::default(), usize::MAX), all);
    for (skipped, at) in positions.iter().enumerate() {
        let one = read(*at, 1);
        assert!(!one.is_empty() && all[skipped..].starts_with(&one), "a reader at {at:?} begins there");
    }
    let mut pages = Vec::new();
    let mut from = EventPosition::default();
    loop {
        let page = read(from, 3);
        let Some(last) = page.last() else { break };
        from = last.position.next();
        pages.extend(page);
    }
    assert_eq!(pages, all, "a reader that goes on after the last one misses and repeats nothing");
    let head = log.head().expect("reads");
    assert!(positions.last().is_none_or(|last| head >= Some(last.height)), "the head counts every event");
    let beyond = EventPosition { height: head.map_or(Height(0), Height::next), index: 0 };
    assert_eq!(read(beyond, 10), []);
}
