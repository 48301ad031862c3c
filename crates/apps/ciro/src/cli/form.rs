//! How a model file is compiled: the options that `compile`, `prove`, `run` and `bench prove` share.

use ciro_compile::signature::labels_from;
use ciro_compile::{Rounds, Signature};
use ciro_graph::{Disclosure, Visibility};
use clap::{Args, ValueEnum};

/// How a model file is compiled, beyond the ranges of its inputs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FormArgs {
    /// Size of a dimension of the inputs, by its name or by its place (`x[2]=48`). Or the value of an input that is one whole number
    /// (`sr=16000`). May be repeated; the batch is one
    #[arg(long = "dim", value_name = "NAME=SIZE", value_parser = dimension)]
    pub(crate) dims: Vec<(String, u32)>,
    /// What proofs are made for [default: native]
    #[arg(long, value_enum)]
    pub(crate) profile: Option<ProfileArg>,
    /// How finely a network's values are held [default: balanced]
    #[arg(long, value_enum)]
    pub(crate) precision: Option<PrecisionArg>,
    /// Bits of security of the proofs [default: 100]
    #[arg(long, value_enum)]
    pub(crate) bits: Option<BitsArg>,
    /// Names of the classes, in the order of the model's own: good,bad
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) labels: Vec<String>,
    /// Number that stands for a missing value in the inputs, or nan if none does
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) missing: Option<f64>,
    /// Trees that count in a file of XGBoost that stopped early [default: what the file says]
    #[arg(long, value_enum)]
    pub(crate) rounds: Option<RoundsArg>,
    #[command(flatten)]
    pub(crate) visibility: VisibilityArgs,
}

/// Which of a booster's trees count.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RoundsArg {
    /// Those up to the best round, as in the estimators' predict
    Best,
    /// All, as in Booster.predict
    All,
}

/// Who learns what from a receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct VisibilityArgs {
    /// How much receipts show of the input [default: public]
    #[arg(long, value_enum, value_name = "SHOWN")]
    pub(crate) input_visibility: Option<ShownArg>,
    /// How much receipts show of the output [default: public]
    #[arg(long, value_enum, value_name = "SHOWN")]
    pub(crate) output_visibility: Option<ShownArg>,
    /// How much receipts show of the weights [default: committed]
    #[arg(long, value_enum, value_name = "SHOWN")]
    pub(crate) weights: Option<WeightsArg>,
}

impl VisibilityArgs {
    /// What it means for a program.
    pub(crate) fn resolve(self) -> Visibility {
        let default = Visibility::default();
        Visibility {
            input: self.input_visibility.map_or(default.input, ShownArg::disclosure),
            output: self.output_visibility.map_or(default.output, ShownArg::disclosure),
            weights: self.weights.map_or(default.weights, WeightsArg::disclosure),
        }
    }
}

/// How much of an input or output is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShownArg {
    /// All of it, in the receipt
    Public,
    /// A salted commitment, which you can open to whom you like
    Committed,
    /// Nothing
    Private,
}

impl ShownArg {
    const fn disclosure(self) -> Disclosure {
        match self {
            Self::Public => Disclosure::Public,
            Self::Committed => Disclosure::Committed,
            Self::Private => Disclosure::Private,
        }
    }
}

/// How much of the weights is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WeightsArg {
    /// All of them, in the receipt
    Public,
    /// The root of their commitment
    Committed,
}

impl WeightsArg {
    const fn disclosure(self) -> Disclosure {
        match self {
            Self::Public => Disclosure::Public,
            Self::Committed => Disclosure::Committed,
        }
    }
}

impl FormArgs {
    /// What it says of columns, classes and missing values.
    pub(crate) fn signature(&self) -> Signature {
        Signature {
            columns: vec![],
            missing: self.missing,
            labels: (!self.labels.is_empty()).then(|| labels_from(&self.labels)),
            rounds: self.rounds.map(|rounds| match rounds {
                RoundsArg::Best => Rounds::Best,
                RoundsArg::All => Rounds::All,
            }),
        }
    }

    /// The options that say the same on a command line.
    pub(crate) fn words(&self) -> Vec<String> {
        let dims = self.dims.iter().flat_map(|(name, size)| ["--dim".into(), format!("{name}={size}")]);
        let visibility = &self.visibility;
        let choices = [
            ("--profile", word(self.profile)),
            ("--precision", word(self.precision)),
            ("--bits", word(self.bits)),
            ("--labels", (!self.labels.is_empty()).then(|| self.labels.join(","))),
            ("--missing", self.missing.map(|missing| missing.to_string())),
            ("--rounds", word(self.rounds)),
            ("--input-visibility", word(visibility.input_visibility)),
            ("--output-visibility", word(visibility.output_visibility)),
            ("--weights", word(visibility.weights)),
        ];
        let choices = choices.into_iter().filter_map(|(option, word)| Some([option.into(), word?]));
        dims.chain(choices.flatten()).collect()
    }
}

/// A choice as it is written on a command line.
fn word(choice: Option<impl ValueEnum>) -> Option<String> {
    Some(choice?.to_possible_value()?.get_name().to_string())
}

/// What proofs are made for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ProfileArg {
    /// Fast to prove
    Native,
    /// Small, and cheap to verify in a contract
    Chain,
}

/// How finely a network's values are held.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PrecisionArg {
    /// 10 bits
    Fast,
    /// 11 or 12 bits
    Balanced,
    /// 13 bits, and finer weights
    Exact,
}

/// Bits of security.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum BitsArg {
    /// What a proof must resist by default
    #[value(name = "100")]
    Bits100,
    /// Some challenges are drawn after proofs of work; proofs are larger
    #[value(name = "128")]
    Bits128,
}

fn dimension(text: &str) -> Result<(String, u32), String> {
    let expected = || format!("expected NAME=SIZE, got {text:?}");
    let (name, size) = text.split_once('=').ok_or_else(expected)?;
    Ok((name.to_string(), size.parse().map_err(|_| expected())?))
}
