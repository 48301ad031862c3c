//! A program, an input and an output.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_auditor::{AuditedModel, Limits, ProofContext, Weights};
use ciro_graph::{OutputKind, Program, RawOutput};
use ciro_receipt::{Evidence, Receipt};
use ciro_types::{ModelId, encode};
use std::path::Path;

/// What a receipt is about, in canonical bytes.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Answer {
    /// The program.
    pub program: Vec<u8>,
    /// Its weights.
    pub weights: Weights,
    /// The input.
    pub input: Vec<u8>,
    /// The output.
    pub output: Vec<u8>,
}

/// An answer with its proof, from `vectors/proofs`.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// What is proven.
    pub answer: Answer,
    /// What the proof was made for.
    pub context: ProofContext,
    /// The proof.
    pub proof: Vec<u8>,
}

impl Frozen {
    /// The frozen proof `name`.
    ///
    /// # Panics
    /// If this checkout does not hold it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/proofs");
        let read = |ending: &str| {
            let path = folder.join(format!("{name}.{ending}"));
            std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        };
        let (answer, context) = borsh::from_slice(&read("subject")).expect("a subject");
        Self { answer, context, proof: read("proof") }
    }

    /// Its receipt, which no network has settled.
    #[must_use]
    pub fn receipt(self) -> Receipt {
        let Self { answer, context, proof } = self;
        answer.receipt(Evidence::Proven { context: context.into(), proof })
    }
}

impl Answer {
    /// Its model.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.clone().receipt(Evidence::Agreed).model()
    }

    /// A receipt of it that no network has settled. What is no program has no key: zero stands for it.
    #[must_use]
    pub fn receipt(self, evidence: Evidence) -> Receipt {
        let key = AuditedModel::of_within(&self.program, &self.weights, &Limits::NONE).map(|model| model.digest());
        let (key, Self { program, weights, input, output }) = (key.unwrap_or_default(), self);
        Receipt { program, key, weights, input, output, evidence, settlement: None }
    }

    /// The same with another program.
    ///
    /// # Panics
    /// If this one's is not a program.
    #[must_use]
    pub fn with_program(self, change: impl FnOnce(&mut Program)) -> Self {
        let mut program: Program = borsh::from_slice(&self.program).expect("a program");
        change(&mut program);
        Self { program: encode(&program), ..self }
    }

    /// The same with another answer: each class is another one. What a liar says.
    ///
    /// # Panics
    /// If this one's is not an output.
    #[must_use]
    pub fn lied(self) -> Self {
        let mut output: RawOutput = borsh::from_slice(&self.output).expect("an output");
        output.0.iter_mut().filter(|values| values.len() == 1).for_each(|values| values[0] = 1 - values[0]);
        Self { output: encode(&output), ..self }
    }

    /// The same with `text` in every name and label. Classes become labels, as words lie better than numbers.
    #[must_use]
    pub fn named(self, text: &str) -> Self {
        self.with_program(|program| {
            program.name = text.into();
            let inputs = program.inputs.iter_mut().map(|input| &mut input.name);
            let outputs = program.outputs.iter_mut().map(|output| &mut output.name);
            let columns = program.columns.iter_mut().map(|column| &mut column.name);
            let names = inputs
                .chain(outputs)
                .chain(columns)
                .chain(program.constants.iter_mut().map(|constant| &mut constant.name));
            names.enumerate().for_each(|(i, name)| *name = format!("{i}{text}"));
            program.outputs.iter_mut().for_each(|output| output.kind = labelled(&output.kind, text));
        })
    }
}

fn labelled(kind: &OutputKind, text: &str) -> OutputKind {
    match kind {
        OutputKind::Fixed { frac_bits } => OutputKind::Fixed { frac_bits: *frac_bits },
        OutputKind::IntLabel { labels } => {
            OutputKind::TextLabel { labels: labels.iter().map(|label| format!("{label}{text}")).collect() }
        }
        OutputKind::BoolLabel { labels } => {
            OutputKind::TextLabel { labels: labels.iter().map(|label| format!("{label}{text}")).collect() }
        }
        OutputKind::TextLabel { labels } => {
            OutputKind::TextLabel { labels: labels.iter().map(|label| format!("{label}{text}")).collect() }
        }
    }
}
