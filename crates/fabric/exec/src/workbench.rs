//! The executors of one machine, by the type of job that each runs.

use crate::blobs::Blobs;
use crate::executor::Executor;
use crate::inference::Inference;
use crate::task::{Answer, Failure, Task};
use ciro_types::JobType;
use std::collections::BTreeMap;

/// See the module's documentation.
#[derive(Default)]
pub struct Workbench {
    executors: BTreeMap<JobType, Box<dyn Executor>>,
}

impl Workbench {
    /// Every executor that this version has.
    #[must_use]
    pub fn new() -> Self {
        Self::default().with(Inference::default())
    }

    /// The same with one executor more, in place of another of its type.
    #[must_use]
    pub fn with(mut self, executor: impl Executor + 'static) -> Self {
        self.executors.insert(executor.job_type(), Box::new(executor));
        self
    }

    /// The types of jobs that this machine runs, in order.
    pub fn job_types(&self) -> impl Iterator<Item = JobType> {
        self.executors.keys().copied()
    }

    /// Computes `task` with the executor of its type.
    ///
    /// # Errors
    /// [`Failure`], which says whether the job or this machine is at fault.
    pub fn answer(&self, task: &Task, blobs: &dyn Blobs) -> Result<Answer, Failure> {
        let job_type = task.spec.job_type;
        match self.executors.get(&job_type) {
            Some(executor) => executor.answer(task, blobs),
            None => Err(Failure::Unsupported { job_type }),
        }
    }
}
