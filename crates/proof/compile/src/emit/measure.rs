//! Running samples through a program, and collecting how far it is from its reference.

use super::deviation::{Deviation, Watched};
use super::expected::Row;
use super::refusal::Refusal;
use super::report::{AccuracyReport, HeldOut, OperatorAccuracy, OutputAccuracy, Refused};
use crate::graph::plan::{Kind, Plan};
use crate::lower::plan::Lowered;
use crate::lower::reading::Reading;
use crate::passes::left_out;
use crate::terms::answers::Answer;
use crate::terms::error::{At, CompileError};
use crate::terms::samples::Samples;
use crate::terms::tolerance::Tolerance;
use ciro_execution::ExecError;
use ciro_graph::{IngestError, Model, RawInput};
use ciro_types::text::Escaped;

/// What is compared: values by number, in floats and in the program.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) outputs: Vec<Watched>,
    /// Each step with the number of its value.
    pub(crate) steps: Vec<(At, usize)>,
    /// By number; `None` for those that the program does not hold.
    pub(crate) readings: Vec<Option<Reading>>,
}

impl Subject {
    /// A plan and its program.
    pub(crate) fn of(plan: &Plan, lowered: &Lowered) -> Self {
        let probability = |id| plan.step(id).is_some_and(|step| matches!(step.kind, Kind::Sigmoid));
        let outputs = plan.outputs.iter().map(|output| {
            let kind = (output.labels.clone(), probability(output.value));
            Watched::new(&output.name, output.value, &output.dims, kind)
        });
        let readings =
            lowered.values.iter().map(|quant| quant.as_ref().map(|q| Reading::scaled(q.id, q.exponents.clone())));
        Self {
            outputs: outputs.collect(),
            steps: plan.steps.iter().enumerate().map(|(i, step)| (step.at.clone(), plan.id_of(i))).collect(),
            readings: readings.collect(),
        }
    }

    fn numbers(&self, value: usize, integers: &[Vec<i64>]) -> Option<Vec<f64>> {
        self.readings.get(value)?.as_ref()?.numbers(integers)
    }
}

/// A compiled model, and what is compared of it.
pub(crate) struct Candidate<'a> {
    pub(crate) model: &'a Model,
    pub(crate) subject: Subject,
}

/// A sample's values in floats.
pub(crate) struct Floats {
    /// By number, as the program was made from them.
    pub(crate) values: Vec<Vec<f32>>,
    /// The outputs of the model as it was read, before anything was rewritten.
    pub(crate) outputs: Vec<Vec<f32>>,
}

/// Runs every sample through the program. Samples left out also run through the one of `trials`, by part, that was calibrated on the
/// others. A trial is `None` where it could not be made. `floats` gives a sample's values in floats.
pub(crate) fn measure(
    candidate: &Candidate<'_>,
    trials: &[Option<Candidate<'_>>],
    samples: &Samples,
    (answers, tolerance): (&[Answer], Tolerance),
    mut floats: impl FnMut(usize) -> Floats,
) -> Result<AccuracyReport, CompileError> {
    let answers = Answer::by_output(answers, samples, &candidate.subject.outputs)?;
    let (mut all, mut left_out) = (Tally::new(&candidate.subject, answers.clone()), None);
    for (i, raw) in samples.inputs.iter().enumerate() {
        let floats = floats(i);
        let run = ciro_execution::execute(candidate.model, raw).map_err(|error| {
            let refusal = Refusal::of(&candidate.model.program, &error);
            // Whoever passes samples is not told to pass some.
            let is_missing = matches!(error, ExecError::Input(IngestError::NotANumber { .. }));
            let hint = refusal.as_ref().filter(|_| is_missing).map(|refusal| refusal.hint.clone());
            let reason = refusal.map_or(error.to_string(), |refusal| refusal.reason);
            CompileError::Calibration { sample: i, reason, hint }
        })?;
        all.add(i, &candidate.subject, &floats, &run.values);
        let part = left_out::part(i, samples.inputs.len());
        if let Some(trial) = part.and_then(|part| trials.get(part)).and_then(Option::as_ref) {
            let held = left_out.get_or_insert_with(|| Trial::new(&candidate.subject, answers.clone()));
            held.add(i, trial, &floats, raw);
        }
    }
    all.judge(tolerance)?;
    let held_out = left_out.map(|trial| trial.finish(tolerance)).transpose()?;
    Ok(all.finish(held_out, tolerance))
}

/// What became of the samples that were left out.
struct Trial<'a> {
    tally: Tally<'a>,
    refused: Vec<Refused>,
}

impl<'a> Trial<'a> {
    fn new(subject: &'a Subject, answers: Vec<Option<Answer>>) -> Self {
        Self { tally: Tally::new(subject, answers), refused: vec![] }
    }

