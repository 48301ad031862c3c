//! Who takes part, with which keys, on which network.

use crate::model::Shelf;
use ciro_consensus::ValidatorSet;
use ciro_crypto::{Keypair, hash_encoded};
use ciro_scheduler::LeaseLength;
use ciro_state::{Genesis, GenesisAccount, GenesisValidator, Params};
use ciro_types::{AccountId, Amount};
use ciro_validator::Timeouts;
use core::fmt;

/// Validators of the simulated network: one of them may be Byzantine.
pub const VALIDATORS: usize = 4;
/// Clients.
pub const CLIENTS: usize = 2;
/// What each client starts with.
pub const CLIENT_FUNDS: Amount = Amount::ciro(100_000);
/// What each worker starts with.
pub const WORKER_FUNDS: Amount = Amount::ciro(6_000);
/// What the scheduler starts with: it pays for what it reports.
pub const SCHEDULER_FUNDS: Amount = Amount::ciro(100);
/// What each worker stakes: the cover of twenty seats.
pub const STAKE: Amount = Amount::ciro(4_000);
/// Strangers that have money.
pub const FUNDED_STRANGERS: usize = 2;
/// What each of them starts with.
pub const STRANGER_FUNDS: Amount = Amount::ciro(10);
/// What each validator has for fees.
pub const POCKET_MONEY: Amount = Amount::ciro(10);
/// What each validator stakes.
pub const VALIDATOR_STAKE: Amount = Amount::ciro(10_000);
/// What a worker asks that does not mean to earn it.
pub const CHEAP: Amount = Amount::ciro(5);
/// What each other worker asks.
pub const PRICE: Amount = Amount::ciro(10);

/// A machine, or the person at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A validator.
    Validator(usize),
    /// The scheduler and its queue.
    Scheduler,
    /// A worker.
    Worker(usize),
    /// A client.
    Client(usize),
    /// Somebody without any part in the network.
    Stranger(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Validator(n) => write!(f, "validator {n}"),
            Self::Scheduler => write!(f, "scheduler"),
            Self::Worker(n) => write!(f, "worker {n}"),
            Self::Client(n) => write!(f, "client {n}"),
            Self::Stranger(n) => write!(f, "stranger {n}"),
        }
    }
}

impl Place {
    /// Its key.
    #[must_use]
    pub fn key(self) -> Keypair {
        Keypair::from_seed(hash_encoded("ciro/sim/key/v1", &self.to_string()).0)
    }

    /// Its account.
    #[must_use]
    pub fn account(self) -> AccountId {
        self.key().account()
    }
}

/// Windows small enough that a run of some eighty blocks passes every one of them.
fn params() -> Params {
    Params {
        unstake_delay: 400,
        max_job_blocks: 80,
        max_lease_blocks: 10,
        max_offer_blocks: 100_000,
        open_window: 8,
        reveal_window: 5,
        retention_blocks: 20,
        blocks_per_month: 10,
        ..Params::with_block_ms(1_000)
    }
}

/// Three blocks, were it not for the model: on it, six.
#[must_use]
pub fn leases() -> LeaseLength {
    LeaseLength { least: 3, most: u64::MAX, work_per_least: Shelf::shared().work }
}

/// Phase waits that suit a network with delays of some twenty milliseconds.
#[must_use]
pub fn timeouts() -> Timeouts {
    Timeouts {
        propose_ms: 250,
        propose_step_ms: 150,
        vote_ms: 100,
        vote_step_ms: 50,
        rebroadcast_ms: 400,
        max_ms: 2_000,
        idle_ms: 250,
        sync_ms: 80,
        pace_ms: 60,
        pace_slack_ms: 240,
    }
}

/// The network with this many workers.
#[must_use]
pub fn genesis(workers: usize) -> Genesis {
    let validator = |n| GenesisValidator { account: Place::Validator(n).account(), stake: VALIDATOR_STAKE };
    let funded = |place: Place, balance| GenesisAccount { account: place.account(), balance };
    let clients = (0..CLIENTS).map(|n| funded(Place::Client(n), CLIENT_FUNDS));
    let workers = (0..workers).map(|n| funded(Place::Worker(n), WORKER_FUNDS));
    let validators = (0..VALIDATORS).map(|n| funded(Place::Validator(n), POCKET_MONEY));
    let strangers = (0..FUNDED_STRANGERS).map(|n| funded(Place::Stranger(n), STRANGER_FUNDS));
    Genesis {
        network: "simulated".into(),
        params: params(),
        scheduler: Place::Scheduler.account(),
        validators: (0..VALIDATORS).map(validator).collect(),
        accounts: clients
            .chain(workers)
            .chain(validators)
            .chain(strangers)
            .chain([funded(Place::Scheduler, SCHEDULER_FUNDS)])
            .collect(),
    }
}

/// The set that decides, for a light client.
///
/// # Panics
/// Never: the stakes above are votes.
#[must_use]
pub fn validator_set(genesis: &Genesis) -> ValidatorSet {
    let members = genesis.validators.iter();
    let members = members.filter_map(|v| ciro_consensus::Validator::of_stake(v.account, v.stake)).collect();
    ValidatorSet::new(members).expect("four validators with stake")
}
