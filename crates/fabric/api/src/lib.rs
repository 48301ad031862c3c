//! What gateway, node, scheduler and worker say to each other. Every message is a value with a canonical encoding, so that it makes no difference
//! whether both ends are in one process.
//!
//! | module | what it holds |
//! |---|---|
//! | [`query`] | [`Query`] and [`Answer`]: everything that can be asked, each question with its type of answer |
//! | [`command`] | [`Command`] and [`Done`]: everything that a node can be told to do |
//! | [`node`] | [`Node`]: whoever answers, and [`Asking`], by which one asks |
//! | [`news`] | blocks, verdicts on transactions, leases: what those are told who follow the ledger |
//! | [`wire`] | [`Message`]: all of these as bytes, with a version |
//! | [`until`] | [`Until`]: when a submission is answered |
//! | [`http`] | what a gateway's clients send and get in JSON |
//! | [`code`] | the codes of refusals |
//! | [`signed`] | how a request to a gateway is signed |
//! | [`view`] | accounts, workers, models, jobs, blocks and the network as they are shown |
//! | [`refusal`] | [`Refusal`]: why nobody serves a job, and what would help |
//! | [`mod@transport`] | messages over a stream: a node elsewhere, and one that answers from here |
//! | [`client`] | [`Client`]: in whose name something is kept |
//! | [`error`] | [`NodeError`]: why there is no answer |
//!
//! No closure, channel or reference is part of a message, and no message is of more than one version.
//!
//! Dependency position: the bottom of the fabric, above the ledger's state and its receipts.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod client;
pub mod code;
pub mod command;
pub mod error;
pub mod http;
pub mod news;
pub mod node;
pub mod query;
pub mod refusal;
pub mod signed;
pub mod transport;
pub mod until;
pub mod view;
pub mod wire;

pub use client::Client;
pub use command::{Command, Done, Fate, UploadId, UploadKind};
pub use error::NodeError;
pub use news::{BlockNews, Grant, Turned, TxNews, Verdict};
pub use node::{Asking, Node};
pub use query::{Answer, Query, Question, ask};
pub use refusal::{Predicate, Refusal, Relaxation};
pub use until::Until;
pub use view::{
    AccountView, BlockView, JobView, Latency, ModelView, Offered, Standing, Status, StoredModel, WorkerView,
};
pub use wire::{Message, WIRE_VERSION};
