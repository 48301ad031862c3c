//! The embedded backend obeys the laws, on a file and in memory.

use crate::laws;
use ciro_queue::{EmbeddedStore, Limits};
use redb::backends::InMemoryBackend;
use std::sync::Arc;

fn limits() -> Limits {
    Limits { payload_bytes: laws::PAYLOAD_BYTES, attempts: laws::ATTEMPTS, reason_bytes: 16, cache_bytes: 1 << 20 }
}

#[test]
fn the_laws_hold_in_memory() {
    laws::all(|| EmbeddedStore::open_on(InMemoryBackend::new(), limits()).expect("opens"));
}

#[test]
fn the_laws_hold_on_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut files = 0;
    laws::all(|| {
        files += 1;
        EmbeddedStore::open(&directory.path().join(format!("{files}.redb")), limits()).expect("opens")
    });
}

#[test]
fn one_file_has_one_writer() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("work.redb");
    let _held = EmbeddedStore::open(&path, limits()).expect("opens");
    assert!(EmbeddedStore::open(&path, limits()).is_err());
}

#[test]
fn the_laws_hold_on_a_patient_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut files = 0;
    laws::all(|| {
        files += 1;
        let path = directory.path().join(format!("{files}.redb"));
        EmbeddedStore::open_patiently(&path, limits(), Arc::new(|_| false)).expect("opens")
    });
}
