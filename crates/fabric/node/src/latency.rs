//! How long recent jobs took, from order to settlement, as clients of this node saw it.

use ciro_api::Latency;
use ciro_types::{Assurance, JobId};
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// Jobs remembered per rung.
const REMEMBERED: usize = 256;
/// Orders under way that are timed at once; more are not timed.
const TIMED: usize = 65_536;

/// Measured durations. A measurement, never an input of anything that replicas must agree on.
#[derive(Debug, Default)]
pub struct Latencies {
    ordered: BTreeMap<JobId, Instant>,
    settled: BTreeMap<Assurance, VecDeque<u64>>,
}

impl Latencies {
    /// A client ordered a job now. A repetition does not restart its clock.
    pub fn ordered(&mut self, job: JobId) {
        if self.ordered.len() < TIMED {
            self.ordered.entry(job).or_insert_with(Instant::now);
        }
    }

    /// The job was paid now.
    pub fn settled(&mut self, job: JobId, assurance: Assurance) {
        let Some(start) = self.ordered.remove(&job) else { return };
        let recent = self.settled.entry(assurance).or_default();
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
    }

    /// The job ended otherwise.
    pub fn forget(&mut self, job: JobId) {
        self.ordered.remove(&job);
    }

    /// How long recent jobs took.
    #[must_use]
    pub fn median(&self, assurance: Assurance) -> Option<Latency> {
        let mut recent: Vec<u64> = self.settled.get(&assurance)?.iter().copied().collect();
        recent.sort_unstable();
        let jobs = recent.len() as u64;
        recent.get(recent.len() / 2).map(|&median_ms| Latency { median_ms, jobs })
    }
}
