//! Receipts of single samples of a batch.

use super::cannot_write;
use crate::cli::ProveArgs;
use crate::error::CliError;
use crate::ui::Ui;
use ciro_prover::{BatchProof, ProvingKey};
use ciro_receipt::{Receipt, SampleReceipt};
use std::time::Instant;

/// Writes the receipts that were asked for, and returns the files.
pub(super) fn write(
    args: &ProveArgs,
    key: &ProvingKey,
    made: &BatchProof,
    batch: &Receipt,
    ui: &Ui,
) -> Result<Vec<String>, CliError> {
    let Some(folder) = &args.receipts else { return Ok(Vec::new()) };
    let all = || (0..args.batch).collect();
    let wanted: Vec<u32> = if args.receipt_of.is_empty() { all() } else { args.receipt_of.clone() };
    std::fs::create_dir_all(folder).map_err(|e| cannot_write(folder, &e))?;
    let started = Instant::now();
    let mut files = Vec::with_capacity(wanted.len());
    for index in wanted {
        let (sample, opening) =
            made.open_sample(key, index).map_err(|e| CliError::usage(format!("--receipt-of: {e}")))?;
        let receipt = SampleReceipt::new(batch.clone(), &sample, opening);
        let file = folder.join(format!("sample-{index}.ciro"));
        std::fs::write(&file, receipt.to_bytes()).map_err(|e| cannot_write(&file, &e))?;
        files.push(file.display().to_string());
    }
    ui.stage("opened", started.elapsed(), &format!("{} samples, one by one", files.len()));
    Ok(files)
}
