//! The grammar of the command line.

mod form;

use crate::cmd::attack::AttackArgs;
use crate::ui::Global;
use ciro_graph::batch::MAX_BATCH;
use ciro_relation::Limits;
use ciro_telemetry::{Format, LogError};
use ciro_types::id::IdParseError;
use ciro_types::{AccountId, Amount, ChainId, ModelId};
use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use form::{BitsArg, FormArgs, PrecisionArg, ProfileArg};
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

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Turn a model file into an integer program with an identity
    Compile(CompileArgs),
    /// Run a model and prove the answer, without a network
    Prove(ProveArgs),
    /// Run a local network: four validators, three workers, a gateway
    Up(UpArgs),
    /// Show what each rung of the assurance ladder costs and is worth now
    Quote(QuoteArgs),
    /// Have a network run a model, pay for it, and keep the receipt
    Run(RunArgs),
    /// Check a receipt offline: what it proves, and what that rests on
    Verify(VerifyArgs),
    /// Check that a receipt's committed input or output is the one in an opening file, and print it
    Open(OpenArgs),
    /// Look inside a receipt, a job or a block, without judging it
    Inspect(InspectArgs),
    /// Make and look at the key that pays
    Wallet(WalletArgs),
    /// Measure this machine: proofs, jobs end to end, the ledger
    Bench(BenchArgs),
    /// Attack a network in every way that is known, and show that each attacker loses
    Attack(AttackArgs),
    /// Print the operators that compile, and how ONNX's own tests of them went
    Ops,
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// `ciro compile`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ciro compile score.onnx -o score\n  ciro compile score.onnx -o score --calibration samples.npz\n  ciro compile booster.json -o score\n  ciro compile encoder.onnx -o encoder --dim sequence=128 --profile chain\n\nModels: ONNX (.onnx); XGBoost's save_model (.json, .ubj); LightGBM's save_model (.txt) and dump_model (.json).\nSamples: .npy, .npz (array x, or the inputs' names; y may hold the original answers), .csv, .json."
)]
pub(crate) struct CompileArgs {
    /// The model file
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Folder for the compiled model
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Samples that tell the inputs' ranges and on which accuracy is measured
    #[arg(long, value_name = "SAMPLES")]
    pub(crate) calibration: Option<PathBuf>,
    /// What your own model answers to the samples, as .npz, .npy or .csv: compiling fails where the program does not
    #[arg(long, value_name = "ANSWERS", requires = "calibration")]
    pub(crate) expect: Option<PathBuf>,
    /// Accept deviations of this part of an output's spread, and as many other classes [default for trees and linear models: 0.001 and
    /// none. For networks: 0.01 and 0.001]
    #[arg(long, value_name = "SHARE")]
    pub(crate) tolerance: Option<f64>,
    /// Largest magnitude of any input; overrides what the samples tell [default: 32 without samples]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) input_range: Option<f64>,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// `ciro prove`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ciro prove score --input x.json -o receipt.ciro\n  ciro prove score.onnx --input samples.npz --sample 3 -o receipt.ciro --json\n  ciro prove score --batch 256 --input samples.npz -o batch.ciro\n  ciro prove score --batch 256 --input samples.npz --receipts scores\n  ciro prove encoder.onnx --dim sequence=128 --input ids.npy\n  ciro prove score.onnx --input x.json --input-visibility committed --output-visibility private\n\nAn opening file is written next to the receipt for each part that it commits to: RECEIPT.input, RECEIPT.output. Whoever has one can read\nthe value."
)]
pub(crate) struct ProveArgs {
    /// A compiled folder, or a model file
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    /// The input: .npy, .npz, .csv or .json
    #[arg(long, short, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Which sample of the file; of a batch, the first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) sample: usize,
    /// Prove this many samples at once: one proof, much cheaper than one for each
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = batch)]
    pub(crate) batch: u32,
    /// Commit to the batch's inputs and outputs, and write a receipt for each sample alone into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) receipts: Option<PathBuf>,
    /// Write receipts for these samples of the batch only, numbered from zero [default: all]
    #[arg(long, value_name = "N,…", value_delimiter = ',', requires = "receipts")]
    pub(crate) receipt_of: Vec<u32>,
    /// Where the receipt goes
    #[arg(long, short, value_name = "RECEIPT", default_value = "receipt.ciro")]
    pub(crate) output: PathBuf,
}

fn batch(text: &str) -> Result<u32, String> {
    let expected = || format!("expected a number from 1 to {MAX_BATCH}, got {text:?}");
    text.parse().ok().filter(|batch| (1..=MAX_BATCH).contains(batch)).ok_or_else(expected)
}

