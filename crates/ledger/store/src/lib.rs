//! What a validator keeps: decided blocks with their certificates, what they did, and the authenticated state.
//!
//! | module | what it holds |
//! |---|---|
//! | [`store`] | [`Store`]: open, the one write per block, and every read |
//! | [`history`] | blocks, outcomes, events and settlement records; how long they are kept |
//! | [`tree`] | the authenticated key-value tree over two tables, with the pruning of stale nodes |
//! | [`proof`] | [`StateProof`]: a row, or its absence, shown to a stranger who knows only the state root |
//! | [`check`] | whether the store holds what was written, and a peer's store standing in for one that does not |
//! | `tables` | the tables, and the seal on each row outside the tree |
//! | `disk` | the open database, and how it is opened again after the disk failed a write |
//! | [`backend`] | the database on a simulated disk |
//! | [`error`] | why the store must stop, or cannot answer |
//!
//! A block is written in one transaction: block, certificate, journal, index, rows, tree nodes, and the removal of nodes
//! that no kept version needs. After a crash the store is at some block boundary, never between two.
//!
//! Nothing is served that is not what was written. The state is walked from its root at the start, every other row is
//! sealed, and blocks are named by the blocks above them.
//!
//! Dependency position: above `ciro-state` and the types of `ciro-consensus`; below the validator.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod backend;
pub mod check;
mod disk;
pub mod error;
pub mod history;
pub mod proof;
pub mod store;
mod tables;
pub mod tree;

pub use backend::MemoryBackend;
pub use error::{StoreError, is_full};
pub use history::{Journal, Retention, TxRecord};
pub use proof::{StateProof, StateProofError};
pub use store::Store;
pub use tables::KeyValue;
