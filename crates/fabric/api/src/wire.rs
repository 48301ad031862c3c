//! Everything that is said, as bytes.
//!
//! A message is its version, two bytes in little-endian order, and then its canonical encoding. A message of another version is refused
//! by the number of that version, before anything else of it is read.

use crate::command::{Command, Done};
use crate::error::NodeError;
use crate::news::{BlockNews, Grant, Verdict};
use crate::query::{Answer, Query};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{DecodeError, Height, decode, encode};

/// The version of all messages.
pub const WIRE_VERSION: u16 = 1;

/// What one side sends. `id` is chosen by who asks and comes back with the reply. Variants are encoded by position: new ones are
/// appended, none is reordered.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Message {
    /// A question.
    Query {
        /// Names it.
        id: u64,
        /// What is asked.
        query: Query,
    },
    /// Its answer.
    Answer {
        /// Of the question with this name.
        id: u64,
        /// What is answered, or why nothing is.
        answer: Box<Result<Answer, NodeError>>,
    },
    /// A command.
    Command {
        /// Names it.
        id: u64,
        /// What to do.
        command: Command,
    },
    /// What came of it.
    Done {
        /// Of the command with this name.
        id: u64,
        /// What came of it, or why nothing did.
        done: Result<Done, NodeError>,
    },
    /// A block was committed: for those who follow the ledger.
    Block(Box<BlockNews>),
    /// What became of a transaction that was handed in: for those who follow the ledger.
    Verdict(Box<Verdict>),
    /// A lease: from the scheduler to its worker.
    Grant(Box<Grant>),
    /// How far the node is: for those who only want to look again.
    Head {
        /// The last committed block.
        height: Height,
    },
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// They are of another version.
    #[error("expected a message of version {WIRE_VERSION}, got one of version {got}")]
    Version {
        /// Theirs.
        got: u16,
    },
    /// There are fewer than two.
    #[error("expected a version of two bytes, got {got}")]
    Short {
        /// How many there are.
        got: usize,
    },
    /// They are of this version, and malformed.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
}

impl Message {
    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [WIRE_VERSION.to_le_bytes().as_slice(), &encode(self)].concat()
    }

    /// Reads a message of at most `limit` bytes.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn from_bytes(bytes: &[u8], limit: usize) -> Result<Self, MessageError> {
        let Some((version, rest)) = bytes.split_first_chunk() else {
            return Err(MessageError::Short { got: bytes.len() });
        };
        match u16::from_le_bytes(*version) {
            WIRE_VERSION => Ok(decode(rest, limit.saturating_sub(version.len()))?),
            got => Err(MessageError::Version { got }),
        }
    }
}
