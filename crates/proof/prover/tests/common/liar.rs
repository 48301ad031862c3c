//! A prover that lies: about a value, about cells, about the input. Everything it does not lie about, it computes to match.

use super::{Case, SEED};
use ciro_auditor::{AuditError, Phase, ProofContext, Verified};
use ciro_execution::Execution;
use ciro_graph::{Disclosure, Model, RawInput, RawOutput, RawTensor, ValueId, ingest};
use ciro_prover::commitments::Commitments;
use ciro_prover::{ProvingKey, Witness, prove_as, prove_witness};
use ciro_relation::{ColId, Instance, Poly, Relation};
use ciro_transcript::F;
use ciro_transcript::field::P;
use p3_field::PrimeField32;
use std::collections::BTreeMap;

/// Floats as the first input of a model, as wide as it takes them.
pub(crate) fn raw(model: &Model, x: &[f32]) -> RawInput {
    if model.program.inputs[0].words() == 2 {
        return raw_doubles(model, &x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>());
    }
    let bits = x.iter().map(|x| x.to_bits()).collect();
    RawInput(vec![RawTensor { shape: model.program.batch_shape(&model.program.inputs[0].shape), bits }])
}

/// Doubles as the first input of a model.
pub(crate) fn raw_doubles(model: &Model, x: &[f64]) -> RawInput {
    let shape = model.program.batch_shape(&model.program.inputs[0].shape);
    RawInput(vec![RawTensor::of_doubles(shape, x.iter().map(|x| x.to_bits()))])
}

/// The witness columns of a name, in order.
pub(crate) fn named(relation: &Relation, name: &str) -> Vec<ColId> {
    let is_it = |i: &usize| {
        let is_made = relation.window(ColId(*i)).is_some_and(|window| window.poly != Poly::Model);
        relation.columns[*i].name == name && is_made
    };
    (0..relation.columns.len()).filter(is_it).map(ColId).collect()
}

/// The integer nearest to zero that a cell stands for.
fn integer(cell: F) -> i64 {
    let value = i64::from(cell.as_canonical_u32());
    if value > i64::from(P) / 2 { value - i64::from(P) } else { value }
}

pub(crate) struct Liar<'a> {
    model: &'a Model,
    key: &'a ProvingKey,
    input: RawInput,
    /// What it says the ingested inputs are.
    seen: Vec<Vec<i64>>,
    /// What it says the values are.
    values: Vec<Vec<i64>>,
    given: BTreeMap<ColId, Vec<i64>>,
    /// Cells to start lies from.
    honest: Option<&'a Witness>,
}

impl<'a> Liar<'a> {
    /// Has told the truth so far.
    pub(crate) fn about(case: &'a Case) -> Self {
        let inputs = case.execution.values[..case.model.program.inputs.len()].to_vec();
        Self {
            model: &case.model,
            key: &case.key,
            input: case.input.clone(),
            seen: inputs,
            values: case.execution.values.clone(),
            given: BTreeMap::new(),
            honest: Some(&case.witness),
        }
    }

    /// Of an input that the model may refuse: has said nothing beyond the inputs.
    pub(crate) fn on(model: &'a Model, key: &'a ProvingKey, x: &[f32]) -> Self {
        let input = raw(model, x);
        let seen = ingest(&model.program, &input).expect("the input is accepted");
        Self { model, key, input, values: seen.clone(), seen, given: BTreeMap::new(), honest: None }
    }

    /// Says that a value is something else, or changes what it says; later values follow from it.
    pub(crate) fn value(self, id: ValueId, lie: impl FnOnce(&mut Vec<i64>)) -> Self {
        self.value_if_it_runs(id, lie).expect("the lie stays in the intervals")
    }

    /// As [`Liar::value`]; `None` if later values would leave their intervals.
    pub(crate) fn value_if_it_runs(mut self, id: ValueId, lie: impl FnOnce(&mut Vec<i64>)) -> Option<Self> {
        self.values.truncate(id.0 as usize + 1);
        if self.values.len() <= id.0 as usize {
            self.values.push(Vec::new());
        }
        lie(&mut self.values[id.0 as usize]);
        self.values = ciro_execution::resume(self.model, self.values).ok()?.values;
        Some(self)
    }

    /// Says that a value is something else and leaves the others.
    pub(crate) fn only_value(mut self, id: ValueId, lie: impl FnOnce(&mut Vec<i64>)) -> Self {
        lie(&mut self.values[id.0 as usize]);
        self
    }

