//! HTTP/JSON and an event stream in front of a validator. Holds no state: every answer is the validator's.
//!
//! | module | what it holds |
//! |---|---|
//! | [`node`] | [`Node`]: what the gateway asks of the process it runs in |
//! | [`mod@routes`] | the one list of routes, and the router made from it |
//! | [`read`] | accounts, workers, jobs, blocks, models, receipts, status |
//! | [`mod@write`] | transactions, jobs, models, inputs |
//! | [`quote`] | what each rung of the assurance ladder costs and is worth |
//! | [`events`] | committed events as a stream, from any position |
//! | [`errand`] | a client's half of a submission: when its action is signed, and when it is signed anew |
//! | [`error`] | [`ApiError`]: code, message, hint |
//!
//! The schema is `api/openapi.json`; a test holds it against the list of routes. Whatever moves value is signed by its
//! client before it comes here, so the gateway needs no trust and no login; it listens on loopback.
//!
//! Dependency position: above `ciro-state` and `ciro-scheduler`; below `ciro-network`.
#![forbid(unsafe_code)]

pub mod errand;
pub mod error;
pub mod events;
pub mod node;
pub mod quote;
pub mod read;
pub mod routes;
pub mod write;

pub use errand::{Answer, Ask, Errand};
pub use error::ApiError;
pub use node::{BlockView, Node, NodeError, Status, StoredModel, Until};
pub use quote::{Quote, Rung};
pub use read::{AccountView, JobView, ModelView, WorkerView};
pub use routes::{router, routes, serve};
pub use write::{SubmittedJob, SubmittedTx, TxRequest};
