//! The founding of a local network: keys first, the genesis last, so that a crash in between leaves either a whole
//! network or none.

use crate::error::NetworkError;
use ciro_crypto::Keypair;
use ciro_node::durable::{Access, replace};
use ciro_node::keyfile::load_or_create_key;
use ciro_node::layout::Layout;
use ciro_state::{Genesis, GenesisAccount, GenesisValidator, Params};
use ciro_types::{Amount, decode, encode};
use std::io::ErrorKind;

/// Validators of a local network: the fewest that survive one liar.
pub const VALIDATORS: usize = 4;
/// Workers of a local network: two for A2, and one that breaks a tie.
pub const WORKERS: usize = 3;
/// Nominal time between blocks of an idle network, milliseconds.
pub const BLOCK_MS: u64 = 1_000;

const GENESIS_BYTES_MAX: usize = 1 << 20;
const VALIDATOR_STAKE: Amount = Amount::ciro(10_000);
/// Its stake, and enough for the fees of some ten thousand answers. Each answer earns more than it costs.
const WORKER_BALANCE: Amount = Amount::ciro(1_100);
/// What a worker of a local network puts at risk.
pub const WORKER_STAKE: Amount = Amount::ciro(1_000);
/// What the scheduler's reports may cost.
const SCHEDULER_BALANCE: Amount = Amount::ciro(1_000);
const WALLET_BALANCE: Amount = Amount::ciro(1_000_000);

/// The keys of everybody in a local network.
pub struct Members {
    /// In order of number.
    pub validators: Vec<Keypair>,
    /// Signs leases.
    pub scheduler: Keypair,
    /// In order of number.
    pub workers: Vec<Keypair>,
}

/// Reads the network of a data directory, or founds one whose money is in the directory's wallet.
///
/// # Errors
/// [`NetworkError`] if files are unreadable or do not belong together.
pub fn load_or_found(layout: &Layout) -> Result<(Genesis, Members), NetworkError> {
    let members = load_members(layout)?;
    match std::fs::read(layout.genesis()) {
        Ok(bytes) => {
            let genesis: Genesis = decode(&bytes, GENESIS_BYTES_MAX).map_err(NetworkError::Genesis)?;
            check_members(&genesis, &members)?;
            Ok((genesis, members))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok((found(layout, &members)?, members)),
        Err(source) => Err(NetworkError::Io { what: "the genesis", source }),
    }
}

fn load_members(layout: &Layout) -> Result<Members, NetworkError> {
    let load = |name: &str| load_or_create_key(&layout.key(name)).map_err(NetworkError::Key);
    let numbered = |role: &str, count| (0..count).map(|n| load(&format!("{role}-{n}"))).collect::<Result<Vec<_>, _>>();
    Ok(Members {
        validators: numbered("validator", VALIDATORS)?,
        scheduler: load("scheduler")?,
        workers: numbered("worker", WORKERS)?,
    })
}

fn found(layout: &Layout, members: &Members) -> Result<Genesis, NetworkError> {
    let wallet = load_or_create_key(&layout.wallet()).map_err(NetworkError::Key)?;
    let validator = |key: &Keypair| GenesisValidator { account: key.account(), stake: VALIDATOR_STAKE };
    let worker = |key: &Keypair| GenesisAccount { account: key.account(), balance: WORKER_BALANCE };
    let mut accounts = vec![GenesisAccount { account: wallet.account(), balance: WALLET_BALANCE }];
    accounts.extend(members.workers.iter().map(worker));
    accounts.push(GenesisAccount { account: members.scheduler.account(), balance: SCHEDULER_BALANCE });
    let genesis = Genesis {
        network: format!("local-{}", members.scheduler.account().short()),
        params: Params::with_block_ms(BLOCK_MS),
        scheduler: members.scheduler.account(),
        validators: members.validators.iter().map(validator).collect(),
        accounts,
    };
    replace(&layout.genesis(), &encode(&genesis), Access::Shared)
        .map_err(|source| NetworkError::Io { what: "the genesis", source })?;
    Ok(genesis)
}

fn check_members(genesis: &Genesis, members: &Members) -> Result<(), NetworkError> {
    let validators: Vec<_> = genesis.validators.iter().map(|validator| validator.account).collect();
    let ours: Vec<_> = members.validators.iter().map(Keypair::account).collect();
    if validators == ours && genesis.scheduler == members.scheduler.account() {
        Ok(())
    } else {
        Err(NetworkError::OtherKeys)
    }
}
