//! Who asks, and in which transaction.

use ciro_types::{AccountId, TxId};

/// Who asks, and in which transaction.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) sender: AccountId,
    pub(crate) tx: TxId,
}
