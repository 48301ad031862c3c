//! The file of a receipt, of all samples or of one, from its bytes to its report.

use crate::check::Terms;
use crate::error::ReceiptError;
use crate::receipt::Receipt;
use crate::report::Report;
use crate::sample::{SampleReceipt, SampleReport};
use ciro_auditor::{Sample, Shown};
use ciro_graph::{Program, RawInput, RenderError, Rendered, Visibility, render};

/// A receipt that passed.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The receipt; that of the batch, if the file is about one sample.
    pub receipt: Receipt,
    /// What it shows and rests on.
    pub report: Report,
    /// The sample, if the file is about one.
    pub sample: Option<Sample>,
}

impl Terms {
    /// Reads and checks a file, as [`Terms::check`] or [`Terms::check_sample`] does, whichever it is.
    ///
    /// # Errors
    /// [`ReceiptError::Format`] for what is no receipt, else as these.
    pub fn judge(&self, bytes: &[u8]) -> Result<Judged, ReceiptError> {
        if SampleReceipt::is_one(bytes) {
            let file = SampleReceipt::from_bytes(bytes)?;
            let SampleReport { batch, sample } = self.check_sample(&file)?;
            return Ok(Judged { receipt: file.batch, report: batch, sample: Some(sample) });
        }
        let receipt = Receipt::from_bytes(bytes)?;
        let report = self.check(&receipt)?;
        Ok(Judged { receipt, report, sample: None })
    }
}

impl Judged {
    /// The program on one sample that shows everything: what stays the same whatever batch and visibility a proof has.
    #[must_use]
    pub fn plain_program(&self) -> Program {
        Program { visibility: Visibility::default(), ..self.report.program.clone().batched(1) }
    }

    /// The input, as far as it is shown.
    #[must_use]
    pub const fn input(&self) -> Option<&RawInput> {
        match (&self.sample, &self.report.input) {
            (Some(sample), _) => Some(&sample.input),
            (None, Shown::Public(input)) => Some(input),
            (None, Shown::Committed(_) | Shown::Private) => None,
        }
    }

    /// The outputs by name, as far as they are shown.
    ///
    /// # Errors
    /// [`RenderError`] if they are not those of the program, which a check excludes.
    pub fn outputs(&self) -> Result<Option<Vec<Rendered>>, RenderError> {
        match &self.sample {
            Some(sample) => render(&self.plain_program(), &sample.output).map(Some),
            None => self.report.output.public().map(|output| render(&self.report.program, output)).transpose(),
        }
    }
}
