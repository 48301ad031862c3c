//! The first state of a network, and the hash that names the network.
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

use crate::params::{Params, ParamsError};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::hash_encoded;
use ciro_types::{AccountId, Amount, ChainId, TextError, check_printable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const GENESIS_DOMAIN: &str = "ciro/genesis/v1";
/// The most CIRO a network may ever have: 10⁹.
pub const MAX_SUPPLY: Amount = Amount::ciro(1_000_000_000);

/// Longest name of a network, bytes.
pub const MAX_NETWORK_NAME: usize = 128;

/// A validator from the first block on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct GenesisValidator {
    /// Its consensus key.
    pub account: AccountId,
    /// What it risks; also its voting power, in whole CIRO.
    pub stake: Amount,
}

/// An account that exists from the start.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct GenesisAccount {
    /// Who.
    pub account: AccountId,
    /// With this balance.
    pub balance: Amount,
}

/// Everything every node must agree on before the first block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Genesis {
    /// Name for people; part of the network's identity.
    pub network: String,
    /// Fixed numbers.
    pub params: Params,
    /// The key that signs leases.
    pub scheduler: AccountId,
    /// Who decides blocks.
    pub validators: Vec<GenesisValidator>,
    /// Who has money.
    pub accounts: Vec<GenesisAccount>,
}

/// Why a genesis was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// The network's name is not fit to be printed.
    #[error("network name")]
    Name(#[source] TextError),
    /// The parameters contradict themselves.
    #[error("genesis parameters")]
    Params(#[source] ParamsError),
    /// Nobody would decide blocks.
    #[error("expected at least one validator, got none")]
    NoValidators,
    /// A validator's stake gives it no vote.
    #[error("validator {account}: expected a stake of at least 1 CIRO, got {got}")]
    ValidatorStake {
        /// Which one.
        account: AccountId,
        /// Its stake.
        got: Amount,
    },
    /// A validator or an account is listed twice.
    #[error("{account} is listed twice")]
    Duplicate {
        /// Which one.
        account: AccountId,
    },
    /// More money than a network may have.
    #[error("supply: expected at most {expected}, got {}", .got.map_or_else(|| "more than 128 bits".to_string(), |a| a.to_string()))]
    Supply {
        /// [`MAX_SUPPLY`].
        expected: Amount,
        /// The sum, or none if it overflows.
        got: Option<Amount>,
    },
}

impl Genesis {
    /// The network's name in every signature.
    #[must_use]
    pub fn chain_id(&self) -> ChainId {
        ChainId(hash_encoded(GENESIS_DOMAIN, self).0)
    }

    /// All money there will be: every balance and every stake.
    #[must_use]
    pub fn supply(&self) -> Option<Amount> {
        let balances = self.accounts.iter().map(|account| account.balance);
        let stakes = self.validators.iter().map(|validator| validator.stake);
        balances.chain(stakes).try_fold(Amount::ZERO, Amount::checked_add)
    }

    /// Checks that a network can start from this.
    ///
    /// # Errors
    /// [`GenesisError`] naming the first thing that is wrong.
    pub fn check(&self) -> Result<(), GenesisError> {
        check_printable(&self.network, MAX_NETWORK_NAME).map_err(GenesisError::Name)?;
        self.params.check().map_err(GenesisError::Params)?;
        self.check_validators()?;
        check_distinct(self.validators.iter().map(|validator| validator.account))?;
        check_distinct(self.accounts.iter().map(|account| account.account))?;
        match self.supply() {
            Some(supply) if supply <= MAX_SUPPLY => Ok(()),
            got => Err(GenesisError::Supply { expected: MAX_SUPPLY, got }),
        }
    }

    fn check_validators(&self) -> Result<(), GenesisError> {
        if self.validators.is_empty() {
            return Err(GenesisError::NoValidators);
        }
        match self.validators.iter().find(|validator| validator.stake < Amount::ONE) {
            Some(weak) => Err(GenesisError::ValidatorStake { account: weak.account, got: weak.stake }),
            None => Ok(()),
        }
    }
}

fn check_distinct(accounts: impl Iterator<Item = AccountId>) -> Result<(), GenesisError> {
    let mut seen = BTreeSet::new();
    for account in accounts {
        if !seen.insert(account) {
            return Err(GenesisError::Duplicate { account });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn genesis() -> Genesis {
        Genesis {
            network: "test".into(),
            params: Params::with_block_ms(1_000),
            scheduler: AccountId([9; 32]),
            validators: vec![GenesisValidator { account: AccountId([1; 32]), stake: Amount::ciro(10) }],
            accounts: vec![GenesisAccount { account: AccountId([2; 32]), balance: Amount::ciro(5) }],
        }
    }

    #[test]
    fn supply_counts_balances_and_stakes() {
        assert_eq!(genesis().supply(), Some(Amount::ciro(15)));
        assert_eq!(genesis().check(), Ok(()));
    }

    #[test]
    fn every_field_names_the_network() {
        let base = genesis();
        let mut others = vec![base.clone(); 5];
        others[0].network = "other".into();
        others[1].params.open_window += 1;
        others[2].scheduler = AccountId([8; 32]);
        others[3].validators[0].stake = Amount::ciro(11);
        others[4].accounts[0].balance = Amount::ciro(6);
        for other in others {
            assert_ne!(other.chain_id(), base.chain_id());
        }
    }

    #[test]
    fn a_network_whose_name_moves_the_cursor_is_refused() {
        let named = |network: &str| Genesis { network: network.into(), ..genesis() }.check();
        assert_eq!(named("\u{1b}[2J"), Err(GenesisError::Name(TextError::Hidden { got: 0x1b })));
        let expected = MAX_NETWORK_NAME;
        assert_eq!(named(&"n".repeat(expected)), Ok(()));
        assert_eq!(
            named(&"n".repeat(expected + 1)),
            Err(GenesisError::Name(TextError::TooLong { expected, got: expected + 1 }))
        );
    }

    #[test]
    fn a_listed_twice_account_is_refused() {
        let mut genesis = genesis();
        genesis.accounts.push(genesis.accounts[0].clone());
        assert_eq!(genesis.check(), Err(GenesisError::Duplicate { account: AccountId([2; 32]) }));
    }

    #[test]
    fn the_supply_cap_holds_to_the_unit_and_survives_overflow() {
        let mut genesis = genesis();
        genesis.accounts[0].balance = Amount(MAX_SUPPLY.0 - Amount::ciro(10).0);
        assert_eq!(genesis.check(), Ok(()));
        genesis.accounts[0].balance.0 += 1;
        let above = Amount(MAX_SUPPLY.0 + 1);
        assert_eq!(genesis.check(), Err(GenesisError::Supply { expected: MAX_SUPPLY, got: Some(above) }));
        genesis.accounts[0].balance = Amount(u128::MAX);
        assert_eq!(genesis.check(), Err(GenesisError::Supply { expected: MAX_SUPPLY, got: None }));
    }

    #[test]
    fn a_network_without_votes_is_refused() {
        let mut genesis = genesis();
        genesis.validators[0].stake = Amount(Amount::ONE.0 - 1);
        assert!(matches!(genesis.check(), Err(GenesisError::ValidatorStake { .. })));
        genesis.validators.clear();
        assert_eq!(genesis.check(), Err(GenesisError::NoValidators));
    }
}
