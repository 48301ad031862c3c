//! A cold build of this program from the checkout in the present folder.

use crate::error::CliError;
use crate::ui::Ui;
use serde::Serialize;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What was measured.
#[derive(Serialize)]
pub(super) struct Row {
    /// Dependencies fetched before, nothing built before.
    pub(super) cold_build_seconds: f64,
}

pub(super) fn measure(ui: &Ui) -> Result<Row, CliError> {
    if !std::path::Path::new("Cargo.lock").is_file() {
        return Err(CliError::usage("a cold build is measured in a checkout of the source").hint("cd to it first"));
    }
    let target = tempfile::tempdir().map_err(CliError::failed)?;
    cargo(&["fetch", "--locked"], target.path())?;
    ui.note("… a cold build, some minutes");
    let started = Instant::now();
    cargo(&["build", "--release", "--locked", "-p", "ciro"], target.path())?;
    Ok(Row { cold_build_seconds: started.elapsed().as_secs_f64() })
}

fn cargo(args: &[&str], target: &std::path::Path) -> Result<(), CliError> {
    let mut command = Command::new("cargo");
    command.args(args).env("CARGO_TARGET_DIR", target).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().map_err(|e| CliError::failed(format!("cannot run cargo: {e}")))?;
    if status.success() { Ok(()) } else { Err(CliError::failed(format!("cargo {} failed", args.join(" ")))) }
}
