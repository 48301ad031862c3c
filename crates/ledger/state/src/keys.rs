//! Keys of the authenticated store. One tag byte per kind, then the name; numbers are big-endian, so that the order of
//! bytes is the order of keys.

use crate::check::Offence;
use ciro_types::{AccountId, Height, JobId, LeaseToken, ModelId};

/// What a row of the store is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The constants of the network: [`crate::state::Meta`].
    Meta,
    /// What every block changes: [`crate::state::Tip`].
    Tip,
    /// [`crate::Account`].
    Account(AccountId),
    /// [`crate::Model`].
    Model(ModelId),
    /// [`crate::Worker`].
    Worker(AccountId),
    /// The worker's standing [`ciro_types::Offer`].
    Offer(AccountId),
    /// [`crate::Validator`].
    Validator(AccountId),
    /// [`crate::Job`].
    Job(JobId),
    /// [`crate::component::job::row::TokenUse`].
    Token(LeaseToken),
    /// The height at which an offence was punished.
    Offence(OffenceKey),
}

/// Names one consensus offence: validator, height, round.
pub type OffenceKey = (AccountId, Height, u32);

impl From<Offence> for OffenceKey {
    fn from(offence: Offence) -> Self {
        (offence.validator, offence.height, offence.round)
    }
}

/// Why bytes are no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key of the ledger: {}", hex(.got))]
pub struct KeyError {
    /// The bytes.
    pub got: Vec<u8>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Key {
    /// The key's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Meta => vec![0],
            Self::Tip => vec![1],
            Self::Account(id) => tagged(2, &id.0),
            Self::Model(id) => tagged(3, &id.0),
            Self::Worker(id) => tagged(4, &id.0),
            Self::Offer(id) => tagged(5, &id.0),
            Self::Validator(id) => tagged(6, &id.0),
            Self::Job(id) => tagged(7, &id.0),
            Self::Token(token) => tagged(8, &token.0.to_be_bytes()),
            Self::Offence((validator, height, round)) => {
                tagged(9, &[&validator.0[..], &height.0.to_be_bytes(), &round.to_be_bytes()].concat())
            }
        }
    }

    /// The key that these bytes encode.
    ///
    /// # Errors
    /// [`KeyError`] for any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        parse(bytes).ok_or_else(|| KeyError { got: bytes.to_vec() })
    }
}

fn tagged(tag: u8, name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + name.len());
    bytes.push(tag);
    bytes.extend_from_slice(name);
    bytes
}

fn parse(bytes: &[u8]) -> Option<Key> {
    let (tag, name) = bytes.split_first()?;
    Some(match tag {
        0 if name.is_empty() => Key::Meta,
        1 if name.is_empty() => Key::Tip,
        2 => Key::Account(AccountId(name.try_into().ok()?)),
        3 => Key::Model(ModelId(name.try_into().ok()?)),
        4 => Key::Worker(AccountId(name.try_into().ok()?)),
        5 => Key::Offer(AccountId(name.try_into().ok()?)),
        6 => Key::Validator(AccountId(name.try_into().ok()?)),
        7 => Key::Job(JobId(name.try_into().ok()?)),
        8 => Key::Token(LeaseToken(u64::from_be_bytes(name.try_into().ok()?))),
        9 => Key::Offence(parse_offence(name)?),
        _ => return None,
    })
}

fn parse_offence(name: &[u8]) -> Option<OffenceKey> {
    let (validator, rest) = name.split_first_chunk::<32>()?;
    let (height, round) = rest.split_first_chunk::<8>()?;
    let round = u32::from_be_bytes(round.try_into().ok()?);
    Some((AccountId(*validator), Height(u64::from_be_bytes(*height)), round))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Key> {
        vec![
            Key::Meta,
            Key::Tip,
            Key::Account(AccountId([1; 32])),
            Key::Model(ModelId([2; 32])),
            Key::Worker(AccountId([3; 32])),
            Key::Offer(AccountId([4; 32])),
            Key::Validator(AccountId([5; 32])),
            Key::Job(JobId([6; 32])),
            Key::Token(LeaseToken(255)),
            Key::Token(LeaseToken(256)),
            Key::Offence((AccountId([7; 32]), Height(255), 1)),
            Key::Offence((AccountId([7; 32]), Height(256), 0)),
        ]
    }

    #[test]
    fn keys_round_trip_and_bytes_keep_their_order() {
        let keys = samples();
        let bytes: Vec<_> = keys.iter().map(Key::encode).collect();
        assert!(bytes.is_sorted() && keys.is_sorted());
        for (key, bytes) in keys.iter().zip(&bytes) {
            assert_eq!(Key::decode(bytes), Ok(*key));
        }
    }

    #[test]
    fn truncated_extended_and_unknown_keys_are_refused() {
        for key in samples() {
            let bytes = key.encode();
            assert!(Key::decode(&bytes[..bytes.len() - 1]).is_err(), "{key:?}");
            assert!(Key::decode(&[&bytes[..], &[0]].concat()).is_err(), "{key:?}");
        }
        assert_eq!(Key::decode(&[10]), Err(KeyError { got: vec![10] }));
    }
}
