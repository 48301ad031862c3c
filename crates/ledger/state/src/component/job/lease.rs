//! Leases as the scheduler signs them, and the two rights by which a worker may answer a job.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::{Keypair, Signature, SignatureError, hash_encoded, verify};
use ciro_types::{AccountId, ChainId, JobId, Lease};

/// Signing domain of leases.
pub const LEASE_DOMAIN: &str = "ciro/lease/v1";

/// A lease and the scheduler's signature over it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedLease {
    /// The right that is granted.
    pub lease: Lease,
    /// By the scheduler named in the genesis.
    pub signature: Signature,
}

impl SignedLease {
    /// Signs `lease` for `chain` with the scheduler's key.
    #[must_use]
    pub fn sign(lease: Lease, scheduler: &Keypair, chain: ChainId) -> Self {
        let signature = scheduler.sign(LEASE_DOMAIN, chain, hash_encoded(LEASE_DOMAIN, &lease));
        Self { lease, signature }
    }

    /// Checks that `scheduler` granted this lease on `chain`.
    ///
    /// # Errors
    /// [`SignatureError`] if it did not.
    pub fn verify(&self, scheduler: AccountId, chain: ChainId) -> Result<(), SignatureError> {
        verify(scheduler, LEASE_DOMAIN, chain, hash_encoded(LEASE_DOMAIN, &self.lease), &self.signature)
    }
}

/// By what right a worker answers.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Authority {
    /// The scheduler granted it, at the lease's price.
    Lease(SignedLease),
    /// Nobody was granted it in time. From the job's `open_from` height any active worker that meets the job's requirements may answer.
    /// The price is that of its standing offer. So a scheduler cannot censor.
    Open {
        /// The job.
        job: JobId,
    },
}

impl Authority {
    /// The job that is answered.
    #[must_use]
    pub const fn job(&self) -> JobId {
        match self {
            Self::Lease(signed) => signed.lease.job,
            Self::Open { job } => *job,
        }
    }
}
