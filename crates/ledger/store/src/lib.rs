//! What a validator keeps: decided blocks with their certificates, what they did, and the authenticated state.
//!
//! | module | what it holds |
//! |---|---|
//! | [`store`] | [`Store`]: open, the one write per block, and every read |
//! | [`tree`] | the authenticated key-value tree over two tables, with the pruning of stale nodes |
//! | [`proof`] | [`StateProof`]: a row, or its absence, shown to a stranger who knows only the state root |
//! | [`backend`] | the database on a simulated disk |
//! | [`error`] | why the store must stop |
//!
//! A block is written in one transaction: block, certificate, journal, index, rows, tree nodes, and the removal of nodes
//! that no kept version needs. After a crash the store is at some block boundary, never between two.
//!
//! Dependency position: above `ciro-state` and the types of `ciro-consensus`; below the engine.
#![forbid(unsafe_code)]

pub mod backend;
pub mod error;
pub mod proof;
pub mod store;
pub mod tree;

pub use backend::MemoryBackend;
pub use error::StoreError;
pub use proof::{StateProof, StateProofError};
pub use store::{Journal, KeyValue, Store, TxRecord};
