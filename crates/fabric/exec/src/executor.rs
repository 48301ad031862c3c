//! What runs jobs of one type.

use crate::blobs::Blobs;
use crate::task::{Answer, Failure, Task};
use ciro_types::JobType;

/// Runs jobs of one type. Called from any number of threads at once; may take as long as the job does.
///
/// An executor owns no network and no money. What it returns is a function of the task and its blobs. So another machine with the same
/// executor gives the same output, bit by bit.
pub trait Executor: Send + Sync {
    /// The type of the jobs it runs.
    fn job_type(&self) -> JobType;

    /// Computes `task`, whose type is [`Executor::job_type`].
    ///
    /// # Errors
    /// [`Failure`], which says whether the job or this machine is at fault.
    fn answer(&self, task: &Task, blobs: &dyn Blobs) -> Result<Answer, Failure>;
}
