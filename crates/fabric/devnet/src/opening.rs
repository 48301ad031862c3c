//! Opening the validators of a data directory: each from its own disk, or from a peer's where its own is damaged.
//!
//! A store may be damaged, or so far behind that nobody keeps the blocks it lacks. It is set aside as `store.damaged`
//! and made anew from the intact peer that is furthest ahead. Without such a peer the network does not start.

use crate::error::NetworkError;
use crate::options::Options;
use ciro_crypto::Keypair;
use ciro_node::alarm::{Notice, Notify, SUSPECT, words};
use ciro_node::layout::Layout;
use ciro_node::validator::{Files, store_path};
use ciro_receipt::ProofVerifier;
use ciro_state::Genesis;
use ciro_store::StoreError;
use ciro_types::{AccountId, Height, chain};
use ciro_validator::{
    Config, Effect, Limits, Machine as _, Resident, Store, Timeouts, ValidatorError, VerifiedTxs, repair,
};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Transactions whose check each validator remembers until they are in a block.
const VERIFIED_TXS: usize = 16_384;
const VERIFIED_BYTES: usize = 16 << 20;

/// A validator that is open and not running yet.
pub(crate) struct Opened {
    pub(crate) validator: Resident<Files>,
    pub(crate) first: Vec<Effect>,
}

impl Opened {
    fn store(&self) -> &Arc<Store> {
        self.validator.validator().ledger().store()
    }

    fn height(&self) -> Height {
        self.validator.state().height()
    }
}

/// What is needed to open any of the validators.
struct Opening<'a> {
    layout: &'a Layout,
    genesis: &'a Genesis,
    options: Options,
    notify: &'a Notify,
}

/// Opens the validators of `keys`, in order.
pub(crate) fn open_validators(
    layout: &Layout,
    genesis: &Genesis,
    keys: &[Keypair],
    options: Options,
    notify: &Notify,
) -> Result<Vec<Opened>, NetworkError> {
    let opening = Opening { layout, genesis, options, notify };
    let mut found = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        found.push(opening.open(number, key)?);
    }
    let Some(best) = found.iter().flatten().max_by_key(|opened| opened.height()) else {
        return Err(opening.hopeless(found));
    };
    let (peer, ahead) = (Arc::clone(best.store()), best.height());
    let voters = best.validator.validator().state().voters();
    let oldest = if ahead == Height(0) { Ok(ahead) } else { peer.oldest() };
    let oldest = oldest.map_err(|e| NetworkError::Validator { number: 0, source: ValidatorError::Store(e) })?;
    let numbered = found.into_iter().zip(keys).enumerate();
    let settle = |(number, (found, key))| opening.settle(number, key, found, (&peer, oldest));
    let opened = numbered.map(settle).collect::<Result<Vec<_>, _>>()?;
    check_voices(&opened, &voters, ahead)?;
    Ok(opened)
}

/// Refuses stores behind which so many of the `voters` have signed that nothing can be decided. Those that lag behind the best store
/// catch up from it, and count if they may not sign what comes after it either.
fn check_voices(opened: &[Opened], voters: &[(AccountId, u64)], height: Height) -> Result<(), NetworkError> {
    let is_silent = |account: &AccountId| {
        let mut found = opened.iter().map(|opened| opened.validator.validator());
        found.any(|validator| validator.account() == *account && validator.consensus().is_muted_at(height.next()))
    };
    let silent: Vec<_> = voters.iter().filter(|(account, _)| is_silent(account)).copied().collect();
    let power = |voters: &[(AccountId, u64)]| voters.iter().map(|(_, power)| u128::from(*power)).sum::<u128>();
    let (lost, all) = (power(&silent), power(voters));
    if lost * 3 < all {
        return Ok(());
    }
    Err(NetworkError::StoresLost { height, silent: silent.len(), validators: voters.len() })
}

