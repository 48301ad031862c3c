//! Reading files that users name.
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

use crate::error::CliError;
use ciro_receipt::receipt::RECEIPT_BYTES_MAX;
use ciro_receipt::{FormatError, Receipt};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

/// Reads a file of at most `limit` bytes. A missing file is a usage error: the command line names it.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, CliError> {
    let file = File::open(path).map_err(|e| cannot_read(path, &e))?;
    let mut bytes = Vec::new();
    let beyond = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(beyond).read_to_end(&mut bytes).map_err(|e| cannot_read(path, &e))?;
    if bytes.len() > limit {
        return Err(CliError::failed(format!("{} is too long: expected at most {limit} bytes", path.display())));
    }
    Ok(bytes)
}

/// Reads a receipt file.
pub(crate) fn read_receipt(path: &Path) -> Result<Receipt, CliError> {
    receipt_in(path, &read(path, RECEIPT_BYTES_MAX)?)
}

/// The receipt in the contents of the file at `path`.
pub(crate) fn receipt_in(path: &Path, bytes: &[u8]) -> Result<Receipt, CliError> {
    Receipt::from_bytes(bytes).map_err(|e| damaged(path, &e))
}

/// What to say of a file that is not what it should be.
pub(crate) fn damaged(path: &Path, error: &FormatError) -> CliError {
    let failed = CliError::failed(format!("{}: {error}", path.display()));
    match error {
        FormatError::Version { .. } => failed.hint("ask for one that is made anew, or use the `ciro` that made it"),
        FormatError::Magic { .. } | FormatError::Checksum { .. } | FormatError::Decode { .. } => {
            failed.hint("get the file again from whoever made it; not a byte of it may change")
        }
    }
}

fn cannot_read(path: &Path, error: &std::io::Error) -> CliError {
    let message = format!("cannot read {}: {error}", path.display());
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::IsADirectory => CliError::usage(message),
        _ => CliError::failed(message),
    }
}
