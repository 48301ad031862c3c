//! A client's half of a submission: when its action is signed, and when it is signed anew.
//!
//! ```text
//! unsigned ──account──► signed ──until it waits──► following ──until it is committed──► done
//!     ▲                    │                          │
//!     └── its nonce is taken, and it waits nowhere ◄──┴── its nonce is used up by another
//! ```
//!
//! Many clients may share an account. Between the question for a nonce and the moment a transaction holds it, another
//! may take it: then the action is signed anew. From then on a copy travels, and a second one under another nonce
//! could be executed as well. So it is sent as it is, again and again, until the state shows that its nonce is used up
//! without it.
//!
//! A transaction whose client has given it up, or whose validator has lost it, leaves a gap that nothing behind it can pass. Whoever waits
//! behind a gap uses its nonce up with a transfer of one unit to the account itself; everybody's is the same transaction.
//!
//! Owns no connection and no clock: the caller asks what [`Errand::ask`] says, and brings the answer. After one that settles nothing,
//! [`Answer::NonceTaken`] or [`Answer::Unknown`], it waits for [`pause_after`](crate::pause_after) before it asks again.

mod actor;
mod mailbox;
mod state;

pub use actor::Errand;
pub use mailbox::{Answer, Ask};
