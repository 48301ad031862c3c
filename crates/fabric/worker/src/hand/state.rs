//! What a hand begins with, and its standing offer.

use ciro_node::Outbox;
use ciro_state::{Action, Facts, Job, Params, State, WorkerAction};
use ciro_types::{AccountId, Amount, ChainId, Height, JobId, Nonce, Offer};

/// What a worker must know of the ledger to begin. Plain data, wherever it is read.
#[derive(Clone, Debug)]
pub struct Known {
    /// The network.
    pub chain: ChainId,
    /// The last block applied.
    pub height: Height,
    /// The key that signs leases.
    pub scheduler: AccountId,
    /// The network's fixed numbers.
    pub params: Params,
    /// The next nonce of the worker's account.
    pub nonce: Nonce,
    /// The sequence of its last offer, if it is registered.
    pub offered: Option<u64>,
    /// Open jobs.
    pub open: Vec<(JobId, Job)>,
}

impl Known {
    /// The parts of `state` that the worker of `account` begins with. Cost: linear in jobs.
    #[must_use]
    pub fn of(state: &State, account: AccountId) -> Self {
        let open = state.jobs().filter(|(_, job)| job.is_open());
        Self {
            chain: state.chain(),
            height: state.height(),
            scheduler: state.scheduler(),
            params: state.params().clone(),
            nonce: state.account(&account).nonce,
            offered: state.worker(&account).map(|worker| worker.offer_sequence),
            open: open.map(|(id, job)| (*id, job.clone())).collect(),
        }
    }
}

/// What a worker offers and puts at risk.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Its offer: worker, sequence and expiry are filled in when it is published.
    pub offer: Offer,
    /// Its stake, if it has to register.
    pub stake: Amount,
}

/// The offer that stands, and for how long the ledger lets it.
#[derive(Debug)]
pub(super) struct Standing {
    offer: Offer,
    max_offer_blocks: u64,
}

impl Standing {
    /// Registers if the ledger does not know the worker of `account`, and publishes its offer.
    pub(super) fn enter(terms: Terms, account: AccountId, known: &Known, outbox: &mut Outbox) -> Self {
        if known.offered.is_none() {
            outbox.push(None, Action::Worker(WorkerAction::Register { stake: terms.stake }));
        }
        let offer = Offer { worker: account, sequence: known.offered.unwrap_or(0), ..terms.offer };
        let mut standing = Self { offer, max_offer_blocks: known.params.max_offer_blocks };
        standing.renew(known.height, outbox);
        standing
    }

    /// Renews an offer half of whose time has passed.
    pub(super) fn on_height(&mut self, now: Height, outbox: &mut Outbox) {
        if self.offer.expires.0 < now.0.saturating_add(self.max_offer_blocks / 2) {
            self.renew(now, outbox);
        }
    }

    /// Publishes the offer for as long as the ledger lets it stand.
    fn renew(&mut self, now: Height, outbox: &mut Outbox) {
        self.offer.sequence += 1;
        // One below the limit: the transaction may be executed a block later than it is made, never earlier.
        self.offer.expires = now.plus(self.max_offer_blocks.max(2) - 1);
        outbox.push(None, Action::Worker(WorkerAction::PublishOffer { offer: self.offer.clone() }));
    }
}
