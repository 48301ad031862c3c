//! Receipts of single samples of a batch.

use super::batch::Proven;
use crate::cli::ProveArgs;
use crate::error::CliError;
use crate::ui::Ui;
use ciro_receipt::{Receipt, SampleReceipt};
use std::time::Instant;

/// Writes the receipts that were asked for, of samples that the model takes, and returns the files. They are named by their sample's
/// number in the batch that was asked for.
pub(super) fn write(args: &ProveArgs, proven: &Proven, batch: &Receipt, ui: &Ui) -> Result<Vec<String>, CliError> {
    let Some(folder) = &args.receipts else { return Ok(Vec::new()) };
    if let Some(beyond) = args.receipt_of.iter().find(|number| **number >= args.batch) {
        return Err(CliError::usage(format!("--receipt-of: expected numbers below {}, got {beyond}", args.batch)));
    }
    std::fs::create_dir_all(folder).map_err(|e| CliError::cannot_write(folder, &e))?;
    let started = Instant::now();
    let mut files = Vec::new();
    let is_wanted = |number: &u32| args.receipt_of.is_empty() || args.receipt_of.contains(number);
    for (index, number) in (0u32..).zip(&proven.numbers).filter(|(_, number)| is_wanted(number)) {
        let (sample, opening) = proven.made.open_sample(&proven.key, index).map_err(CliError::failed)?;
        let receipt = SampleReceipt::new(batch.clone(), &sample, opening);
        let file = folder.join(format!("sample-{number}.ciro"));
        std::fs::write(&file, receipt.to_bytes()).map_err(|e| CliError::cannot_write(&file, &e))?;
        files.push(file.display().to_string());
    }
    ui.stage("opened", started.elapsed(), &format!("{} samples, one by one", files.len()));
    Ok(files)
}
