//! Who asks, and in which transaction.

use ciro_types::{AccountId, TxId};

/// Who asks, and in which transaction.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) sender: AccountId,
    pub(super) tx: TxId,
}
