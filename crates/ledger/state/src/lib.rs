//! The ledger's state machine: signed transactions in, effects out. No I/O, clock, float, randomness or unordered map.
#![forbid(unsafe_code)]

pub mod block;
pub mod check;
pub mod error;
pub mod event;
pub mod genesis;
pub mod job;
pub mod lease;
pub mod model;
pub mod params;
pub mod receipt;
pub mod slash;
pub mod tx;
pub mod validator;
pub mod worker;

pub use block::{BlockContext, BlockEffects, BlockError, Outcome, Write};
pub use check::{
    Checked, EvidenceCheck, EvidenceRejection, Facts, Offence, ProofCheck, ProofClaim, ProofContext, ProofRejection,
    check_stateless,
};
pub use error::TxError;
pub use event::{CommittedEvent, Event, EventPosition};
pub use genesis::{Genesis, GenesisAccount, GenesisError, GenesisValidator};
pub use job::{DeclineReason, FailReason, Job, JobStatus, RefundReason, Round, Seat};
pub use lease::{Authority, SignedLease};
pub use model::Model;
pub use params::{Params, ParamsError};
pub use receipt::{Payment, SettlementRecord};
pub use slash::{SlashDestination, SlashReason};
pub use tx::{Action, SignedTx, TxBody, commitment, input_hash, job_id, model_id, output_hash};
pub use validator::Validator;
pub use worker::{Reputation, Unbonding, Worker};
