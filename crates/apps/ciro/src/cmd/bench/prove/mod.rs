//! `ciro bench prove`: what proving takes, model by model and size by size.
//!
//! Each model is measured in a process of its own. So its peak of memory is its own, and one that fails or is killed
//! is a row.

mod curve;
mod measure;
mod phases;
mod table;
mod view;

use super::machine::Machine;
use super::models::files;
use crate::cli::{BenchMeasureArgs, BenchProveArgs, ProvePart};
use crate::error::CliError;
use crate::ui::Ui;
use measure::Figures;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use view::{Row, View};

/// `ciro bench prove`.
pub(super) fn run(args: &BenchProveArgs, ui: &Ui) -> Result<(), CliError> {
    let wants = |part| args.only.is_none_or(|only| only == part);
    let machine = Machine::now();
    let models = wants(ProvePart::Models).then(|| rows(args, ui)).transpose()?;
    let progress = |side| ui.note(&format!("… convolutions on {side}×{side}"));
    let curve = wants(ProvePart::Curve).then(|| curve::curve(args.runs, progress)).transpose()?;
    let view = View { machine, form: args.form.words().join(" "), models, curve };
    ui.result(&view, || if args.markdown { table::markdown(&view) } else { table::text(&view) })
}

/// `ciro bench measure`.
pub(super) fn measure(args: &BenchMeasureArgs, ui: &Ui) -> Result<(), CliError> {
    measure::run(args, ui)
}

fn rows(args: &BenchProveArgs, ui: &Ui) -> Result<Vec<Row>, CliError> {
    let mut all = Vec::new();
    for path in &args.models {
        let files = if path.is_dir() { files(path)? } else { vec![path.clone()] };
        all.extend(files);
    }
    let program = std::env::current_exe().map_err(CliError::failed)?;
    let each =
        |file: &PathBuf| args.batch.iter().map(|&batch| row(&program, file, batch, args, ui)).collect::<Vec<_>>();
    all.iter().flat_map(each).collect()
}

fn row(program: &Path, file: &PathBuf, batch: u32, args: &BenchProveArgs, ui: &Ui) -> Result<Row, CliError> {
    let model = file.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    ui.note(&format!("… {model}{}", if batch == 1 { String::new() } else { format!(", {batch} samples") }));
    let mut command = Command::new(program);
    command
        .args([
            "bench",
            "measure",
            "--json",
            "--quiet",
            "--runs",
            &args.runs.to_string(),
            "--batch",
            &batch.to_string(),
        ])
        .args(args.phases.then_some("--phases"))
        .args(args.form.words());
    let output = command.arg("--").arg(file).output().map_err(CliError::failed)?;
    Ok(match figures(&output) {
        Ok(figures) => Row { model, batch, figures: Some(figures), error: None },
        Err(error) => Row { model, batch, figures: None, error: Some(error) },
    })
}

fn figures(output: &Output) -> Result<Figures, String> {
    if output.status.success() {
        return serde_json::from_slice(&output.stdout).map_err(|e| e.to_string());
    }
    #[derive(Deserialize)]
    struct Failure {
        error: Body,
    }
    #[derive(Deserialize)]
    struct Body {
        message: String,
    }
    match serde_json::from_slice::<Failure>(&output.stderr) {
        Ok(failure) => Err(failure.error.message),
        // Killed, or it panicked: then there is no message of ours.
        Err(_) => Err(output.status.to_string()),
    }
}
