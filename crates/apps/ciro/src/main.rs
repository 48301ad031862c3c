//! The `ciro` command line.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | the grammar: commands, options, their help |
//! | [`client`] | what `ciro_client` needs of a terminal: words for its progress and its errors |
//! | [`cmd`] | one file per command |
//! | [`defect`] | what becomes of a panic |
//! | [`error`] | [`error::CliError`]: message, hint, exit code |
//! | [`files`] | reading files that users name |
//! | [`home`] | where things lie on disk: data directory, wallet |
//! | [`local`] | a network and its gateway in this process |
//! | [`models`] | models and inputs that users name |
//! | [`show`] | inputs and outputs of models as text and JSON |
//! | [`ui`] | data to stdout, everything else to stderr |
//!
//! Dependency position: the top. Depends on everything, nothing depends on it.
#![forbid(unsafe_code)]

mod cli;
mod client;
mod cmd;
mod defect;
mod error;
mod files;
mod home;
mod local;
mod models;
mod show;
mod ui;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return usage(&refusal),
    };
    let ui = ui::Ui::new(&cli.global);
    match defect::guarded(|| cmd::dispatch(cli.command, &ui)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui.error(&error);
            error.exit.into()
        }
    }
}

/// Prints clap's help, version or complaint where it belongs.
fn usage(refusal: &clap::Error) -> ExitCode {
    // A closed pipe is the reader's choice; there is nobody left to tell.
    let _ = refusal.print();
    if refusal.use_stderr() { error::Exit::Usage.into() } else { ExitCode::SUCCESS }
}
