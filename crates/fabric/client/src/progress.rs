//! What a client tells the person who waits.

use ciro_types::JobId;

/// Something that is worth a sentence: nothing moves, or something goes on that began before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Every worker that would serve is busy: a price is waited for.
    AllBusy,
    /// An order was found that a client before this one had kept.
    Resumed(JobId),
    /// The job is ordered, and no worker has it.
    WaitsForWorker {
        /// The network's words.
        because: String,
    },
}

/// Who is told. Called from the thread that waits.
pub trait Watch {
    /// Something happened, or nothing does.
    fn tell(&self, progress: &Progress);
}

/// Nobody listens.
impl Watch for () {
    fn tell(&self, _: &Progress) {}
}