    /// Says what all values after the inputs are.
    pub(crate) fn says(mut self, values: Vec<Vec<i64>>) -> Self {
        self.values.truncate(self.model.program.inputs.len());
        self.values.extend(values);
        self
    }

    /// Changes the cells, padding included, of the n-th witness column of a name.
    pub(crate) fn cells(mut self, name: &str, n: usize, lie: impl FnOnce(&mut [i64])) -> Self {
        let relation = self.key.verifying().relation();
        let col = named(relation, name)[n];
        let len = 1 << relation.columns[col.0].log_len;
        let mut cells = self.honest.map_or(vec![0; len], |w| w.column(col).iter().map(|&x| integer(x)).collect());
        lie(&mut cells);
        self.given.insert(col, cells);
        self
    }

    /// Sees another input than the statement's.
    pub(crate) fn sees(self, lie: impl FnOnce(&mut Vec<i64>)) -> Self {
        self.sees_if_it_runs(lie).expect("the model runs on the lie")
    }

    /// As [`Liar::sees`]; `None` if the model does not run on it.
    pub(crate) fn sees_if_it_runs(mut self, lie: impl FnOnce(&mut Vec<i64>)) -> Option<Self> {
        lie(&mut self.seen[0]);
        self.values = ciro_execution::resume(self.model, self.seen.clone()).ok()?.values;
        Some(self)
    }

    fn execution(&self) -> Execution {
        Execution { values: self.values.clone() }
    }

    /// What it says the model answered.
    pub(crate) fn output(&self) -> RawOutput {
        self.execution().outputs(&self.model.program)
    }

    /// What it fills its columns from: of hidden values nothing is public.
    fn instance(&self) -> Instance {
        let visibility = &self.model.program.visibility;
        let inputs = if visibility.input == Disclosure::Public { self.seen.clone() } else { Vec::new() };
        let outputs = if visibility.output == Disclosure::Public { self.output().0 } else { Vec::new() };
        Instance { inputs, outputs }
    }

    /// Proves the lie, and what the verifier says to it.
    pub(crate) fn verdict(self) -> Result<Verified, AuditError> {
        let (instance, execution, output) = (self.instance(), self.execution(), self.output());
        let witness = Witness::fill_around(self.key, &instance, &execution, &self.given).salted(&SEED);
        let visibility = &self.model.program.visibility;
        let commitments = Commitments::new(self.key, &witness);
        let statement = commitments.statement(visibility, &self.input, &output, &ProofContext::default());
        let proof = prove_witness(self.key, &statement, &witness);
        self.key.verifying().verify(&statement, &proof.bytes)
    }

    /// The phase that rejects the lie, whose answer must be another than the honest one.
    pub(crate) fn caught(self, case: &Case) -> Phase {
        assert_ne!(&self.output(), case.output(), "the lie does not change the answer");
        self.caught_by_the_way()
    }

    /// The phase that rejects a lie that does not reach the answer.
    pub(crate) fn caught_by_the_way(self) -> Phase {
        self.verdict().expect_err("a lie was believed").phase()
    }
}

/// What a prover uses of the model that it runs in place of the honest one.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Weights {
    /// The commitment's own.
    Committed,
    /// Those of the lie.
    Lied,
}

/// The phase that rejects a prover who runs another model of the same shape under the identity of the case's.
pub(crate) fn impostor(case: &Case, weights: Weights, change: impl FnOnce(&mut Model)) -> Phase {
    let mut lie = case.model.clone();
    change(&mut lie);
    let key = ProvingKey::new(lie.clone()).expect("a relation of the same shape");
    let execution = ciro_execution::execute(&lie, &case.input).expect("the lie runs");
    let output = execution.outputs(&lie.program);
    assert_ne!(&output, case.output(), "the lie does not change the answer");
    let statement = case.stating(case.input.clone(), output);
    let instance = key.verifying().instance(&statement).expect("the lie is well formed");
    let mut witness = Witness::fill(&key, &instance, &execution);
    if weights == Weights::Committed {
        witness.read_weights_of(&case.key);
    }
    let proof = prove_as(case.key.verifying(), &key, &statement, &witness);
    case.key.verifying().verify(&statement, &proof.bytes).expect_err("an impostor was believed").phase()
}
