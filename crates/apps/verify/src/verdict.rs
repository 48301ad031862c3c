//! What a valid receipt shows, and what that rests on.

use crate::values::{Inputs, Outputs, Value, values};
use ciro_auditor::{Sample, Shown};
use ciro_graph::{Program, RawInput, RenderError};
use ciro_receipt::visibility::Visibility;
use ciro_receipt::{Bound, Finding, Judged, ReceiptError, Terms};
use ciro_relation::Limits;
use ciro_types::{Assurance, ChainId, Hash32, Height, JobId, ModelId};
use serde::Serialize;
use std::fmt;

/// Of the memory that a reader accepts, one part in so many may be values in JSON. Whoever prints it holds a few copies.
const JSON_SHARE: u64 = 8;

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
    /// Its values take more bytes in JSON than the reader's memory allows.
    Long {
        /// An eighth of the memory that the reader accepts.
        expected: u64,
        /// Bytes of indented JSON, counted until they were too many.
        got: u64,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receipt(error) => write!(f, "invalid receipt: {error}"),
            Self::Values(reason) => write!(f, "its values cannot be shown: {reason}"),
            Self::Long { expected, got } => write!(
                f,
                "its values are too long for JSON: expected at most {expected} bytes, got {got} and more; raise --max-memory, or read it without --json"
            ),
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
        let rendered = judged.outputs().map_err(unseen)?;
        let outputs = rendered.map(values).transpose().map_err(|error| Refused::Values(error.to_string()))?;
        let (plain_program, visibility) = (Program::digest(&judged.plain_program()), Visibility::of(&judged.report));
        let Judged { report, sample, .. } = judged;
        let (batch, index) = (report.program.batch, sample.as_ref().map(|sample| sample.index));
        let (proven, settled) = (report.is_proven(), report.is_settled());
        let model_name = report.program.name.clone();
        let input = shown_input(sample, report.input);
        let settlement = report.record.as_ref().map(|record| SettlementView {
            network: record.chain,
            job: record.job,
            height: record.height,
        });
        Ok(Self {
            valid: true,
            proven,
            settled,
            pinned_network: report.network,
            assurance: report.assurance,
            model_id: report.model,
            bound_to: report.bound,
            settlement,
            batch,
            sample: index,
            plain_program,
            model_name,
            inputs: input.map(|input| Inputs::new(report.program, input)),
            outputs,
            visibility,
            shown: report.shown,
            assumptions: report.assumptions,
            text,
        })
    }

    /// Refuses to print as JSON what takes more memory than that. Counts and keeps nothing.
    ///
    /// # Errors
    /// [`Refused::Long`].
    pub fn admit_json(&self, limits: &Limits) -> Result<(), Refused> {
        let expected = limits.peak_bytes / JSON_SHARE;
        let inputs = self.inputs.iter().flat_map(Inputs::json_bytes);
        let outputs = self.outputs.iter().flat_map(|outputs| outputs.values().flatten()).map(Value::json_bytes);
        let mut got = 0u64;
        for bytes in outputs.chain(inputs) {
            got = got.saturating_add(bytes);
            if got > expected {
                return Err(Refused::Long { expected, got });
            }
        }
        Ok(())
    }
}

/// The sample's, if the receipt is about one.
fn shown_input(sample: Option<Sample>, batch: Shown<RawInput>) -> Option<RawInput> {
    match (sample, batch) {
        (Some(sample), _) => Some(sample.input),
        (None, Shown::Public(input)) => Some(input),
        (None, Shown::Committed(_) | Shown::Private) => None,
    }
}
