//! What a valid receipt shows, and what that rests on.

use crate::values::{Inputs, Outputs, inputs, values};
use ciro_graph::{Program, RenderError};
use ciro_receipt::visibility::Visibility;
use ciro_receipt::{Bound, Finding, Judged, ReceiptError, Terms};
use ciro_types::{Assurance, ChainId, Hash32, Height, JobId, ModelId};
use serde::Serialize;
use std::fmt;

/// A valid receipt. A verdict is only made of one that passed.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Always true: what does not pass is refused, and has no verdict.
    pub valid: bool,
    /// Whether a proof shows that the output is the model's; without one, somebody's word does.
    pub proven: bool,
    /// Whether the validators of a network confirm that this was paid. Of which one says `settlement`; a stranger can found one.
    pub settled: bool,
    /// The network that the reader accepts; None if any.
    pub pinned_network: Option<ChainId>,
    /// The rung.
    pub assurance: Assurance,
    /// The model.
    pub model_id: ModelId,
    /// The job that the evidence was made for; None if it was made for none.
    pub bound_to: Option<Bound>,
    /// What the network's record says, if there is one.
    pub settlement: Option<SettlementView>,
    /// Samples in the proof.
    pub batch: u32,
    /// The one that is shown, counted from zero; None if the receipt is about all.
    pub sample: Option<u32>,
    /// Digest of the program without batch and visibility: that of `program.bin` in a folder that was compiled without options.
    pub plain_program: Hash32,
    /// Its maker chose it.
    pub model_name: String,
    /// None if the input is hidden.
    pub inputs: Option<Inputs>,
    /// None if the output is hidden.
    pub outputs: Option<Outputs>,
    /// Who can read what.
    pub visibility: Visibility,
    /// What the receipt shows.
    pub shown: Vec<Finding>,
    /// What that rests on.
    pub assumptions: Vec<Finding>,
    /// All of it for people.
    #[serde(skip)]
    pub text: String,
}

/// Where a job was settled.
#[derive(Clone, Debug, Serialize)]
pub struct SettlementView {
    /// The network.
    pub network: ChainId,
    /// The job.
    pub job: JobId,
    /// The block.
    pub height: Height,
}

/// Why there is no verdict.
#[derive(Debug)]
pub enum Refused {
    /// The receipt does not hold, or is none.
    Receipt(ReceiptError),
    /// Its values cannot be shown, which a check excludes.
    Values(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receipt(error) => write!(f, "invalid receipt: {error}"),
            Self::Values(reason) => write!(f, "its values cannot be shown: {reason}"),
        }
    }
}

impl std::error::Error for Refused {}

impl From<ReceiptError> for Refused {
    fn from(error: ReceiptError) -> Self {
        Self::Receipt(error)
    }
}

/// Checks the bytes of a receipt, of all samples or of one, on these terms. Costs at most what [`Terms::limits`] says.
///
/// # Errors
/// [`Refused`], naming the first check that failed.
pub fn verify(file: &[u8], terms: &Terms) -> Result<Verdict, Refused> {
    Verdict::of(terms.judge(file)?)
}

impl Verdict {
    /// What a receipt that passed shows.
    ///
    /// # Errors
    /// [`Refused::Values`].
    pub fn of(judged: Judged) -> Result<Self, Refused> {
        let unseen = |error: RenderError| Refused::Values(error.to_string());
        let text = judged.text().map_err(unseen)?;
        let inputs = judged.inputs().map(inputs);
        let rendered = judged.outputs().map_err(unseen)?;
        let outputs = rendered.map(values).transpose().map_err(|error| Refused::Values(error.to_string()))?;
        let (plain_program, visibility) = (Program::digest(&judged.plain_program()), Visibility::of(&judged.report));
        let Judged { report, sample, .. } = judged;
        let settlement = report.record.as_ref().map(|record| SettlementView {
            network: record.chain,
            job: record.job,
            height: record.height,
        });
        Ok(Self {
            valid: true,
            proven: report.is_proven(),
            settled: report.is_settled(),
            pinned_network: report.network,
            assurance: report.assurance,
            model_id: report.model,
            bound_to: report.bound,
            settlement,
            batch: report.program.batch,
            sample: sample.map(|sample| sample.index),
            plain_program,
            model_name: report.program.name,
            inputs,
            outputs,
            visibility,
            shown: report.shown,
            assumptions: report.assumptions,
            text,
        })
    }
}
