//! Looks at a validator's committed state: each is a question, and where its answer goes. No other thread sees the state itself.

use ciro_api::view::stake_at_risk;
use ciro_api::{AccountView, ModelView, Standing, WorkerView};
use ciro_state::{Facts, Job, Model, State};
use ciro_types::{AccountId, Amount, Assurance, ChainId, JobId, ModelId, Nonce};
use std::collections::BTreeSet;
use std::sync::mpsc::Sender;

/// How many take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// The network.
    pub chain: ChainId,
    /// Validators that vote.
    pub voters: u64,
    /// Workers with a standing offer.
    pub offers: u64,
}

/// What the ledger refers to, as names of blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referred {
    /// Inputs of open jobs.
    pub inputs: BTreeSet<String>,
    /// Models of jobs that are open or ended lately.
    pub models: BTreeSet<String>,
}

/// A question to the state.
#[derive(Debug)]
pub enum Look {
    /// Who takes part.
    Census {
        /// Where the answer goes, as in all of these.
        reply: Sender<Census>,
    },
    /// What an account that signs requests owns.
    Standing {
        /// Whose.
        account: AccountId,
        /// See above.
        reply: Sender<Standing>,
    },
    /// An account, with the nonce of its next transaction.
    Account {
        /// Which.
        account: AccountId,
        /// See above.
        reply: Sender<AccountView>,
    },
    /// All workers.
    Workers {
        /// See above.
        reply: Sender<Vec<WorkerView>>,
    },
    /// A registered model.
    Model {
        /// Which.
        model: ModelId,
        /// Whether its bytes are here.
        is_stored: bool,
        /// See above.
        reply: Sender<Option<ModelView>>,
    },
    /// The row of a registered model, its program included.
    Program {
        /// Which.
        model: ModelId,
        /// See above.
        reply: Sender<Option<Model>>,
    },
    /// A job.
    Job {
        /// Which.
        job: JobId,
        /// See above.
        reply: Sender<Option<Job>>,
    },
    /// What somebody would lose who made a wrong answer pass.
    StakeAtRisk {
        /// At which rung.
        assurance: Assurance,
        /// Who would answer.
        workers: Vec<AccountId>,
        /// See above.
        reply: Sender<Amount>,
    },
    /// What must be kept of models and inputs.
    Referred {
        /// See above.
        reply: Sender<Referred>,
    },
}

impl Look {
    /// Answers from `state`; `next_nonce` counts transactions that wait as well.
    pub(crate) fn answer(self, state: &State, next_nonce: impl FnOnce(&AccountId) -> Nonce) {
        match self {
            Self::Census { reply } => tell(&reply, census(state)),
            Self::Standing { account, reply } => tell(&reply, Standing::of(state, account)),
            Self::Account { account, reply } => {
                tell(&reply, AccountView::of(state, account, next_nonce(&account)));
            }
            Self::Workers { reply } => tell(&reply, WorkerView::all(state)),
            Self::Model { model, is_stored, reply } => tell(&reply, ModelView::of(state, model, is_stored)),
            Self::Program { model, reply } => tell(&reply, state.model(&model).cloned()),
            Self::Job { job, reply } => tell(&reply, state.job(&job).cloned()),
            Self::StakeAtRisk { assurance, workers, reply } => {
                tell(&reply, stake_at_risk(state, assurance, &workers));
            }
            Self::Referred { reply } => tell(&reply, referred(state)),
        }
    }
}

/// Who stopped waiting needs no answer.
fn tell<T>(reply: &Sender<T>, answer: T) {
    let _ = reply.send(answer);
}

fn census(state: &State) -> Census {
    let (voters, offers) = (state.voters().len() as u64, state.offers().count() as u64);
    Census { chain: state.chain(), voters, offers }
}

fn referred(state: &State) -> Referred {
    let open = state.jobs().filter(|(_, job)| job.is_open());
    Referred {
        inputs: open.map(|(_, job)| job.spec.input.to_string()).collect(),
        models: state.jobs().map(|(_, job)| job.spec.model.to_string()).collect(),
    }
}
