//! The form that files share: a beginning that names kind and version, canonical content, and a Blake2s-256 checksum of all that. The
//! checksum guards against accidents only.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::hash;
use ciro_types::{DecodeError, Hash32, decode, encode};

/// Why bytes are not a file of some kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The file does not begin like one of its kind.
    #[error("not a {name}: expected the file to begin with {expected:?}")]
    Magic {
        /// The kind.
        name: &'static str,
        /// How such a file begins, version included.
        expected: String,
    },
    /// The file is of its kind, but of another version.
    #[error("a {name} of version {got}: expected version {expected}; only a program of that time reads it")]
    Version {
        /// The kind.
        name: &'static str,
        /// The version that is read.
        expected: u8,
        /// The file's.
        got: u8,
    },
    /// The checksum does not match: the file was damaged or altered.
    #[error("the {name} is damaged: expected checksum {expected}, got {got}")]
    Checksum {
        /// The kind.
        name: &'static str,
        /// What the content hashes to.
        expected: Hash32,
        /// What the file says.
        got: Hash32,
    },
    /// The content is not canonical.
    #[error("the {name}'s content is malformed: {source}")]
    Decode {
        /// The kind.
        name: &'static str,
        /// Why.
        source: DecodeError,
    },
}

/// A kind of file.
pub(crate) struct FileKind {
    /// For messages.
    pub(crate) name: &'static str,
    /// How it begins; the last byte is the version.
    pub(crate) magic: &'static [u8],
    /// Of the checksum.
    pub(crate) checksum_domain: &'static str,
    /// Longest content.
    pub(crate) bytes_max: usize,
}

impl FileKind {
    /// The file that holds `content`.
    pub(crate) fn write<T: BorshSerialize>(&self, content: &T) -> Vec<u8> {
        let mut bytes = self.magic.to_vec();
        bytes.extend(encode(content));
        let checksum = hash(self.checksum_domain, &bytes);
        bytes.extend(checksum.0);
        bytes
    }

    /// What a file holds.
    pub(crate) fn read<T: BorshSerialize + BorshDeserialize>(&self, bytes: &[u8]) -> Result<T, FormatError> {
        let name = self.name;
        let other = || FormatError::Magic { name, expected: self.magic.escape_ascii().to_string() };
        let (content, checksum) = bytes.split_last_chunk::<32>().ok_or_else(other)?;
        let body = content.strip_prefix(self.magic).ok_or_else(|| self.other_version(content).unwrap_or_else(other))?;
        let (expected, got) = (hash(self.checksum_domain, content), Hash32(*checksum));
        if expected != got {
            return Err(FormatError::Checksum { name, expected, got });
        }
        decode(body, self.bytes_max).map_err(|source| FormatError::Decode { name, source })
    }

    /// What is wrong with a file of this kind that has another version; `None` if it is of another kind.
    fn other_version(&self, content: &[u8]) -> Option<FormatError> {
        let (&expected, kind) = self.magic.split_last()?;
        let got = *content.strip_prefix(kind)?.first()?;
        Some(FormatError::Version { name: self.name, expected, got })
    }
}
