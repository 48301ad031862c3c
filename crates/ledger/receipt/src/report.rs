//! What a valid receipt shows and what it rests on.

use crate::receipt::ProvenFor;
use crate::sentences::names;
use ciro_auditor::Shown;
use ciro_graph::{Program, RawInput, RawOutput};
use ciro_state::SettlementRecord;
use ciro_types::{AccountId, Assurance, ChainId, JobId, ModelId};
use serde::Serialize;

/// One thing a valid receipt shows, or rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In a few words.
    pub what: &'static str,
    /// The particulars.
    pub detail: String,
}

/// The job that the evidence was made for, whether or not a network has settled it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bound {
    /// The network.
    pub network: ChainId,
    /// The job.
    pub job: JobId,
    /// Who answered: one worker, at A2 at least two.
    pub workers: Vec<AccountId>,
}

impl Bound {
    /// What a proof is bound to; nothing, if it was made for no job.
    #[must_use]
    pub fn of(context: &ProvenFor) -> Option<Self> {
        let ProvenFor { chain, job, worker } = *context;
        (*context != ProvenFor::default()).then(|| Self { network: chain, job, workers: vec![worker] })
    }
}

/// What a valid receipt shows and what it rests on.
#[derive(Clone, Debug)]
pub struct Report {
    /// The model.
    pub model: ModelId,
    /// Its program.
    pub program: Program,
    /// The input as the user gave it, as far as it is shown.
    pub input: Shown<RawInput>,
    /// The output, as far as it is shown.
    pub output: Shown<RawOutput>,
    /// The rung that was checked here.
    pub assurance: Assurance,
    /// The network that the reader named, if any; the settlement is then of that one.
    pub network: Option<ChainId>,
    /// What the evidence was made for. None for a proof that was made for no job.
    pub bound: Option<Bound>,
    /// The ledger's record, if there is one.
    pub record: Option<SettlementRecord>,
    /// What was checked.
    pub shown: Vec<Finding>,
    /// What a reader must accept for the conclusion to hold.
    pub assumptions: Vec<Finding>,
}

impl Report {
    /// Whether a proof shows that the output is the model's: at A4 only.
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        match self.assurance {
            Assurance::A4 => true,
            Assurance::A0 | Assurance::A2 => false,
        }
    }

    /// Whether a network's validators confirm that the job was paid.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.record.is_some()
    }

    /// The verdict in three lines: rung and model, then the settlement, then what the evidence is bound to. No word in it was chosen by a
    /// stranger.
    #[must_use]
    pub fn verdict(&self) -> String {
        format!("valid, {} · model id {}\n{}\n{}", self.worth(), self.model, self.settlement_line(), self.bound_line())
    }

    /// What the answer is worth: whether it is proven, and how.
    #[must_use]
    pub const fn worth(&self) -> &'static str {
        match self.assurance {
            Assurance::A0 => "not proven (A0: signed answer)",
            Assurance::A2 => "not proven (A2: answers that agree)",
            Assurance::A4 => "proven (A4: proof of the inference)",
        }
    }

    fn settlement_line(&self) -> String {
        let Some(record) = &self.record else {
            return "not settled: nothing says that this was ever paid or ordered".into();
        };
        let pinned = match self.network {
            Some(_) => "the one you named",
            None => "which network that is, the receipt alone cannot say",
        };
        format!("settled at height {} of network {} ({pinned})", record.height, record.chain)
    }

    fn bound_line(&self) -> String {
        let Some(Bound { network, job, workers }) = &self.bound else {
            return "bound to no network, job or worker".into();
        };
        format!("bound to network {network}, job {job}, worker {}", names(workers))
    }
}
