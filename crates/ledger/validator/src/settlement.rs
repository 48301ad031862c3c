//! A paid job, shown to a stranger who knows only the network's id and its first validators.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_consensus::{CertifiedHeader, LightError, SetChange, ValidatorSet, light};
use ciro_state::{MerklePath, PathError, SettlementRecord};
use ciro_types::{ChainId, Height};

/// The record of a settled job, and its path to the receipts root. With them come the certified header that carries the root, and the way
/// to whoever decided it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SettlementProof {
    /// What was paid, to whom, for which answer.
    pub record: SettlementRecord,
    /// From the record to the receipts root of its block.
    pub path: MerklePath,
    /// The handovers from the first validators to those that decided the header.
    pub changes: Vec<SetChange>,
    /// The header after the record's block: it carries that block's receipts root.
    pub certified: CertifiedHeader,
}

/// Why a settlement proof is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettlementProofError {
    /// The header is not decided by the validators.
    #[error("header refused")]
    Header(#[source] LightError),
    /// The record was paid on another network.
    #[error("record of another network: expected {expected}, got {got}")]
    Chain {
        /// The trusted network.
        expected: ChainId,
        /// The network in the record.
        got: ChainId,
    },
    /// The header does not follow the record's block.
    #[error("header of height {got} does not carry the results of height {settled}")]
    Height {
        /// The height in the record.
        settled: Height,
        /// The height of the header.
        got: Height,
    },
    /// The record is not under the header's receipts root.
    #[error("record is not under the receipts root")]
    Path(#[source] PathError),
}

impl SettlementProof {
    /// Checks that `first`, the validators of the genesis, or those to whom they handed over, decided on network `chain` a block that
    /// paid this record.
    ///
    /// # Errors
    /// [`SettlementProofError`], naming the first check that failed.
    pub fn verify(&self, chain: ChainId, first: &ValidatorSet) -> Result<(), SettlementProofError> {
        if self.record.chain != chain {
            return Err(SettlementProofError::Chain { expected: chain, got: self.record.chain });
        }
        let validators = light::follow(chain, first, &self.changes).map_err(SettlementProofError::Header)?;
        light::verify(chain, &validators, &self.certified).map_err(SettlementProofError::Header)?;
        let (settled, got) = (self.record.height, self.certified.header.height);
        if got.0.checked_sub(1) != Some(settled.0) {
            return Err(SettlementProofError::Height { settled, got });
        }
        let root = self.certified.header.receipts_root;
        self.path.verify(&self.record.digest(), root).map_err(SettlementProofError::Path)
    }
}
