//! Every invariant, recomputed from the rows. Slow: for tests, simulation and restart, not for every block.

use crate::component::job::row::JobStatus;
use crate::money::Totals;
use crate::state::State;
use ciro_types::{AccountId, Amount, Height, JobId, LeaseToken, ModelId};

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
        self.audit_jobs()?;
        self.audit_models()?;
        self.audit_workers()?;
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

    fn audit_due(&self) -> Result<(), AuditError> {
        let mut expected: Vec<_> = self.derived_due().collect();
        expected.sort_unstable();
        let got: Vec<_> = self.tables.due.iter().map(|(at, ())| *at).collect();
        if expected == got { Ok(()) } else { Err(AuditError::Due { expected: expected.len(), got: got.len() }) }
    }
}

pub(crate) fn check_name(is_right: bool, name: &dyn std::fmt::Display) -> Result<(), AuditError> {
    if is_right { Ok(()) } else { Err(AuditError::WrongName { name: name.to_string() }) }
}
