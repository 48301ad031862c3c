//! Everything that a node can be told to do.

use crate::client::Client;
use crate::error::NodeError;
use crate::until::Until;
use crate::view::StoredModel;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_state::SignedTx;
use ciro_types::{Hash32, TxId};

/// What became of a transaction.
pub type Fate = Result<TxId, NodeError>;

/// Names an upload on its way to a node, of which it is the only one with that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct UploadId(pub u64);

/// What an upload becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum UploadKind {
    /// A raw input that workers can fetch.
    Input,
    /// A compiled model. Keeping it checks it and commits to its weights.
    Model,
}

/// Something to do. Variants are encoded by position: new ones are appended, none is reordered.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Command {
    /// Hand a transaction to consensus. It is done when `until` says, or once it is refused. Sending it again does no harm.
    Submit {
        /// The transaction.
        tx: Box<SignedTx>,
        /// When it counts as done.
        until: Until,
    },
    /// Make room for an upload in the name of `client`.
    Open {
        /// What it becomes.
        kind: UploadKind,
        /// In whose name it is kept.
        client: Client,
    },
    /// Append bytes to an upload.
    Append {
        /// Which.
        upload: UploadId,
        /// The bytes that come next.
        bytes: Vec<u8>,
    },
    /// Keep what came, durably once this is done.
    Keep {
        /// Which.
        upload: UploadId,
    },
    /// Forget an upload; nothing of it is left.
    Abandon {
        /// Which.
        upload: UploadId,
    },
    /// Remove what nobody refers to any more. Due about once a minute.
    Tidy,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Done {
    /// Of [`Command::Submit`].
    Submitted(TxId),
    /// Of [`Command::Open`].
    Opened(UploadId),
    /// Of [`Command::Append`].
    Appended,
    /// Of [`Command::Keep`], for an input: its hash, which jobs name.
    KeptInput(Hash32),
    /// Of [`Command::Keep`], for a model.
    KeptModel(StoredModel),
    /// Of [`Command::Abandon`].
    Abandoned,
    /// Of [`Command::Tidy`].
    Tidied,
}
