//! `ciro bench`: what this machine does, measured now.

mod build;
mod jobs;
mod ledger;
mod machine;
mod models;
mod percentiles;
mod prove;

use crate::cli::{BenchAction, BenchArgs, BenchPart};
use crate::error::CliError;
use crate::ui::Ui;
use machine::Machine;
use serde::Serialize;

#[derive(Serialize)]
struct View {
    machine: Machine,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<models::Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Vec<jobs::Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<ledger::Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<build::Row>,
}

pub(crate) fn run(args: &BenchArgs, ui: &Ui) -> Result<(), CliError> {
    match &args.action {
        None => everything(args, ui),
        Some(BenchAction::Prove(args)) => prove::run(args, ui),
        Some(BenchAction::Measure(args)) => prove::measure(args, ui),
    }
}

fn everything(args: &BenchArgs, ui: &Ui) -> Result<(), CliError> {
    let wants = |part| args.only.is_none_or(|only| only == part);
    let view = View {
        machine: Machine::now(),
        models: wants(BenchPart::Models).then(|| models::measure(&args.models, args.runs, ui)).transpose()?,
        jobs: wants(BenchPart::Jobs).then(|| jobs::measure(&args.models, args.runs, ui)).transpose()?,
        ledger: wants(BenchPart::Ledger).then(|| ledger::measure(ui)).transpose()?,
        // Minutes, and only in a checkout: when asked.
        build: (args.only == Some(BenchPart::Build)).then(|| build::measure(ui)).transpose()?,
    };
    ui.result(&view, || text(&view))
}

fn text(view: &View) -> String {
    let mut lines = vec![view.machine.line()];
    if let Some(rows) = &view.models {
        lines.push(format!(
            "\n{:<22} {:>10} {:>10} {:>10} {:>10} {:>12}",
            "model", "prove ms", "p99 ms", "verify ms", "proof B", "peak MiB"
        ));
        lines.extend(rows.iter().map(models::Row::line));
    }
    if let Some(rows) = &view.jobs {
        lines.push(format!("\n{:<22} {:>10} {:>10} {:>12}", "jobs end to end", "p50 ms", "p99 ms", "jobs/h"));
        lines.extend(rows.iter().map(jobs::Row::line));
    }
    if let Some(row) = &view.ledger {
        lines.push(format!("\nledger, one validator, transfers: {:.0} tx/s", row.txs_per_second));
    }
    if let Some(row) = &view.build {
        lines.push(format!("\ncold build: {:.0} s", row.cold_build_seconds));
    }
    lines.join("\n")
}
