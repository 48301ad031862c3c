//! The transport, as a validator needs it.

use ciro_types::AccountId;

/// Carries encoded messages between validators.
///
/// Contract: messages may be lost, delayed, duplicated and reordered, and both calls return at once whatever the network
/// does. A message is delivered whole or not at all, as [`crate::Input::Bytes`] whose `from` the transport has
/// authenticated as the sender's account. Nothing is delivered to the sender itself.
pub trait Net {
    /// Sends to one validator. An unknown one is ignored.
    fn send(&self, to: AccountId, bytes: &[u8]);

    /// Sends to every other validator.
    fn broadcast(&self, bytes: &[u8]);
}
