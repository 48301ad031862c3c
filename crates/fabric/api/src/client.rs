//! In whose name something is asked or kept.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::AccountId;
use std::net::IpAddr;

/// Who pays for a request out of its budgets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Client {
    /// Whoever comes from this address.
    Address(IpAddr),
    /// A funded account that signed.
    Account(AccountId),
}
