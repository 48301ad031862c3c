//! Why a local network does not start, or stops.

use ciro_node::blobs::BlobStoreError;
use ciro_node::keyfile::KeyFileError;
use ciro_node::layout::LayoutError;
use ciro_scheduler::SchedulerError;
use ciro_types::{DecodeError, Height};
use ciro_validator::{RepairError, ValidatorError};
use std::io;

/// Why a local network does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The data directory cannot be used.
    #[error("{0}")]
    Layout(LayoutError),
    /// A key cannot be used.
    #[error("{0}")]
    Key(KeyFileError),
    /// The blob store cannot be used.
    #[error("{0}")]
    Blobs(BlobStoreError),
    /// The genesis file is damaged.
    #[error("the genesis file is damaged: {0}")]
    Genesis(DecodeError),
    /// The key files are not those of the genesis.
    #[error("the key files in the data directory are not those of its genesis")]
    OtherKeys,
    /// A file cannot be used.
    #[error("cannot use {what}: {source}")]
    Io {
        /// Which.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A validator failed.
    #[error("validator {number} failed")]
    Validator {
        /// Which.
        number: usize,
        /// Why.
        #[source]
        source: ValidatorError,
    },
    /// A validator's store is damaged, and its peers do not help.
    #[error("the store of validator {number} cannot be repaired")]
    Repair {
        /// Which.
        number: usize,
        /// Why.
        #[source]
        source: RepairError,
    },
    /// So many validators signed further than any store goes that the others cannot agree without them.
    #[error(
        "{silent} of {validators} validators have signed beyond height {height}, where the last of the stores ends: they would have \
         to contradict themselves, so no block can follow. The stores were lost or replaced by older ones"
    )]
    StoresLost {
        /// Where the store ends that is furthest ahead.
        height: Height,
        /// Validators that may not sign there.
        silent: usize,
        /// Validators in all.
        validators: usize,
    },
    /// The scheduler failed.
    #[error("the scheduler failed")]
    Scheduler(#[source] SchedulerError),
    /// It did not become ready.
    #[error("the network did not become ready within {seconds} s")]
    NotReady {
        /// How long was waited.
        seconds: u64,
    },
}
