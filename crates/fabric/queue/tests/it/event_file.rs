//! The log in a file obeys the laws, and is there again after a restart.

use crate::{log_laws, log_reading};
use ciro_queue::{EventFile, EventLog as _};
use ciro_types::Height;
use redb::backends::InMemoryBackend;

#[test]
fn the_laws_of_logs_hold_in_memory() {
    log_laws::appending(|| EventFile::open_on(InMemoryBackend::new()).expect("opens"));
}

#[test]
fn the_laws_of_logs_hold_on_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut files = 0;
    log_laws::appending(|| {
        files += 1;
        EventFile::open(&directory.path().join(format!("{files}.redb"))).expect("opens")
    });
}

#[test]
fn a_log_is_there_again_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.redb");
    let mut log = EventFile::open(&path).expect("opens");
    log.append(Height(4), &log_laws::block(4, 5)).expect("appends");
    drop(log);
    log_reading::reading(&EventFile::open(&path).expect("opens"), &log_laws::block(4, 5));
}
