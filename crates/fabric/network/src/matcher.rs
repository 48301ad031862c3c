//! The scheduler and the account from which it reports.

use crate::outbox::Outbox;
use ciro_crypto::Keypair;
use ciro_engine::{Committed, Store, query};
use ciro_queue::{EmbeddedLog, JobLog as _};
use ciro_scheduler::{Config, Effect, LeaseLength, Ledger, Reach, Scheduler, SchedulerError};
use ciro_state::{Action, EventPosition, Facts, SignedLease, State};
use ciro_types::AccountId;

/// Events that are read from the store at once.
const PAGE: usize = 1_024;

/// See the module's documentation.
pub struct Matcher {
    /// Decides.
    pub scheduler: Scheduler<EmbeddedLog>,
    /// Sends what it reports.
    pub reports: Outbox,
}

impl Matcher {
    /// Starts from the job log and the ledger's `state`, and completes the log from the `store` with what was committed while nobody
    /// listened. Leases go to those within `reach` only. Returns the scheduler's words on starting.
    ///
    /// # Errors
    /// If the log fails or is damaged.
    pub fn open(
        key: &Keypair,
        leases: LeaseLength,
        reach: Reach,
        log: EmbeddedLog,
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
        let head = log.head()?;
        let (mut scheduler, first) = Scheduler::restore(config, log, Ledger::of(state))?;
        let after = head.map(|head| EventPosition { height: head.height, index: head.index });
        catch_up(&mut scheduler, store, after)?;
        let account: AccountId = key.account();
        let key = Keypair::from_seed(key.seed());
        let reports = Outbox::new(state.chain(), key, state.account(&account).nonce, state.height());
        Ok((Self { scheduler, reports }, first))
    }

    /// Takes in a block. Returns the scheduler's words.
    pub(crate) fn on_committed(&mut self, committed: &Committed) -> Result<Vec<Effect>, SchedulerError> {
        // Accepted or refused: nobody waits for the job that a report is about.
        self.reports.on_committed(committed);
        self.scheduler.on_block(committed.header.height, &committed.events)
    }

    /// Tells the ledger that a lease ran out unused.
    pub(crate) fn report(&mut self, lease: SignedLease) {
        self.reports.push(None, Action::ReportTimeout { lease });
    }
}

/// Feeds the log the events that were committed while it was not listening.
fn catch_up(
    scheduler: &mut Scheduler<EmbeddedLog>,
    store: &Store,
    mut after: Option<EventPosition>,
) -> Result<(), SchedulerError> {
    // A store that cannot be read fails its validator, which says so; the log may have gaps, the ledger has none.
    while let Ok(events) = query::events_after(store, after, PAGE) {
        let Some(last) = events.last().map(|event| event.position) else { break };
        let height = scheduler.height();
        scheduler.on_block(last.height.min(height), &events)?;
        after = Some(last);
    }
    Ok(())
}
