//! The one call and the small program, on receipts as they are and as nobody should make them.

mod bulky;
mod verify;
