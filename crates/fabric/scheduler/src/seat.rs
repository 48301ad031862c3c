//! What the scheduler notes with each seat in the job log, so that a restart forgets nothing.

use crate::error::SchedulerError;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_queue::{WorkState, WorkView};
use ciro_types::{AccountId, Amount, JobId, Lease, decode};

/// The workers a seat was given to, the last being the present one while the seat is claimed.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SeatNote {
    /// In order of grant.
    pub given: Vec<(AccountId, Amount)>,
}

impl SeatNote {
    /// Reads a seat's note.
    ///
    /// # Errors
    /// [`SchedulerError::Note`] if it is not one.
    pub fn read(view: &WorkView) -> Result<Self, SchedulerError> {
        decode(&view.payload, view.payload.len()).map_err(SchedulerError::Note)
    }

    /// The lease a claimed seat stands for: the same each time, so that it can be sent again after a restart.
    #[must_use]
    pub fn lease(&self, view: &WorkView) -> Option<Lease> {
        let WorkState::Claimed { token, until } = view.state else { return None };
        let &(worker, price) = self.given.last()?;
        Some(Lease { job: view.work.job, worker, token, price, expires: until })
    }
}

/// Where ties between equal workers are broken for `seat` of `job`: anywhere, but the same for everyone.
#[must_use]
pub fn pivot(job: JobId, seat: u8) -> AccountId {
    AccountId(ciro_crypto::hash_encoded("ciro/pivot/v1", &(job, seat)).0)
}