impl Opening<'_> {
    fn directory(&self, number: usize) -> PathBuf {
        self.layout.validator(number)
    }

    /// Opens a validator from its own disk. The inner error is damage.
    fn open(&self, number: usize, key: &Keypair) -> Result<Result<Opened, ValidatorError>, NetworkError> {
        let directory = self.directory(number);
        let io_error = |source| NetworkError::Io { what: "a validator's directory", source };
        std::fs::create_dir_all(&directory).map_err(io_error)?;
        // The database library may panic over pages that it has not written so.
        let opened = catch_unwind(AssertUnwindSafe(|| self.try_open(&directory, key)));
        match opened.unwrap_or_else(|panic| Err(ValidatorError::Store(unreadable(panic.as_ref())))) {
            Ok(opened) => Ok(Ok(opened)),
            Err(error) if error.is_damage() => Ok(Err(error)),
            Err(source) => Err(NetworkError::Validator { number, source }),
        }
    }

    fn try_open(&self, directory: &Path, key: &Keypair) -> Result<Opened, ValidatorError> {
        let files = Files::open(directory, self.options.retention)?;
        let mark = directory.join(SUSPECT);
        if mark.exists() {
            files.store().check_all().map_err(ValidatorError::Store)?;
        }
        let (validator, first) = Resident::open(self.config(key), files, 0)?;
        // Left behind, it costs the next start a longer look.
        let _ = std::fs::remove_file(mark);
        Ok(Opened { validator, first })
    }

    fn config(&self, key: &Keypair) -> Config {
        Config {
            genesis: self.genesis.clone(),
            key: Keypair::from_seed(key.seed()),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            // Each validator verifies every proof and signature itself, as it would on a machine of its own.
            proofs: Arc::new(ProofVerifier::default()),
            verified: Arc::new(VerifiedTxs::new(VERIFIED_TXS, VERIFIED_BYTES)),
        }
    }

    /// Keeps a validator that can go on from where it is, and repairs one that cannot.
    fn settle(
        &self,
        number: usize,
        key: &Keypair,
        found: Result<Opened, ValidatorError>,
        (peer, oldest): (&Arc<Store>, Height),
    ) -> Result<Opened, NetworkError> {
        let reason = match found {
            Ok(opened) if opened.height().next() >= oldest => return Ok(opened),
            Ok(opened) => chain(&ValidatorError::Stranded { height: opened.height().next(), oldest }),
            Err(damage) => chain(&damage),
        };
        self.repair(number, peer)?;
        (self.notify)(Notice::Repaired { validator: number, reason });
        self.open(number, key)?.map_err(|source| NetworkError::Validator { number, source })
    }

    fn repair(&self, number: usize, peer: &Store) -> Result<(), NetworkError> {
        let directory = self.directory(number);
        let path = store_path(&directory);
        let io_error = |source| NetworkError::Io { what: "a validator's store", source };
        std::fs::rename(&path, directory.join("store.damaged")).map_err(io_error)?;
        match std::fs::remove_file(directory.join(SUSPECT)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io_error(e)),
            Ok(()) | Err(_) => {}
        }
        let failed = |source| NetworkError::Validator { number, source };
        let files = Files::open(&directory, self.options.retention).map_err(failed)?;
        repair(&files.store(), peer, self.genesis).map_err(|source| NetworkError::Repair { number, source })?;
        Ok(())
    }

    /// Nobody is intact. The first damage stands for all.
    fn hopeless(&self, found: Vec<Result<Opened, ValidatorError>>) -> NetworkError {
        let mut damage = Vec::new();
        for (number, found) in found.into_iter().enumerate() {
            damage.extend(found.err().map(|source| NetworkError::Validator { number, source }));
        }
        damage.into_iter().next().unwrap_or(NetworkError::OtherKeys)
    }
}

/// A panic over a file that cannot be read as what it is.
fn unreadable(panic: &(dyn Any + Send)) -> StoreError {
    StoreError::Damaged { table: "file", key: "all".into(), expected: "pages of a database".into(), got: words(panic) }
}
