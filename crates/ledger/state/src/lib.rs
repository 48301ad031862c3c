//! The ledger's state machine: signed transactions in, effects out. No I/O, clock, float, randomness or unordered map.
//!
//! Two phases. [`check_stateless`] looks at one transaction alone: signature, sizes, input, proof. It may run early
//! and in parallel, and its verdict may be kept. [`apply_block`] takes the fees of a whole block first and then
//! executes, in order. A transaction that is refused in either leaves nothing behind but its fee and its spent nonce.
//!
//! | module | what it holds |
//! |---|---|
//! | [`action`] | what can be asked, by component |
//! | [`component`] | accounts, models, workers, jobs, validators: rows, actions, rules, what they do, what must hold |
//! | [`tx`] | what accounts sign |
//! | [`check`] | the stateless phase, and the traits by which proofs and evidence are judged |
//! | [`lane`], [`inclusion`] | what a block may hold: who pays, in which order, and which part of it who may fill |
//! | [`admission`] | what is not worth a place in a pool |
//! | [`block`] | the ordered phase of a whole block |
//! | [`effects`], [`outcome`] | what follows from a block, and from a transaction |
//! | `exec` | one transaction, all or nothing; taking stake; the sweep of what is due |
//! | [`money`], [`fees`], [`slash`] | pots and totals; the protocol fee and its phases; offences and their price |
//! | [`receipt`], [`merkle`] | settlement records and the path that shows one to a stranger |
//! | [`event`], [`error`] | what happened; why a transaction was refused |
//! | [`genesis`], [`params`] | the first state and the numbers a network chooses |
//! | [`state`], `table`, `due` | the rows in memory, undo and change tracking, what happens by itself at which height |
//! | [`keys`], [`snapshot`] | the rows in the store: keys, writes per block, restart |
//! | [`audit`] | every invariant, recomputed from the rows |
//!
//! Dependency position: above `ciro-types` and `ciro-crypto`; below consensus' host, which injects proof and evidence
//! checks, and below everything that submits transactions or follows events.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod action;
pub mod admission;
pub mod audit;
pub mod block;
pub mod check;
pub mod component;
mod due;
pub mod effects;
pub mod error;
pub mod event;
mod exec;
pub mod fees;
pub mod genesis;
pub mod inclusion;
pub mod keys;
pub mod lane;
pub mod merkle;
pub mod money;
pub mod outcome;
pub mod params;
pub mod receipt;
pub mod slash;
pub mod snapshot;
pub mod state;
mod table;
pub mod tx;

pub use action::Action;
pub use audit::AuditError;
pub use block::{BlockContext, BlockError, apply_block};
pub use check::{
    Checked, EvidenceCheck, EvidenceRejection, Facts, ModelCost, Offence, ProofCheck, ProofClaim, ProofContext,
    ProofCost, ProofRejection, check_stateless, screen,
};
pub use ciro_crypto::{job_id, model_id};
pub use component::job::lease::{self, Authority, SignedLease};
pub use component::job::{DeclineReason, FailReason, Job, JobAction, JobStatus, RefundReason, Round, Seat};
pub use component::model::{Model, ModelAction};
pub use component::token::{Account, TokenAction};
pub use component::validator::{Validator, ValidatorAction};
pub use component::worker::{Reputation, Unbonding, Worker, WorkerAction};
pub use component::{job, model, worker};
pub use effects::{BlockEffects, Write};
pub use error::TxError;
pub use event::{CommittedEvent, Event, EventPosition};
pub use genesis::{Genesis, GenesisAccount, GenesisError, GenesisValidator};
pub use inclusion::{InclusionError, Item, Manifest, check_reports, manifest};
pub use keys::Key;
pub use lane::{Errand, Lane, Load};
pub use merkle::{MerklePath, PathError, merkle_root};
pub use money::{Pools, Totals};
pub use outcome::Outcome;
pub use params::{Params, ParamsError};
pub use receipt::{Payment, SettlementRecord};
pub use slash::{SlashDestination, SlashReason};
pub use snapshot::RestoreError;
pub use state::{State, Tip};
pub use tx::{SignedTx, TxBody, commitment, input_hash, input_hasher, output_hash};
