//! Who can read what of an inference.

use crate::report::Report;
use ciro_graph::Disclosure;
use ciro_types::Hash32;
use serde::Serialize;

/// How well something is hidden that is not public.
const HIDDEN: &str = "  what is not public is not stated, but it is no secret from who has this receipt: the proof is not zero-knowledge,
  its messages are sums over hidden values, and short inputs and outputs can be computed from them";

const NOTHING_HIDDEN: &str = "  nothing here is zero-knowledge: verifiable does not mean hidden";

/// What is public, committed or private.
#[derive(Clone, Debug, Serialize)]
pub struct Visibility {
    input: &'static str,
    /// Root of the input's commitment, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_commitment: Option<Hash32>,
    output: &'static str,
    /// Root of the output's commitment, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_commitment: Option<Hash32>,
    program: &'static str,
    weights: &'static str,
    is_zero_knowledge: bool,
    #[serde(skip)]
    hides_values: bool,
}

impl Visibility {
    /// As a valid receipt has it.
    pub fn of(report: &Report) -> Self {
        let visibility = &report.program.visibility;
        Self {
            input: visibility.input.name(),
            input_commitment: report.input.root(),
            output: visibility.output.name(),
            output_commitment: report.output.root(),
            program: Disclosure::Public.name(),
            weights: visibility.weights.name(),
            is_zero_knowledge: false,
            hides_values: visibility.hides_values(),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut lines = vec![
            part("input", self.input, "integers in the program's intervals"),
            part("output", self.output, "its integers"),
            part("program", self.program, ""),
            format!("  weights   {}", self.weights_text()),
        ];
        lines.push(if self.hides_values { HIDDEN.into() } else { NOTHING_HIDDEN.into() });
        lines.join("\n")
    }

    fn weights_text(&self) -> &'static str {
        if self.weights == Disclosure::Public.name() {
            "public: in this receipt, and checked against the program's intervals"
        } else {
            "committed by the model id, without a salt: who guesses them can check the guess"
        }
    }
}

fn part(what: &str, shown: &str, of: &str) -> String {
    let text = match shown {
        "public" => "in this receipt".into(),
        "committed" => format!("{of} behind a salted root, which whoever made the proof can open (`ciro open`)"),
        _ => format!("{of} in no part of this receipt; only that they exist is proven"),
    };
    format!("  {what:<9} {shown}: {text}")
}