/// `ciro verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ciro verify receipt.ciro\n  ciro verify receipt.ciro --model $MODEL_ID --network $CHAIN_ID --json\n  ciro verify receipt.ciro --verbose\n  ciro verify scores/sample-17.ciro --made-from score\n\nNeeds no network, no key and no account. Exit code 0: valid; 1: invalid, with the reason; 2: no such file."
)]
pub(crate) struct VerifyArgs {
    /// The receipt file
    #[arg(value_name = "RECEIPT")]
    pub(crate) receipt: PathBuf,
    /// Accept this model only
    #[arg(long, value_name = "MODEL_ID")]
    pub(crate) model: Option<ModelId>,
    /// Accept receipts of this compiled folder or model file only, in whatever batch: commits to its weights again
    #[arg(long, value_name = "MODEL", conflicts_with = "model")]
    pub(crate) made_from: Option<PathBuf>,
    /// Accept only what this network has settled: its chain id, which `ciro inspect` prints of a receipt and GET /v1/status of a network
    #[arg(long, value_name = "CHAIN_ID", value_parser = network)]
    pub(crate) network: Option<ChainId>,
    /// Accept only what a proof shows: neither a signature (A0) nor answers that agree (A2)
    #[arg(long)]
    pub(crate) proven: bool,
    /// Most work that verifying may take, units of about a microsecond of one core
    #[arg(long, value_name = "UNITS", default_value_t = Limits::VERIFY.units)]
    pub(crate) max_work: u64,
    /// Most memory that verifying may take, MiB
    #[arg(long, value_name = "MIB", default_value_t = Limits::VERIFY.peak_bytes >> 20)]
    pub(crate) max_memory: u64,
    /// Also print the soundness budget term by term, the profile, and the sizes
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// A network by its id. Anybody may call another one by the same name.
fn network(text: &str) -> Result<ChainId, String> {
    let explain = |error: IdParseError| {
        format!("{error}: a chain id, no name; `ciro inspect` prints it of a receipt, and GET /v1/status of a network")
    };
    text.parse().map_err(explain)
}

/// `ciro open`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ciro open receipt.ciro receipt.ciro.input\n  ciro open receipt.ciro receipt.ciro.input --input x.json\n\n`ciro prove` writes the opening files of what a receipt commits to. Whoever holds one can show the value to anybody.\nWhoever does not cannot check a guess of it. `ciro verify` says whether the receipt itself is valid."
)]
pub(crate) struct OpenArgs {
    /// The receipt file
    #[arg(value_name = "RECEIPT")]
    pub(crate) receipt: PathBuf,
    /// The opening file
    #[arg(value_name = "OPENING")]
    pub(crate) opening: PathBuf,
    /// Also check that the input is this one: .npy, .npz, .csv or .json
    #[arg(long, short, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Which sample of the file
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) sample: usize,
}

/// `ciro inspect`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ciro inspect receipt.ciro\n  ciro inspect job $JOB_ID\n  ciro inspect block 12 --json"
)]
pub(crate) struct InspectArgs {
    /// A receipt file, or the word `job` or `block`
    #[arg(value_name = "RECEIPT | job | block")]
    pub(crate) target: PathBuf,
    /// Which job or block
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

/// `ciro up`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ciro up\n  ciro up --data /srv/ciro --port 0\n\nRuns until Ctrl-C. State lies in the data directory; a restart goes on where it was, also after a crash."
)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Port of the gateway on 127.0.0.1; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = 8700)]
    pub(crate) port: u16,
    /// Blocks that are kept whole, with the proofs in them; older settlements stay provable, older receipts do not
    #[arg(long, value_name = "BLOCKS", default_value_t = ciro_devnet::options::RETAINED_BLOCKS)]
    pub(crate) retain: u64,
    /// Keep every block for good
    #[arg(long, conflicts_with = "retain")]
    pub(crate) archive: bool,
    /// Also answer requests for this name, as a proxy forwards them; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// Write a log to stderr: a level (error, warn, info, debug, trace), or levels by target, as in warn,ciro::jobs=info
    #[arg(long, value_name = "FILTER", value_parser = log_filter)]
    pub(crate) log: Option<String>,
    /// How a line of the log reads
    #[arg(long, value_enum, default_value_t = LogFormat::Text, requires = "log")]
    pub(crate) log_format: LogFormat,
    /// Send the log to a collector of OpenTelemetry (OTLP over HTTP), filtered as --log says, by default info
    #[cfg(feature = "otlp")]
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
}

/// How a line of the log reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

fn log_filter(text: &str) -> Result<String, LogError> {
    ciro_telemetry::log::targets(text).map(|_| text.to_owned())
}

/// `ciro quote`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ciro quote\n  ciro quote --memory 2048 --json\n\nAsks the network of the data directory; starts a throw-away one if none runs there."
)]
pub(crate) struct QuoteArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) needs: NeedsArgs,
}

/// What a job asks of the machine that runs it.
#[derive(Debug, Clone, Args)]
pub(crate) struct NeedsArgs {
    /// Memory the worker must have, MiB
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    pub(crate) memory: u32,
    /// Capability bits the worker must have
    #[arg(long, value_name = "BITS", default_value_t = 0)]
    pub(crate) flags: u16,
    /// Lowest acceptable reputation, 0 to 1000
    #[arg(long, value_name = "POINTS", default_value_t = 0)]
    pub(crate) min_reputation: u16,
}

