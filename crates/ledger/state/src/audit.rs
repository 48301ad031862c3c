//! Every invariant, recomputed from the rows. Slow: for tests, simulation and restart, not for every block.

use crate::job::{AGREEING_SEATS, Job, JobStatus, MAX_SEATS, Round};
use crate::money::Totals;
use crate::state::State;
use crate::worker::{MAX_ADDITIONS, MAX_UNBONDINGS, Reputation, Worker};
use ciro_crypto::{job_id, model_id};
use ciro_types::{AccountId, Amount, Height, JobId, LeaseToken, ModelId};
use std::collections::{BTreeMap, BTreeSet};

/// The first invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The rows do not sum to the totals that are kept along.
    #[error("totals: expected {expected:?}, got {got:?}")]
    Totals {
        /// Recomputed from the rows.
        expected: Box<Totals>,
        /// Kept along.
        got: Box<Totals>,
    },
    /// Money was made or lost.
    #[error("supply: expected {expected}, got {got}")]
    Supply {
        /// Fixed at genesis.
        expected: Amount,
        /// The sum of all totals.
        got: Amount,
    },
    /// An open job holds its `max_price`; an ended one nothing.
    #[error("escrow of job {job}: expected {expected}, got {got}")]
    Escrow {
        /// Which job.
        job: JobId,
        /// What its status requires.
        expected: Amount,
        /// What it holds.
        got: Amount,
    },
    /// A job or a model is not stored under its own hash.
    #[error("row {name} is not stored under its own hash")]
    WrongName {
        /// The name it is stored under.
        name: String,
    },
    /// An ended job still has something that decides its future, or an open one lies beyond its deadline.
    #[error("job {job} is {status:?} with a future that contradicts it at height {height}")]
    Lifecycle {
        /// Which job.
        job: JobId,
        /// Where it stands.
        status: JobStatus,
        /// Now.
        height: Height,
    },
    /// A worker's row is out of bounds or out of order.
    #[error("worker {worker} has a malformed row")]
    Worker {
        /// Which worker.
        worker: AccountId,
    },
    /// A used token lies at or below the floor of its job.
    #[error("job {job}: highest token {highest} lies below the fence {fence}")]
    Fence {
        /// Which job.
        job: JobId,
        /// Its fence.
        fence: LeaseToken,
        /// Its highest token.
        highest: LeaseToken,
    },
    /// A worker's seats are not those it has pledged for.
    #[error("pledge of {worker}: expected {expected}, got {got}")]
    Pledge {
        /// Which worker.
        worker: AccountId,
        /// Prices of its seats in open jobs.
        expected: Amount,
        /// Kept along.
        got: Amount,
    },
    /// A retired model that no job names is still there, or jobs are not counted right.
    #[error("model {model} is named by {expected} jobs, counted {got}")]
    JobsOn {
        /// Which model.
        model: ModelId,
        /// Counted from the rows.
        expected: u64,
        /// Kept along.
        got: u64,
    },
    /// The index of what is due does not follow the rows.
    #[error("index of due heights: expected {expected} entries, got {got}, or different ones")]
    Due {
        /// Derived from the rows.
        expected: usize,
        /// Kept along.
        got: usize,
    },
}

impl State {
    /// Checks every invariant. Cost: one pass over all rows, and one hash per job and model.
    ///
    /// # Errors
    /// [`AuditError`] naming the first invariant that does not hold.
    pub fn audit(&self) -> Result<(), AuditError> {
        self.audit_money()?;
        self.tables.jobs.iter().try_for_each(|(id, job)| self.audit_job(*id, job))?;
        self.audit_models()?;
        self.audit_jobs_on()?;
        self.audit_workers()?;
        self.audit_pledges()?;
        self.audit_due()
    }

    fn audit_money(&self) -> Result<(), AuditError> {
        let (expected, got) = (self.recount(), self.tip.totals);
        if expected != got {
            return Err(AuditError::Totals { expected: expected.into(), got: got.into() });
        }
        let (expected, got) = (self.meta.supply, got.sum());
        if expected == got { Ok(()) } else { Err(AuditError::Supply { expected, got }) }
    }

