//! What must hold of workers.

use crate::audit::AuditError;
use crate::component::worker::row::{MAX_ADDITIONS, MAX_UNBONDINGS, Reputation, Worker};
use crate::state::State;
use ciro_types::{AccountId, Amount};
use std::collections::BTreeMap;

impl State {
    fn audit_pledges(&self) -> Result<(), AuditError> {
        let mut pledged: BTreeMap<AccountId, u128> = BTreeMap::new();
        for seat in self.tables.jobs.iter().flat_map(|(_, job)| &job.round.seats) {
            *pledged.entry(seat.worker).or_default() += seat.price.0;
        }
        for (worker, row) in self.tables.workers.iter() {
            let (expected, got) = (Amount(pledged.get(worker).copied().unwrap_or(0)), row.pledged);
            if expected != got {
                return Err(AuditError::Pledge { worker: *worker, expected, got });
            }
        }
        Ok(())
    }

    pub(crate) fn audit_workers(&self) -> Result<(), AuditError> {
        self.audit_pledges()?;
        let is_sound = |worker: &Worker| {
            worker.reputation <= Reputation::MAX
                && worker.unbonding.len() <= MAX_UNBONDINGS
                && worker.unbonding.is_sorted_by(|a, b| a.release < b.release)
                && worker.unbonding.iter().all(|part| part.amount > Amount::ZERO)
                && worker.additions.len() <= MAX_ADDITIONS
                && worker.additions.is_sorted_by(|a, b| a.height <= b.height)
        };
        match self.tables.workers.iter().find(|(_, worker)| !is_sound(worker)) {
            Some((worker, _)) => Err(AuditError::Worker { worker: *worker }),
            None => Ok(()),
        }
    }
}
