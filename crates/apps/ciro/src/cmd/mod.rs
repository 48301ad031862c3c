//! One file per command; this one only wires.

mod completions;
mod wallet;

use crate::cli::Command;
use crate::error::CliError;
use crate::ui::Ui;

/// Runs `command`.
pub(crate) fn dispatch(command: Command, ui: &Ui) -> Result<(), CliError> {
    match command {
        Command::Wallet(args) => wallet::run(&args, ui),
        Command::Completions(args) => completions::run(&args, ui),
    }
}
