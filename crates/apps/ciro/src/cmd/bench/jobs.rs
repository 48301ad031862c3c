//! Jobs end to end on a throw-away network in this process: escrow, answer, verification, payment, receipt.

use super::models::files;
use super::percentiles::percentiles;
use crate::client::{orders, purse};
use crate::error::CliError;
use crate::local::Serving;
use crate::models;
use crate::ui::Ui;
use ciro_client::{Buyer, Client, Published, Wish};
use ciro_devnet::Options;
use ciro_node::Layout;
use ciro_types::{Assurance, Requirements, encode};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// One rung's figures.
#[derive(Serialize)]
pub(super) struct Row {
    assurance: Assurance,
    jobs: usize,
    p50_ms: f64,
    p99_ms: f64,
    /// One client after another: what the latency allows, not what the network could do in parallel.
    sequential_jobs_per_hour: f64,
}

impl Row {
    pub(super) fn line(&self) -> String {
        let name = format!("{:?}, one at a time", self.assurance);
        format!("{name:<22} {:>10.1} {:>10.1} {:>12.0}", self.p50_ms, self.p99_ms, self.sequential_jobs_per_hour)
    }
}

/// Measures A0 and A4 with the first model of `folder`.
pub(super) fn measure(folder: &Path, runs: usize, ui: &Ui) -> Result<Vec<Row>, CliError> {
    let directory = tempfile::tempdir().map_err(CliError::failed)?;
    let serving = Serving::start(directory.path(), 0, Options::default(), &[], *ui)?;
    let client = Client::new(&serving.endpoint);
    let home = Layout::new(directory.path());
    [Assurance::A0, Assurance::A4]
        .into_iter()
        .map(|assurance| measure_rung(&client, &home, folder, assurance, runs, ui))
        .collect()
}

fn measure_rung(
    client: &Client,
    home: &Layout,
    folder: &Path,
    assurance: Assurance,
    runs: usize,
    ui: &Ui,
) -> Result<Row, CliError> {
    ui.note(&format!("… {runs} jobs at {assurance:?}"));
    let status = client.status()?;
    let (purse, orders) = (purse(home)?, orders(home));
    client.sign_as(purse.key(), &status);
    let buyer = Buyer { client, status: &status, purse: &purse, orders: &orders, watch: ui };
    let wish = wish(folder, assurance, ui)?;
    let Published { model, input, registration: _ } = buyer.publish(&wish)?;
    let started = Instant::now();
    let mut latencies = Vec::with_capacity(runs);
    for run in 0..=runs {
        let started = Instant::now();
        let (spec, held) = buyer.order(&wish, model, input)?;
        let job = ciro_state::job_id(&spec);
        buyer.wait_for_end(job)?.paid()?;
        buyer.receipt(job)?;
        held.end();
        // The first job loads the model.
        if run > 0 {
            latencies.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    let hours = started.elapsed().as_secs_f64() / 3600.0;
    let (p50_ms, p99_ms) = percentiles(latencies);
    Ok(Row { assurance, jobs: runs, p50_ms, p99_ms, sequential_jobs_per_hour: (runs + 1) as f64 / hours })
}

fn wish(folder: &Path, assurance: Assurance, ui: &Ui) -> Result<Wish, CliError> {
    let files = files(folder)?;
    let preferred = files.iter().find(|f| f.file_stem().is_some_and(|n| n == "A_logreg_bc"));
    let file = preferred.or(files.first()).ok_or_else(|| CliError::usage("no model to run"))?;
    let compiled = models::compile(file, &ciro_compile::Options::default())?;
    let input = models::input(&compiled.model.program, &file.with_extension("input.json"), 0, ui)?;
    Ok(Wish {
        model: compiled.model,
        input: encode(&input),
        assurance,
        requirements: Requirements::default(),
        max_price: None,
        deadline: 10_000,
    })
}
