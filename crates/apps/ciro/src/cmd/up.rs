//! `ciro up`: a local network until Ctrl-C.

use crate::cli::{LogFormat, UpArgs};
use crate::error::CliError;
use crate::home;
use crate::local::Serving;
use crate::ui::{Ui, human_duration};
use ciro_devnet::Options;
use ciro_node::Layout;
use ciro_node::durable::{Access, replace};
use ciro_validator::Retention;
use serde::Serialize;
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Serialize)]
struct View {
    endpoint: String,
    data: String,
    wallet: String,
    ready_ms: u128,
}

pub(crate) fn run(args: &UpArgs, ui: &Ui) -> Result<(), CliError> {
    let _log = start_log(args)?;
    // A reader of JSON lines wants no others.
    let logs = args.log.is_some() && args.log_format == LogFormat::Json;
    let ui = &if logs { ui.logged() } else { *ui };
    let started = Instant::now();
    let home = home::resolve(args.data.data.as_deref())?;
    let serving = Serving::start(home.root(), args.port, options(args), &args.host, *ui)?;
    let _announced = Announced::write(&home, &serving.endpoint)?;
    let ready = started.elapsed();
    let view = View {
        endpoint: serving.endpoint.clone(),
        data: home.root().display().to_string(),
        wallet: home.wallet().display().to_string(),
        ready_ms: ready.as_millis(),
    };
    ui.result(&view, || view.endpoint.clone())?;
    ui.note(&format!("ready in {}; state in {}; Ctrl-C stops it", human_duration(ready), view.data));
    wait_for_stop(&serving)?;
    ui.note("stopping");
    Ok(())
}

/// What the log needs until the end.
#[derive(Default)]
struct Log {
    #[cfg(feature = "otlp")]
    _export: Option<ciro_telemetry::Export>,
}

fn start_log(args: &UpArgs) -> Result<Log, CliError> {
    #[cfg(feature = "otlp")]
    if let Some(collector) = &args.otlp {
        let format = args.log.is_some().then_some(args.log_format.into());
        let filter = args.log.as_deref().unwrap_or("info");
        let export = ciro_telemetry::log::start_with(filter, format, collector).map_err(CliError::failed)?;
        return Ok(Log { _export: Some(export) });
    }
    if let Some(filter) = &args.log {
        ciro_telemetry::log::start(filter, args.log_format.into()).map_err(CliError::failed)?;
    }
    Ok(Log::default())
}

fn options(args: &UpArgs) -> Options {
    Options { retention: if args.archive { Retention::All } else { Retention::Blocks(args.retain) } }
}

/// The endpoint file, while the network runs. One that a crash left behind points at a port where nobody answers.
struct Announced(Layout);

impl Announced {
    fn write(home: &Layout, endpoint: &str) -> Result<Self, CliError> {
        replace(&home.endpoint(), endpoint.as_bytes(), Access::Shared)
            .map_err(|e| CliError::failed(format!("cannot write {}: {e}", home.endpoint().display())))?;
        Ok(Self(home.clone()))
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // Left behind, it does no harm: see above.
        let _ = std::fs::remove_file(self.0.endpoint());
    }
}

/// Waits for a signal, or for a member to stop by itself: a network that lacks one is not the one that was asked for.
fn wait_for_stop(serving: &Serving) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::failed)?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(CliError::failed)?;
        tokio::select! {
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
            reason = serving.failure() => Err(stopped(&reason)),
        }
    })
}

fn stopped(reason: &str) -> CliError {
    CliError::failed(reason).hint("start it again: a damaged store is then made anew from a peer's")
}
