//! The embedded backend obeys the laws, on a file and in memory.

use crate::laws;
use ciro_queue::{EmbeddedLog, JobLog, Limits, Position};
use redb::backends::InMemoryBackend;
use std::sync::Arc;

fn limits() -> Limits {
    Limits { record_bytes: laws::RECORD_BYTES, attempts: laws::ATTEMPTS, reason_bytes: 16, cache_bytes: 1 << 20 }
}

#[test]
fn the_laws_hold_in_memory() {
    laws::all(|| EmbeddedLog::open_on(InMemoryBackend::new(), limits()).expect("opens"));
}

#[test]
fn the_laws_hold_on_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut files = 0;
    laws::all(|| {
        files += 1;
        EmbeddedLog::open(&directory.path().join(format!("{files}.redb")), limits()).expect("opens")
    });
}

#[test]
fn a_reader_sees_committed_entries_only() {
    let mut log = EmbeddedLog::open_on(InMemoryBackend::new(), limits()).expect("opens");
    let reader = log.reader();
    log.append(&laws::entry(1, 0, b"a")).expect("appends");
    assert_eq!(reader.replay(Position::default(), 10).expect("reads"), []);
    log.commit().expect("commits");
    assert_eq!(reader.replay(Position::default(), 10).expect("reads"), [laws::entry(1, 0, b"a")]);
}

#[test]
fn one_file_has_one_writer() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log.redb");
    let _held = EmbeddedLog::open(&path, limits()).expect("opens");
    assert!(EmbeddedLog::open(&path, limits()).is_err());
}

#[test]
fn the_laws_hold_on_a_patient_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut files = 0;
    laws::all(|| {
        files += 1;
        let path = directory.path().join(format!("{files}.redb"));
        EmbeddedLog::open_patiently(&path, limits(), Arc::new(|_| false)).expect("opens")
    });
}
