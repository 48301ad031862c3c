//! Who decides, with how much weight, and whose turn it is to propose.
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

use borsh::io::{Error, ErrorKind, Read, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::hash_encoded;
use ciro_types::{AccountId, Amount, Hash32, Height};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};

const SET_DOMAIN: &str = "ciro/validators/v1";

/// Most validators in one set. Certificates grow linearly with it, and a certificate travels in every receipt. So does one for each
/// validator that lost its vote. The certificates of so many have 16,290 signatures, which a reader of receipts accepts.
pub const MAX_VALIDATORS: usize = 180;

/// Longest proposer cycle. Shares below 1/256 of the stake may get no turn; they still vote with full weight.
const MAX_CYCLE: u64 = 256;

/// One validator: its key and its voting power.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Validator {
    /// The key that signs votes and proposals.
    pub account: AccountId,
    /// Voting power, in whole CIRO of stake. Never zero.
    pub power: u64,
}

impl Validator {
    /// A validator with the power that `stake` buys, or `None` below one whole CIRO.
    #[must_use]
    pub fn of_stake(account: AccountId, stake: Amount) -> Option<Self> {
        let power = u64::try_from(stake.0.checked_div(Amount::ONE.0)?).ok()?;
        (power > 0).then_some(Self { account, power })
    }
}

/// Why a list of validators is not a validator set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// Nobody would decide.
    #[error("a validator set needs at least one validator")]
    Empty,
    /// More members than a certificate may carry.
    #[error("too many validators: expected at most {expected}, got {got}")]
    TooMany {
        /// The limit.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// The same key twice would count its vote twice.
    #[error("validator {0} is listed twice")]
    Duplicate(AccountId),
    /// A member without weight cannot be told from an outsider.
    #[error("validator {0} has no voting power")]
    Powerless(AccountId),
    /// Three times the total must fit in 64 bits, or a quorum could not be computed.
    #[error("total voting power overflows")]
    Overflow,
}

/// A non-empty set of validators, sorted by account. Cloning shares the content.
#[derive(Clone)]
pub struct ValidatorSet(Arc<Inner>);

struct Inner {
    members: Vec<Validator>,
    total: u64,
    digest: Hash32,
    /// Indices into `members`; one proposer cycle. It is made when somebody asks whose turn it is. A light client does not ask, and a
    /// receipt may carry thousands of sets.
    cycle: OnceLock<Vec<usize>>,
}

impl PartialEq for ValidatorSet {
    fn eq(&self, other: &Self) -> bool {
        self.0.members == other.0.members
    }
}

impl Eq for ValidatorSet {}

impl ValidatorSet {
    /// Builds a set from members in any order.
    ///
    /// # Errors
    /// [`ValidatorSetError`] if the list is empty, too long, has a duplicate or powerless member, or overflows.
    pub fn new(mut members: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        members.sort_unstable_by_key(|v| v.account);
        check_members(&members)?;
        let total = total_power(&members).ok_or(ValidatorSetError::Overflow)?;
        let digest = hash_encoded(SET_DOMAIN, &members);
        Ok(Self(Arc::new(Inner { members, total, digest, cycle: OnceLock::new() })))
    }

    /// The members, sorted by account.
    #[must_use]
    pub fn members(&self) -> &[Validator] {
        &self.0.members
    }

    /// Total voting power.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.total
    }

    /// Digest of the members and their power, as headers carry it.
    #[must_use]
    pub fn digest(&self) -> Hash32 {
        self.0.digest
    }

    /// The power of `account`, or `None` for an outsider.
    #[must_use]
    pub fn power(&self, account: AccountId) -> Option<u64> {
        let index = self.0.members.binary_search_by_key(&account, |v| v.account).ok()?;
        self.0.members.get(index).map(|v| v.power)
    }

    /// Whether `power` is a quorum: strictly more than two thirds of the total. Exactly two thirds, 2 of 3 or 4 of 6,
    /// is not one: two such groups need not share an honest member.
    #[must_use]
    pub fn is_quorum(&self, power: u64) -> bool {
        u128::from(power).saturating_mul(3) > u128::from(self.0.total).saturating_mul(2)
    }

    /// Whether `power` is strictly more than one third of the total: one honest member at least.
    #[must_use]
    pub fn is_third(&self, power: u64) -> bool {
        u128::from(power).saturating_mul(3) > u128::from(self.0.total)
    }

    /// Whose turn it is. A pure function of the set: turns are stake-weighted over a cycle. A later round goes to the next turn, so that
    /// a dead proposer is passed over.
    #[must_use]
    pub fn proposer(&self, height: Height, round: u32) -> AccountId {
        // A set has members, and the cycle their indices.
        self.0.members.get(self.proposer_index(height, round)).map_or(AccountId::ZERO, |v| v.account)
    }

    pub(crate) fn proposer_index(&self, height: Height, round: u32) -> usize {
        let cycle = self.0.cycle.get_or_init(|| proposer_cycle(&self.0.members, self.0.total));
        let turns = u128::from(height.0).saturating_add(u128::from(round));
        let turn = u128::try_from(cycle.len()).ok().and_then(|len| turns.checked_rem(len));
        turn.and_then(|turn| cycle.get(usize::try_from(turn).ok()?)).copied().unwrap_or(0)
    }
}

impl std::fmt::Debug for ValidatorSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ValidatorSet({} members, power {})", self.0.members.len(), self.0.total)
    }
}

impl BorshSerialize for ValidatorSet {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<(), Error> {
        BorshSerialize::serialize(&self.0.members, writer)
    }
}

