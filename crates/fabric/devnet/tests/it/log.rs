//! The ledger's own log of events obeys the laws of logs, and another can follow it.

#[path = "../../../queue/tests/it/log_reading.rs"]
mod log_reading;

use crate::jobs::{raw, start_with};
use ciro_devnet::Options;
use ciro_node::validator::Files;
use ciro_node::{Layout, LedgerLog, Notify};
use ciro_queue::{EventFile, EventSource as _, follow};
use ciro_state::EventPosition;
use ciro_validator::{Machine as _, Retention};
use std::sync::Arc;

#[test]
fn what_a_network_committed_is_read_from_any_position_and_followed_by_another_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let notify: Notify = Arc::new(|notice| panic!("nothing goes wrong here, but: {notice:?}"));
    let (network, client) = start_with(directory.path(), Options::default(), &notify);
    client.register();
    client.put_input(&raw([5.0, 2.0]));
    drop((client, network));

    let files = Files::open(&Layout::new(directory.path()).validator(0), Retention::All).expect("opens");
    let ledger = LedgerLog(files.store());
    let all = ledger.read(EventPosition::default(), usize::MAX).expect("reads");
    assert!(all.len() > 6, "workers have registered, and offers stand");
    log_reading::reading(&ledger, &all);

    let mut copy = EventFile::open(&directory.path().join("events.redb")).expect("opens");
    assert_eq!(follow(&ledger, &mut copy).expect("follows"), all.len());
    log_reading::reading(&copy, &all);
    assert_eq!(follow(&ledger, &mut copy).expect("follows"), 0);
    assert_eq!(copy.head().expect("reads"), ledger.head().expect("reads"));
}