    /// The totals as the rows have them. Pools have no rows: their totals are what they hold.
    fn recount(&self) -> Totals {
        let tables = &self.tables;
        Totals {
            balances: tables.accounts.iter().map(|(_, account)| account.balance).sum(),
            worker_stakes: tables.workers.iter().map(|(_, worker)| worker.stake).sum(),
            unbonding: tables.workers.iter().map(|(_, worker)| worker.unbonding_total()).sum(),
            validator_stakes: tables.validators.iter().map(|(_, validator)| validator.stake).sum(),
            escrow: tables.jobs.iter().map(|(_, job)| job.escrow).sum(),
            deposits: tables.models.iter().map(|(_, model)| model.deposit).sum(),
            pools: self.tip.totals.pools,
        }
    }

    fn audit_job(&self, id: JobId, job: &Job) -> Result<(), AuditError> {
        check_name(job_id(&job.spec) == id, &id)?;
        let expected = if job.is_open() { job.spec.max_price } else { Amount::ZERO };
        if job.escrow != expected {
            return Err(AuditError::Escrow { job: id, expected, got: job.escrow });
        }
        if job.highest_token < job.fence {
            return Err(AuditError::Fence { job: id, fence: job.fence, highest: job.highest_token });
        }
        let height = self.height();
        let is_counted = job.round.crowded <= self.tip.crowded;
        let consistent = is_counted && if job.is_open() { may_be_open(job, height) } else { is_at_rest(job) };
        if consistent { Ok(()) } else { Err(AuditError::Lifecycle { job: id, status: job.status, height }) }
    }

    fn audit_models(&self) -> Result<(), AuditError> {
        let mut models = self.tables.models.iter();
        models.try_for_each(|(id, model)| check_name(model_id(&model.program, &model.roots) == *id, id))
    }

    fn audit_jobs_on(&self) -> Result<(), AuditError> {
        let counts = self.derived_jobs_on();
        for (model, row) in self.tables.models.iter() {
            let (expected, got) = (counts.get(model).copied().unwrap_or(0), self.jobs_on(model));
            if expected != got || row.is_retired && got == 0 {
                return Err(AuditError::JobsOn { model: *model, expected, got });
            }
        }
        Ok(())
    }

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

    fn audit_workers(&self) -> Result<(), AuditError> {
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

    fn audit_due(&self) -> Result<(), AuditError> {
        let mut expected: Vec<_> = self.derived_due().collect();
        expected.sort_unstable();
        let got: Vec<_> = self.tables.due.iter().map(|(at, ())| *at).collect();
        if expected == got { Ok(()) } else { Err(AuditError::Due { expected: expected.len(), got: got.len() }) }
    }
}

fn check_name(is_right: bool, name: &dyn std::fmt::Display) -> Result<(), AuditError> {
    if is_right { Ok(()) } else { Err(AuditError::WrongName { name: name.to_string() }) }
}

/// An open job has its deadline, and any reveal window or cancellation, still ahead.
fn may_be_open(job: &Job, height: Height) -> bool {
    height <= job.spec.deadline
        && job.round.reveal_by.is_none_or(|last| height <= last && last <= job.spec.deadline)
        && job.cancel_at.is_none_or(|at| height < at)
        && is_sound_round(job)
}

/// Seats are distinct workers, none barred, and reveals are open exactly while a full round has a closed seat.
fn is_sound_round(job: &Job) -> bool {
    let seats = &job.round.seats;
    let workers = seats.iter().map(|seat| seat.worker).chain(job.barred.iter().copied());
    let is_revealing = seats.len() >= AGREEING_SEATS && seats.iter().any(|seat| seat.output.is_none());
    workers.collect::<BTreeSet<_>>().len() == seats.len() + job.barred.len()
        && seats.len() <= MAX_SEATS
        && job.round.reveal_by.is_some() == is_revealing
}

fn is_at_rest(job: &Job) -> bool {
    let is_blameless = job.barred.is_empty() && job.failures.is_empty() && job.timed_out.is_empty();
    job.cancel_at.is_none() && job.round == Round::default() && is_blameless
}
