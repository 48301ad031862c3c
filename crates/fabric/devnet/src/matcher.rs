//! The scheduler and the account from which it reports.

use ciro_crypto::Keypair;
use ciro_engine::{Committed, Store};
use ciro_node::outbox::Outbox;
use ciro_queue::{EmbeddedStore, Mark};
use ciro_scheduler::{Config, Effect, LeaseLength, Ledger, Reach, Scheduler, SchedulerError};
use ciro_state::{Action, Facts, JobAction, SignedLease, State};
use ciro_types::{AccountId, BlockId};

/// See the module's documentation.
pub struct Matcher {
    /// Decides.
    pub scheduler: Scheduler<EmbeddedStore>,
    /// Sends what it reports.
    pub reports: Outbox,
}

impl Matcher {
    /// Starts from the store of `work` and the ledger's `state`, which is kept in `store`. Leases go to those within `reach` only.
    /// Returns the scheduler's words on starting.
    ///
    /// # Errors
    /// If the store of work fails or is damaged.
    pub fn open(
        key: &Keypair,
        leases: LeaseLength,
        reach: Reach,
        work: EmbeddedStore,
        state: &State,
        store: &Store,
    ) -> Result<(Self, Vec<Effect>), SchedulerError> {
        let config = Config {
            chain: state.chain(),
            key: Keypair::from_seed(key.seed()),
            fee: state.params().fee,
            leases: LeaseLength { most: leases.most.min(state.params().max_lease_blocks), ..leases },
            reach,
        };
        // A store that cannot be read fails its validator, which says so.
        let last = store.block(state.height()).ok().flatten().map_or(BlockId::ZERO, |block| block.id());
        let (scheduler, first) = Scheduler::restore(config, work, Ledger::of(state, last))?;
        let account: AccountId = key.account();
        let key = Keypair::from_seed(key.seed());
        let reports = Outbox::new(state.chain(), key, state.account(&account).nonce, state.height());
        Ok((Self { scheduler, reports }, first))
    }

    /// Takes in a block. Returns the scheduler's words.
    pub(crate) fn on_committed(&mut self, committed: &Committed) -> Result<Vec<Effect>, SchedulerError> {
        // Accepted or refused: nobody waits for the job that a report is about.
        self.reports.on_committed(committed);
        self.scheduler.on_block(Mark { height: committed.header.height, block: committed.id }, &committed.events)
    }

    /// Tells the ledger that a lease ran out unused.
    pub(crate) fn report(&mut self, lease: SignedLease) {
        self.reports.push(None, Action::Job(JobAction::ReportTimeout { lease }));
    }
}
