//! Why a program has no relation, and why a claim is refused.

use alloc::string::String;
use ciro_graph::check::CheckError;
use ciro_graph::ingest::IngestError;
use ciro_relation::{Misfit, TooCostly};
use ciro_types::{DecodeError, Hash32};
use ciro_verifier::{Phase, VerifyError};

/// Why a program has no relation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelationError {
    /// The program is not well formed.
    #[error("the program is not well formed: {reason}")]
    Program {
        /// What is wrong.
        reason: String,
    },
    /// A value's interval does not fit the field with the room a range proof needs.
    #[error("node {node}: {what} needs {got} bits, expected at most {expected}")]
    TooWide {
        /// The node.
        node: usize,
        /// What is too wide.
        what: &'static str,
        /// Bits available.
        expected: u32,
        /// Bits needed.
        got: u32,
    },
    /// A reference to something that does not exist.
    #[error("node {node} refers to {what} {got}, which does not exist")]
    Dangling {
        /// The node (or output).
        node: usize,
        /// What is referred to.
        what: &'static str,
        /// Its number.
        got: usize,
    },
    /// The program is too large for one proof.
    #[error("the {what} polynomial needs 2^{got} cells, expected at most 2^{expected}")]
    TooLarge {
        /// Which polynomial.
        what: &'static str,
        /// log₂ of the limit.
        expected: u32,
        /// log₂ of the need.
        got: u32,
    },
    /// The program describes more than a relation may hold.
    #[error("node {node} makes a relation of {got} entries, expected at most {expected}")]
    TooMany {
        /// The node.
        node: usize,
        /// The limit: [`crate::size::ENTRIES_MAX`].
        expected: usize,
        /// Entries counted when the program was refused.
        got: usize,
    },
    /// Verifying takes more than whoever is to do it accepts.
    #[error(transparent)]
    TooCostly(#[from] TooCostly),
    /// A part of the relation does not fit the others: a bug of a gadget.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The operator stands where it cannot be proven.
    #[error("node {node}: {reason}")]
    Misplaced {
        /// The node.
        node: usize,
        /// Why.
        reason: &'static str,
    },
}

/// Why a claim is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// Public bytes are not canonical.
    #[error("{what}: {source}")]
    Decode {
        /// Which bytes.
        what: &'static str,
        /// Why.
        source: DecodeError,
    },
    /// The program is not well formed.
    #[error("program: {0}")]
    Program(CheckError),
    /// The program has no relation.
    #[error("program: {0}")]
    Relation(#[from] RelationError),
    /// The program's key is another than was said.
    #[error("key: expected {expected}, which follows from the program, got {got}")]
    Key {
        /// The digest of the key that follows from the program.
        expected: Hash32,
        /// The digest that was said.
        got: Hash32,
    },
    /// The input is refused by the program.
    #[error("input: {0}")]
    Input(IngestError),
    /// The proof is rejected, or the statement is none of the key's.
    #[error(transparent)]
    Proof(#[from] VerifyError),
}

impl From<TooCostly> for AuditError {
    fn from(error: TooCostly) -> Self {
        Self::Relation(RelationError::TooCostly(error))
    }
}

impl AuditError {
    /// The phase that rejected.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Self::Decode { .. } | Self::Program(_) | Self::Relation(_) | Self::Key { .. } | Self::Input(_) => {
                Phase::Statement
            }
            Self::Proof(error) => error.phase(),
        }
    }
}
