//! HTTP/JSON and an event stream in front of a validator. Holds no truth: every answer is the validator's.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@routes`] | the one list of routes, and the router made from it |
//! | [`read`] | accounts, workers, jobs, blocks, models, receipts, status |
//! | [`mod@write`] | transactions, jobs, models, inputs |
//! | [`quote`] | what each rung of the assurance ladder costs and is worth |
//! | [`events`] | committed events as a stream, from any position |
//! | [`submission`] | the gateway's half: what a node is asked about a transaction, and what its client is told |
//! | [`error`] | [`ApiError`]: what a client is told when something is refused |
//! | [`limits`] | [`Limits`]: what a client may take, every number |
//! | [`caller`] | who sends a request: an address, or an account that signed it |
//! | [`budget`] | what each client may ask for per second |
//! | `guard` | names, origins, content types, signatures, budgets: before any handler |
//! | `upload` | an upload on its way into the node |
//! | `body` | bodies within a length, a pace and a budget |
//! | `shares` | places that clients hold for a while |
//! | `hall`, `server` | connections: who gets a place, and who leaves |
//! | [`gateway`] | [`Settings`], and what all handlers share |
//!
//! The schema is `api/openapi.json`; a test holds it against the list of routes. Whatever moves value is signed by its
//! client before it comes here, so the gateway needs no trust and no login; it listens on loopback. Who signs requests as well
//! has budgets of its own and may read its own receipts.
//!
//! Dependency position: above `ciro-api`, whose messages are all that it says to a node; below apps.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod body;
pub mod budget;
pub mod caller;
pub mod error;
pub mod events;
pub mod gateway;
mod guard;
mod hall;
pub mod limits;
mod pace;
pub mod quote;
pub mod read;
mod rooms;
pub mod routes;
mod server;
mod shares;
pub mod submission;
mod upload;
pub mod write;

pub use error::ApiError;
pub use gateway::Settings;
pub use limits::Limits;
pub use routes::{router, routes};
pub use server::serve;
pub use submission::{Begun, Submission, Told, settle};
