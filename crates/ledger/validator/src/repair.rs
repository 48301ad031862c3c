//! A store that is damaged, or lacks blocks that nobody keeps any more, made anew from a peer's.
//!
//! Trust stays where it was: in the validators of the genesis, and in those to whom they handed over. The state is taken as of the last
//! header that is certified by them, and every row, block and settlement is checked against it.

use ciro_consensus::{CertifiedHeader, SetChange, Validator, ValidatorSet, ValidatorSetError, light};
use ciro_state::{Genesis, GenesisError, State};
use ciro_store::{Store, StoreError};
use ciro_types::Height;

/// Why a store cannot be made anew.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// No network can start from this genesis.
    #[error("genesis refused")]
    Genesis(#[source] GenesisError),
    /// The genesis validators cannot decide anything.
    #[error("genesis validator set refused")]
    Validators(#[source] ValidatorSetError),
    /// The peer's store is refused, or ours cannot be written.
    #[error("the peer's store does not help")]
    Store(#[source] StoreError),
}

/// Fills the empty `store` from `peer`, one that has been checked, and returns the height it is at then. A peer that is
/// still at its genesis has nothing to give: the store stays empty, at height 0.
///
/// # Errors
/// [`RepairError`]; the store is then still empty.
pub fn repair(store: &Store, peer: &Store, genesis: &Genesis) -> Result<Height, RepairError> {
    if peer.height().map_err(RepairError::Store)?.unwrap_or_default() == Height(0) {
        return Ok(Height(0));
    }
    let state = State::genesis(genesis).map_err(RepairError::Genesis)?;
    let members = state.voters().into_iter().map(|(account, power)| Validator { account, power }).collect();
    let first = ValidatorSet::new(members).map_err(RepairError::Validators)?;
    let chain = genesis.chain_id();
    let trust = |changes: &[SetChange], header: &CertifiedHeader| {
        let validators = light::follow(chain, &first, changes).and_then(|set| light::verify(chain, &set, header));
        validators.map_err(|e| ciro_types::chain(&e))
    };
    store.adopt(peer, trust).map_err(RepairError::Store)
}
