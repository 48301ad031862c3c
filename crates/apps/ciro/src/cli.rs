//! The grammar of the command line.

use ciro_types::{ChainId, ModelId};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Run a model on a stranger's machine and get an answer anyone can check.
#[derive(Debug, Parser)]
#[command(name = "ciro", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 ok · 1 invalid or failed · 2 usage · 3 network unreachable · 4 refused by the network";

/// Options every command understands.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Global {
    /// Print the result as one JSON document on stdout, and errors as JSON on stderr
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Print no progress, only results, warnings and errors
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// When to colour stderr
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, help_heading = "Global options")]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a receipt offline: what it proves, and what that rests on
    Verify(VerifyArgs),
    /// Look inside a receipt, without judging it
    Inspect(InspectArgs),
    /// Make and look at the key that pays
    Wallet(WalletArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// `ciro verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ciro verify receipt.ciro\n  ciro verify receipt.ciro --model $MODEL_ID --network $CHAIN_ID --json\n\nNeeds no network, no key and no account. Exit code 0: valid; 1: invalid, with the reason; 2: no such file."
)]
pub(crate) struct VerifyArgs {
    /// The receipt file
    #[arg(value_name = "RECEIPT")]
    pub(crate) receipt: PathBuf,
    /// Accept this model only
    #[arg(long, value_name = "MODEL_ID")]
    pub(crate) model: Option<ModelId>,
    /// Accept settlements of this network only
    #[arg(long, value_name = "CHAIN_ID")]
    pub(crate) network: Option<ChainId>,
}

/// `ciro inspect`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ciro inspect receipt.ciro")]
pub(crate) struct InspectArgs {
    /// The receipt file
    #[arg(value_name = "RECEIPT")]
    pub(crate) target: PathBuf,
}

/// `ciro wallet`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ciro wallet new\n  ciro wallet show --json")]
pub(crate) struct WalletArgs {
    #[command(subcommand)]
    pub(crate) action: WalletAction,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

/// What to do with the wallet.
#[derive(Debug, Subcommand)]
pub(crate) enum WalletAction {
    /// Draw a new key and keep it in a file only you can read; never replaces one
    New,
    /// Print the account
    Show,
}

/// Where this machine's state lies.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// Data directory [default: $CIRO_HOME, else ~/.ciro]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
}

/// `ciro completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ciro completions bash > /etc/bash_completion.d/ciro")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}
