//! 32-byte names. Each kind is its own type; none converts into another by accident.

use alloc::string::String;
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a textual id was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdParseError {
    /// The text is not 64 hexadecimal digits.
    #[error("expected 64 hexadecimal digits, got {got:?}")]
    NotHex {
        /// The refused text.
        got: String,
    },
}

macro_rules! id32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// All zero: "none", where a protocol says so explicitly.
            pub const ZERO: Self = Self([0; 32]);

            /// The raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first eight hexadecimal digits, for people.
            #[must_use]
            pub fn short(&self) -> String {
                let mut text = hex::encode(self.0);
                text.truncate(8);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| IdParseError::NotHex { got: text.into() })?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id32! {
    /// A Blake2s-256 digest with no more specific name.
    Hash32
}
id32! {
    /// An account: the Ed25519 public key that signs for it.
    AccountId
}
id32! {
    /// A job: hash of its signed specification, so a retry is the same job.
    JobId
}
id32! {
    /// A compiled model: hash of the integer program's public part and of its weight commitment.
    ModelId
}
id32! {
    /// A block: hash of its header.
    BlockId
}
id32! {
    /// A transaction: hash of its signed bytes.
    TxId
}
id32! {
    /// Root of the authenticated state after a block.
    StateRoot
}
id32! {
    /// A network: hash of its genesis. Signatures never carry over between networks.
    ChainId
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn text_round_trips() {
        let id = JobId([0xab; 32]);
        assert_eq!(id.to_string().parse::<JobId>(), Ok(id));
    }

    #[test]
    fn text_that_is_not_hex_is_refused() {
        assert_eq!("zz".parse::<JobId>(), Err(IdParseError::NotHex { got: "zz".into() }));
    }
}