/// `ciro run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ciro run score --input x.json -o receipt.ciro\n  ciro run score.onnx --input x.csv --assurance a2 --max-price 5\n\nOrders at the network of the data directory; starts a throw-away one if none runs there. Repeating a command that was\ncut short goes on with the same job, which is paid once."
)]
pub(crate) struct RunArgs {
    /// A compiled folder, or a model file
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    /// The input: .npy, .npz, .csv or .json
    #[arg(long, short, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Which sample of the file
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) sample: usize,
    /// How a wrong answer is caught
    #[arg(long, value_enum, default_value_t = Rung::A4)]
    pub(crate) assurance: Rung,
    /// The most to pay for the answer in CIRO, the protocol's fee included and the transaction's not. What is not needed comes back
    /// [default: the quote and a quarter]
    #[arg(long, value_name = "CIRO")]
    pub(crate) max_price: Option<Amount>,
    /// Blocks after which the money comes back
    #[arg(long, value_name = "BLOCKS", default_value_t = 600)]
    pub(crate) deadline: u64,
    /// Where the receipt goes
    #[arg(long, short, value_name = "RECEIPT", default_value = "receipt.ciro")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) needs: NeedsArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

/// A rung of the assurance ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rung {
    /// A worker signs its answer; nobody checks
    A0,
    /// Two workers answer and are compared bit for bit
    A2,
    /// A full proof, verified by every validator and by you
    A4,
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
    /// Print what the account holds on the running network
    Balance,
    /// Send money. An account that was never paid costs 0.0025 CIRO more, once
    Send {
        /// The receiver's account, 64 hexadecimal digits
        #[arg(value_name = "ACCOUNT")]
        to: AccountId,
        /// How much, CIRO
        #[arg(value_name = "CIRO")]
        amount: Amount,
    },
    /// Withdraw a model that this account registered: it takes no more orders, and its deposit comes back after the last job on it
    RemoveModel {
        /// The model's id, 64 hexadecimal digits
        #[arg(value_name = "MODEL_ID")]
        model: ModelId,
    },
}

/// Where this machine's state lies.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// Data directory [default: $CIRO_HOME, else ~/.ciro]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
}

/// `ciro bench`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Examples:\n  ciro bench\n  ciro bench --only models --runs 50 --json > bench.json\n  ciro bench prove --models vectors/models booster.onnx"
)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) action: Option<BenchAction>,
    /// Folder of NAME.onnx and NAME.input.json
    #[arg(long, value_name = "DIR", default_value = "vectors/models")]
    pub(crate) models: PathBuf,
    /// Proofs per model, and jobs per rung, that count
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) runs: usize,
    /// Only one part
    #[arg(long, value_enum)]
    pub(crate) only: Option<BenchPart>,
}

/// What `ciro bench` measures closely.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchAction {
    /// Measure compiling, keys, inference, proofs and verification of each model, and how proofs grow with size
    Prove(BenchProveArgs),
    /// One model in this process; how `prove` measures each
    #[command(hide = true)]
    Measure(BenchMeasureArgs),
}

/// `ciro bench prove`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ciro bench prove\n  ciro bench prove --models vectors/models ~/.cache/ciro/models --runs 5 --json\n  ciro bench prove --markdown > docs/reference/bench.md\n  ciro bench prove --only models --batch 1,16,256,1024\n\nNAME.npz or NAME.input.json lies next to a model. The samples of the first tell the ranges and are proven. A model that fails is a row.\nA model's runs end after a minute, but not before the third."
)]
pub(crate) struct BenchProveArgs {
    /// Model files, and folders of .onnx files
    #[arg(long, value_name = "DIR | FILE", num_args = 1.., default_value = "vectors/models")]
    pub(crate) models: Vec<PathBuf>,
    /// Proofs per model that count, after one that warms up
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = runs)]
    pub(crate) runs: usize,
    /// Samples of a proof: with several numbers, each model in batches of each size
    #[arg(long, value_name = "N,…", default_values_t = [1], value_delimiter = ',', value_parser = batch)]
    pub(crate) batch: Vec<u32>,
    /// Only one part
    #[arg(long, value_enum)]
    pub(crate) only: Option<ProvePart>,
    /// Also time and memory of each phase of a proof
    #[arg(long)]
    pub(crate) phases: bool,
    /// Print a Markdown page
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// A part of `ciro bench prove`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProvePart {
    /// Each model
    Models,
    /// One family of networks at four sizes
    Curve,
}

/// `ciro bench measure`.
#[derive(Debug, Args)]
pub(crate) struct BenchMeasureArgs {
    /// The model file
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Proofs that count
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = runs)]
    pub(crate) runs: usize,
    /// Samples of a proof; those of the file are repeated if it holds fewer
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = batch)]
    pub(crate) batch: u32,
    /// Also time and memory of each phase of a proof
    #[arg(long)]
    pub(crate) phases: bool,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// A median needs one run at least.
fn runs(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&runs| runs > 0).ok_or_else(|| format!("expected a number above 0, got {text:?}"))
}

/// A part of `ciro bench`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchPart {
    /// Proving and verifying
    Models,
    /// Jobs end to end on a local network
    Jobs,
    /// Transfers through one validator
    Ledger,
    /// A cold build of this program; only when asked for
    Build,
}

/// `ciro completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ciro completions bash > /etc/bash_completion.d/ciro")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}