impl BorshDeserialize for ValidatorSet {
    /// Only the sorted order is canonical; anything else is refused, so that one set has one encoding.
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self, Error> {
        let invalid = |reason: String| Error::new(ErrorKind::InvalidData, reason);
        let members = Vec::<Validator>::deserialize_reader(reader)?;
        if !members.is_sorted_by_key(|v| v.account) {
            return Err(invalid("validators are not sorted by account".into()));
        }
        Self::new(members).map_err(|e| invalid(e.to_string()))
    }
}

fn check_members(members: &[Validator]) -> Result<(), ValidatorSetError> {
    if members.is_empty() {
        return Err(ValidatorSetError::Empty);
    }
    if members.len() > MAX_VALIDATORS {
        return Err(ValidatorSetError::TooMany { expected: MAX_VALIDATORS, got: members.len() });
    }
    let mut pairs = members.iter().zip(members.iter().skip(1));
    if let Some((twice, _)) = pairs.find(|(first, second)| first.account == second.account) {
        return Err(ValidatorSetError::Duplicate(twice.account));
    }
    match members.iter().find(|v| v.power == 0) {
        Some(powerless) => Err(ValidatorSetError::Powerless(powerless.account)),
        None => Ok(()),
    }
}

/// The sum, or `None` if three times it would not fit: the agreement core multiplies it by 2 and 3 in 64 bits.
fn total_power(members: &[Validator]) -> Option<u64> {
    let total = members.iter().try_fold(0u64, |sum, v| sum.checked_add(v.power))?;
    total.checked_mul(3).map(|_| total)
}

/// One cycle of smooth weighted round robin: each turn everyone earns its power, the richest proposes and pays the
/// total. Turns are proportional to power and spread evenly; equal powers give plain round robin.
fn proposer_cycle(members: &[Validator], total: u64) -> Vec<usize> {
    let unit = members.iter().fold(0, |unit, v| gcd(unit, v.power));
    let members_u64 = u64::try_from(members.len()).unwrap_or(u64::MAX);
    let length = total.checked_div(unit).unwrap_or(0).min(MAX_CYCLE).max(members_u64);
    let mut credit = vec![0i128; members.len()];
    (0..length).map(|_| next_turn(members, &mut credit, total)).collect()
}

fn next_turn(members: &[Validator], credit: &mut [i128], total: u64) -> usize {
    for (own, member) in credit.iter_mut().zip(members) {
        *own = own.saturating_add(i128::from(member.power));
    }
    let richer = |best: (usize, i128), (index, own): (usize, &i128)| if *own > best.1 { (index, *own) } else { best };
    let (richest, _) = credit.iter().enumerate().fold((0, i128::MIN), richer);
    if let Some(own) = credit.get_mut(richest) {
        *own = own.saturating_sub(i128::from(total));
    }
    richest
}

const fn gcd(a: u64, b: u64) -> u64 {
    match a.checked_rem(b) {
        None => a,
        Some(rest) => gcd(b, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(n: u8) -> AccountId {
        AccountId([n; 32])
    }

    fn set(powers: &[u64]) -> ValidatorSet {
        let members = powers.iter().zip(1..).map(|(&power, n)| Validator { account: account(n), power }).collect();
        ValidatorSet::new(members).expect("a valid set")
    }

    /// Defect 10 of an earlier implementation: 2 of 4 passed.
    #[test]
    fn a_quorum_is_strictly_more_than_two_thirds() {
        let four = set(&[1, 1, 1, 1]);
        assert!(!four.is_quorum(2), "2 of 4 is not a quorum");
        assert!(four.is_quorum(3));
        assert!(!set(&[1, 1, 1]).is_quorum(2), "exactly two thirds is not a quorum");
        let by_stake = set(&[40, 30, 20, 10]);
        assert!(!by_stake.is_quorum(66));
        assert!(by_stake.is_quorum(67));
    }

    #[test]
    fn equal_stakes_take_turns_in_order_and_the_next_round_moves_on() {
        let four = set(&[7, 7, 7, 7]);
        let turns: Vec<_> = (0..4).map(|h| four.proposer(Height(h), 0)).collect();
        assert_eq!(turns, (1..=4).map(account).collect::<Vec<_>>());
        assert_eq!(four.proposer(Height(1), 1), four.proposer(Height(2), 0));
    }

    #[test]
    fn turns_are_proportional_to_stake() {
        let by_stake = set(&[4, 3, 2, 1]);
        let mut turns = [0; 5];
        for height in 0..1_000 {
            turns[usize::from(by_stake.proposer(Height(height), 0).0[0])] += 1;
        }
        assert_eq!(turns, [0, 400, 300, 200, 100]);
    }

    #[test]
    fn lists_that_would_miscount_votes_are_refused() {
        let twice = vec![Validator { account: account(1), power: 1 }; 2];
        assert_eq!(ValidatorSet::new(twice), Err(ValidatorSetError::Duplicate(account(1))));
        assert_eq!(ValidatorSet::new(Vec::new()), Err(ValidatorSetError::Empty));
        let powerless = vec![Validator { account: account(1), power: 0 }];
        assert_eq!(ValidatorSet::new(powerless), Err(ValidatorSetError::Powerless(account(1))));
        let huge = vec![Validator { account: account(1), power: u64::MAX / 2 }];
        assert_eq!(ValidatorSet::new(huge), Err(ValidatorSetError::Overflow));
    }

    #[test]
    fn one_set_has_one_encoding() {
        let members = set(&[2, 1]).members().to_vec();
        let reversed: Vec<_> = members.iter().rev().copied().collect();
        assert!(ciro_types::decode::<ValidatorSet>(&ciro_types::encode(&members), 1 << 10).is_ok());
        assert!(ciro_types::decode::<ValidatorSet>(&ciro_types::encode(&reversed), 1 << 10).is_err());
        assert_eq!(ValidatorSet::new(reversed).map(|s| s.digest()), Ok(set(&[2, 1]).digest()));
    }
}