    fn add(&mut self, sample: usize, trial: &Candidate<'_>, floats: &Floats, raw: &RawInput) {
        match ciro_execution::execute(trial.model, raw) {
            Ok(run) => self.tally.add(sample, &trial.subject, floats, &run.values),
            Err(error) => {
                let reason = Refusal::of(&trial.model.program, &error).map_or(error.to_string(), |r| r.reason);
                self.refused.push(Refused { sample, reason });
            }
        }
    }

    fn finish(self, tolerance: Tolerance) -> Result<HeldOut, CompileError> {
        self.tally.judge(tolerance)?;
        let refused = self.refused.len();
        let samples = self.tally.samples + refused;
        Ok(HeldOut {
            samples,
            refused,
            refusal_rate: refused as f64 / samples.max(1) as f64,
            refusal_rate_at_most: left_out::rate_at_most(refused, samples),
            first_refused: self.refused.into_iter().next(),
            outputs: self.tally.referred(),
        })
    }
}

/// Collects deviations sample by sample.
struct Tally<'a> {
    /// What is compared; how it reads in the program that runs is said sample by sample.
    subject: &'a Subject,
    /// For each output, the user's own answers to it.
    answers: Vec<Option<Answer>>,
    samples: usize,
    /// Against the float evaluation.
    outputs: Vec<Deviation>,
    /// Against the answers.
    answered: Vec<Deviation>,
    operators: Vec<(f64, f64, bool)>,
}

impl<'a> Tally<'a> {
    fn new(subject: &'a Subject, answers: Vec<Option<Answer>>) -> Self {
        let outputs = vec![Deviation::default(); subject.outputs.len()];
        Self {
            answers,
            samples: 0,
            answered: outputs.clone(),
            outputs,
            operators: vec![(0.0, 0.0, false); subject.steps.len()],
            subject,
        }
    }

    /// Adds a sample: its values in floats, and those of a program that reads as `run` says.
    fn add(&mut self, sample: usize, run: &Subject, floats: &Floats, integers: &[Vec<i64>]) {
        self.samples += 1;
        for (i, output) in self.subject.outputs.iter().enumerate() {
            let Some(numbers) = run.numbers(output.value, integers) else { continue };
            self.outputs[i].add(sample, &widened(&floats.outputs[i]), &numbers, output.layout);
            match self.answers[i].as_ref().and_then(|answer| answer.row(sample, output)) {
                Some(Row::Numbers(row)) => {
                    let first = &numbers[..numbers.len().saturating_sub(row.len())];
                    self.answered[i].add(sample, &[first, &row].concat(), &numbers, output.layout);
                }
                Some(Row::Class(class)) => self.answered[i].decisions(sample, &[class], &numbers, output.layout),
                None => {}
            }
        }
        for ((_, id), (deviation, magnitude, seen)) in self.subject.steps.iter().zip(&mut self.operators) {
            let Some(numbers) = run.numbers(*id, integers) else { continue };
            let pairs = floats.values[*id].iter().map(|&v| f64::from(v)).zip(numbers);
            // What a mask hides is infinite in floats, and no deviation.
            for (float, number) in pairs.filter(|(float, _)| float.is_finite()) {
                *deviation = deviation.max((float - number).abs());
                *magnitude = magnitude.max(float.abs());
            }
            *seen = true;
        }
    }

    /// Fails if an output is further from its reference than is accepted.
    fn judge(&self, tolerance: Tolerance) -> Result<(), CompileError> {
        for (i, output) in self.subject.outputs.iter().enumerate() {
            let answered = self.answers[i].is_some();
            let deviation = if answered { &self.answered[i] } else { &self.outputs[i] };
            tolerance.judge(output, deviation, answered)?;
        }
        Ok(())
    }

    /// Each output against the answers where there are some, else against the float evaluation.
    fn referred(&self) -> Vec<OutputAccuracy> {
        let reference = |i: usize| if self.answers[i].is_some() { &self.answered[i] } else { &self.outputs[i] };
        let outputs = self.subject.outputs.iter().enumerate();
        outputs.map(|(i, output)| reference(i).output(output)).collect()
    }

    fn finish(self, held_out: Option<HeldOut>, tolerance: Tolerance) -> AccuracyReport {
        let outputs = self.subject.outputs.iter().zip(&self.outputs);
        let expected = self.subject.outputs.iter().zip(&self.answered).zip(&self.answers);
        let operators = self.subject.steps.iter().zip(&self.operators).filter(|(_, (.., seen))| *seen);
        AccuracyReport {
            samples: self.samples,
            tolerance,
            outputs: outputs.map(|(output, d)| d.output(output)).collect(),
            expected: expected
                .filter(|(_, answers)| answers.is_some())
                .map(|((output, d), _)| d.output(output))
                .collect(),
            held_out,
            operators: operators
                .map(|((at, _), (deviation, magnitude, _))| OperatorAccuracy {
                    node: Escaped(&at.node).to_string(),
                    operator: Escaped(&at.operator).to_string(),
                    max_deviation: *deviation,
                    max_magnitude: *magnitude,
                })
                .collect(),
        }
    }
}

fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}
