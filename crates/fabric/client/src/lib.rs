//! A client of a network: it publishes, asks for a price, orders, waits, and takes the receipt. The command line is one, and so is a bench.
//!
//! | module | what it holds |
//! |---|---|
//! | [`buyer`] | [`Buyer`]: from a wish to the receipt |
//! | [`wish`] | [`Wish`] and what comes of it: [`Published`], [`Registration`], [`End`] |
//! | [`gateway`] | [`Client`]: typed questions to a gateway over HTTP |
//! | [`mod@errand`] | [`Errand`]: when an action is signed, and when it is signed anew |
//! | [`store`] | what is remembered and who takes turns: [`Orders`] and [`Turns`], handed in |
//! | [`files`] | both of them in files |
//! | [`purse`] | [`Purse`]: the key that pays |
//! | [`patience`] | [`Patience`]: when to ask again |
//! | [`progress`] | [`Progress`]: what is worth telling somebody who waits |
//! | [`error`] | [`ClientError`] |
//!
//! No word here is a command line's, and nothing reads a flag, an environment or a home directory.
//!
//! Dependency position: above `ciro-api` and the prover; below apps.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

pub mod buyer;
pub mod errand;
pub mod error;
pub mod files;
pub mod gateway;
pub mod patience;
pub mod progress;
pub mod purse;
pub mod store;
pub mod wish;

pub use buyer::Buyer;
pub use errand::{Answer, Ask, Errand};
pub use error::ClientError;
pub use files::{FileOrders, FileTurns};
pub use gateway::Client;
pub use patience::{Patience, pause_after};
pub use progress::{Progress, Watch};
pub use purse::Purse;
pub use store::{Held, Orders, Resumed, Turn, Turns, Verdict};
pub use wish::{End, Published, Registration, Wish};
