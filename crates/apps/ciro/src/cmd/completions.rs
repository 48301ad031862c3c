//! `ciro completions`: a script for the user's shell.

use crate::cli::{Cli, CompletionsArgs};
use crate::error::CliError;
use crate::ui::Ui;
use clap::CommandFactory as _;

pub(crate) fn run(args: &CompletionsArgs, ui: &Ui) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ciro", &mut script);
    ui.data(String::from_utf8_lossy(&script).trim_end())
}
