//! The key that pays, shared by every command that runs on the same data directory.

use crate::error::CliError;
use crate::home;
use ciro_crypto::Keypair;
use ciro_node::Layout;
use std::fs::{File, OpenOptions};
use std::path::Path;

/// A wallet in use.
pub(crate) struct Purse {
    key: Keypair,
    home: Layout,
}

impl Purse {
    /// Reads the wallet of a data directory.
    pub(crate) fn open(home: &Layout) -> Result<Self, CliError> {
        Ok(Self { key: home::load_wallet(home)?, home: home.clone() })
    }

    /// The key.
    pub(crate) const fn key(&self) -> &Keypair {
        &self.key
    }

    /// Waits for this command's turn to sign: from the question for a nonce until the transaction holds it. Commands that
    /// take turns do not take each other's nonce.
    pub(crate) fn turn(&self) -> Option<File> {
        hold(&self.home.wallet_lock())
    }

    /// Waits for this command's turn to publish a model, so that many that start together publish it once.
    pub(crate) fn publishing(&self) -> Option<File> {
        hold(&self.home.publish_lock())
    }
}

/// Holds the lock of a file until the file is dropped or the process ends. Where files cannot be locked there are no turns: commands
/// then meet at the network, which refuses all but one, and the others try again.
fn hold(path: &Path) -> Option<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
    file.lock().ok()?;
    Some(file)
}
