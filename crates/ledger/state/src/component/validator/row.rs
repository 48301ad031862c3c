//! Validators, and how a vote is lost.
//!
//! The header of block `h` is built when block `h − 1` is executed. It names two sets: the one that decides `h` and
//! the one that decides `h + 1`. So what block `h − 1` does to a validator is felt from `h + 1` on. A header that the
//! old set has certified tells light clients. [`Validator::power`] is what counts at `h`; what will count after it
//! follows from the row, see [`crate::State::successors`].

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Amount};
use serde::{Deserialize, Serialize};

/// A validator of the genesis.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Validator {
    /// What it has at risk now. Only a slash changes it.
    pub stake: Amount,
    /// Voting power over the next block, whole CIRO. Zero: it has no vote.
    pub power: u64,
    /// Offences punished so far.
    pub offences: u32,
}

impl Validator {
    /// A validator that has done nothing wrong yet, with a vote from the first block on.
    pub(crate) fn new(stake: Amount) -> Self {
        Self { stake, power: whole(stake), offences: 0 }
    }

    /// The power that its stake and its record leave it. Whoever signed two statements at one place has shown that its vote is worth
    /// nothing. What stake it keeps stays at risk for its other offences.
    fn earned(&self) -> u64 {
        if self.offences == 0 { whole(self.stake) } else { 0 }
    }
}

/// Whole CIRO, rounded down.
fn whole(stake: Amount) -> u64 {
    u64::try_from(stake.0 / Amount::ONE.0).expect("a capped supply has fewer than 2^64 whole CIRO")
}

/// The voters after the next block, each with its power, in the order of `rows`. Where nobody would be left, all stay as they are: a network
/// without voters could never decide anything again.
pub(crate) fn successors(rows: &[(&AccountId, &Validator)]) -> Vec<(AccountId, u64)> {
    let voters = |power: fn(&Validator) -> u64| {
        let powers = rows.iter().map(|(id, row)| (**id, power(row)));
        powers.filter(|(_, power)| *power > 0).collect::<Vec<_>>()
    };
    let earned = voters(Validator::earned);
    if earned.is_empty() { voters(|row| row.power) } else { earned }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(of: &[(u64, u64, u32)]) -> Vec<(AccountId, Validator)> {
        let row = |&(ciro, power, offences): &(u64, u64, u32)| Validator { stake: Amount::ciro(ciro), power, offences };
        (1..).zip(of).map(|(n, of)| (AccountId([n; 32]), row(of))).collect()
    }

    fn borrowed(rows: &[(AccountId, Validator)]) -> Vec<(&AccountId, &Validator)> {
        rows.iter().map(|(id, row)| (id, row)).collect()
    }

    fn powers(of: &[(u64, u64, u32)]) -> Vec<(u8, u64)> {
        let rows = rows(of);
        successors(&borrowed(&rows)).into_iter().map(|(id, power)| (id.0[0], power)).collect()
    }

    #[test]
    fn an_offender_has_no_vote_whatever_stake_it_keeps() {
        assert_eq!(powers(&[(10, 10, 0), (7, 10, 1), (5, 5, 0)]), [(1, 10), (3, 5)]);
        assert_eq!(powers(&[(10, 10, 0), (7, 0, 1)]), [(1, 10)], "nor later");
    }

    #[test]
    fn a_network_never_loses_its_last_voter() {
        assert_eq!(powers(&[(7, 10, 1), (7, 0, 1)]), [(1, 10)]);
        assert_eq!(powers(&[(7, 10, 1), (7, 5, 1)]), [(1, 10), (2, 5)]);
    }

    #[test]
    fn a_stake_below_one_ciro_has_no_vote() {
        let mut rows = rows(&[(2, 2, 0), (1, 1, 0)]);
        rows[1].1.stake = Amount(Amount::ONE.0 - 1);
        assert_eq!(successors(&borrowed(&rows)), [(AccountId([1; 32]), 2)]);
    }
}
