//! The threads that compute answers.

use crate::blobs::Blobs;
use crate::task::{Answer, Failure, Task};
use crate::workbench::Workbench;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A computed task, and for which of the workers in this process.
#[derive(Debug)]
pub struct Computed {
    /// Number of the worker.
    pub worker: usize,
    /// What was computed.
    pub task: Task,
    /// How it ended.
    pub result: Result<Answer, Failure>,
    /// How long it took.
    pub took: Duration,
}

/// Threads that share one workbench. Dropping the pool waits for the tasks under way.
pub struct Pool {
    tasks: Option<Sender<(usize, Task)>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` threads that hand every finished task to `done`.
    pub fn start(threads: usize, blobs: &Arc<dyn Blobs>, done: impl Fn(Computed) + Clone + Send + 'static) -> Self {
        let (tasks, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let bench = Arc::new(Workbench::new());
        let start = |_| {
            let (queue, bench, blobs, done) = (Arc::clone(&queue), Arc::clone(&bench), Arc::clone(blobs), done.clone());
            std::thread::spawn(move || work(&queue, &bench, blobs.as_ref(), &done))
        };
        Self { tasks: Some(tasks), threads: (0..threads.max(1)).map(start).collect() }
    }

    /// Queues a task. How many may wait is bounded by the slots of the workers that hand them in.
    pub fn compute(&self, worker: usize, task: Task) {
        if let Some(tasks) = &self.tasks {
            // The threads end only after this sender is gone.
            let _ = tasks.send((worker, task));
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.tasks = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to give back.
            let _ = thread.join();
        }
    }
}

fn work(queue: &Mutex<Receiver<(usize, Task)>>, bench: &Workbench, blobs: &dyn Blobs, done: &impl Fn(Computed)) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((worker, task)) = next else { return };
        let begun = Instant::now();
        let result = bench.answer(&task, blobs);
        done(Computed { worker, task, result, took: begun.elapsed() });
    }
}
