//! How far the integers are from the reference: the user's own answers, or else a float evaluation of the file.

use crate::answers::{Answer, Row};
use crate::decisions::{ClassBy, Classes, class};
use crate::error::{At, CompileError};
use crate::left_out;
use crate::lower::{Exponents, Lowered};
use crate::plan::{Kind, Labels, Plan};
use crate::refusal::Refusal;
use crate::samples::Samples;
use crate::tolerance::Tolerance;
use ciro_graph::{Model, RawInput, ValueId};
use ciro_types::text::Escaped;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Accuracy of the integer program on the calibration samples. It is a measurement, not a bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccuracyReport {
    /// How many samples were run.
    pub samples: usize,
    /// What was accepted.
    pub tolerance: Tolerance,
    /// Each output against a float evaluation of the same file.
    pub outputs: Vec<OutputAccuracy>,
    /// Outputs against the answers of the user's own model: those given, and the array `y` of the sample file.
    pub expected: Vec<OutputAccuracy>,
    /// A trial with a part of the samples, measured on the others; none where there are too few.
    pub held_out: Option<HeldOut>,
    /// Each operator whose result the program holds, in order.
    pub operators: Vec<OperatorAccuracy>,
}

/// The same model calibrated on three quarters of the samples, on the fourth: each of them in turn, of a large model only one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// How many samples were left out once.
    pub samples: usize,
    /// How many of them were refused, as beyond what the others had shown.
    pub refused: usize,
    /// The part that was refused: an estimate of what the model refuses of inputs like the samples.
    #[serde(default)]
    pub refusal_rate: f64,
    /// The highest rate for which so few refusals are not unlikely, at 95 %.
    #[serde(default)]
    pub refusal_rate_at_most: f64,
    /// The first that was refused, and why.
    #[serde(default)]
    pub first_refused: Option<Refused>,
    /// Each output on those that were not, against the answers where there are some, else against the float evaluation.
    pub outputs: Vec<OutputAccuracy>,
}

/// A sample that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its number.
    pub sample: usize,
    /// Why.
    pub reason: String,
}

/// Deviation of one output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputAccuracy {
    /// Its name.
    pub name: String,
    /// Largest absolute difference; for labels, of the class index.
    pub max_deviation: f64,
    /// Mean absolute difference.
    pub mean_deviation: f64,
    /// The sample with the largest difference.
    pub worst_sample: usize,
    /// What differences are relative to: the largest number of the reference less the smallest.
    pub spread: f64,
    /// Part of the decisions that are the same, where the output tells a class: a label, the largest of several numbers, or a
    /// single probability against one half. A map decides at each of its positions.
    pub same_class: Option<f64>,
    /// The same for each class that the reference decides for, in their order.
    #[serde(default)]
    pub classes: Vec<ClassAccuracy>,
    /// Mean absolute difference at each position of a map (pixels row by row, or steps); none where there is one position, or more than
    /// `MOST_PLACES`.
    #[serde(default)]
    pub places: Vec<f64>,
    /// The position of a map with the largest mean difference.
    #[serde(default)]
    pub worst_place: Option<usize>,
}

/// Most positions of a map that a report lists.
const MOST_PLACES: usize = 1 << 12;

/// Decisions for one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassAccuracy {
    /// What it is called, or its number.
    pub class: String,
    /// How often the reference decides for it.
    pub decisions: usize,
    /// Part of these in which the program does so too.
    pub same: f64,
}

/// Deviation of one operator's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatorAccuracy {
    /// The ONNX node.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// Largest absolute difference.
    pub max_deviation: f64,
    /// Largest magnitude in floats.
    pub max_magnitude: f64,
}

/// Numbers that have to be the same, at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) sample: usize,
    pub(crate) element: usize,
    pub(crate) expected: f64,
    pub(crate) got: f64,
}

/// Deviation so far.
#[derive(Clone, Debug)]
pub(crate) struct Deviation {
    /// Where the absolute difference is largest.
    pub(crate) worst: Option<Difference>,
    /// Where the reference is no number, or infinite.
    pub(crate) undefined: Option<Difference>,
    /// The largest mean absolute difference of one sample.
    pub(crate) worst_mean: f64,
    /// Decisions that are others: where, and by how much the reference prefers its own.
    pub(crate) others: Vec<(Difference, f64)>,
    pub(crate) decisions: usize,
    /// For each class, how often the reference decides for it, and how often the program does so too.
    classes: BTreeMap<usize, (usize, usize)>,
    /// At each position of a map, the sum of its mean differences.
    places: Vec<f64>,
    samples: usize,
    sum: f64,
    count: usize,
    lo: f64,
    hi: f64,
}

impl Default for Deviation {
    fn default() -> Self {
        Self {
            worst: None,
            undefined: None,
            worst_mean: 0.0,
            others: vec![],
            decisions: 0,
            classes: BTreeMap::new(),
            places: vec![],
            samples: 0,
            sum: 0.0,
            count: 0,
            lo: f64::INFINITY,
            hi: f64::NEG_INFINITY,
        }
    }
}

impl Deviation {
    fn numbers(&mut self, sample: usize, expected: &[f64], got: &[f64]) {
        let mut sum = 0.0;
        for (element, (&expected, &got)) in expected.iter().zip(got).enumerate() {
            let here = Difference { sample, element, expected, got };
            if !expected.is_finite() {
                self.undefined.get_or_insert(here);
                continue;
            }
            let difference = (expected - got).abs();
            if self.worst.is_none_or(|worst| difference > (worst.expected - worst.got).abs()) {
                self.worst = Some(here);
            }
            sum += difference;
            (self.lo, self.hi) = (self.lo.min(expected), self.hi.max(expected));
        }
        self.sum += sum;
        self.count += expected.len();
        self.worst_mean = self.worst_mean.max(sum / expected.len().max(1) as f64);
    }

    fn decisions(&mut self, sample: usize, expected: &[f64], got: &[f64], layout: Classes) {
        for position in 0..layout.positions() {
            let (expected, got) = (layout.at(expected, position), layout.at(got, position));
            let (wanted, chosen) = (class(&expected, layout.by), class(&got, layout.by));
            self.decisions += 1;
            let (decisions, same) = self.classes.entry(wanted).or_default();
            *decisions += 1;
            *same += usize::from(wanted == chosen);
            if wanted != chosen {
                let preferred = match layout.by {
                    ClassBy::Largest => expected[wanted] - expected[chosen],
                    ClassBy::Half => (expected[0] - 0.5).abs(),
                    ClassBy::Label | ClassBy::Position | ClassBy::Nothing => f64::INFINITY,
                };
                let difference = Difference { sample, element: position, expected: wanted as f64, got: chosen as f64 };
                self.others.push((difference, preferred));
            }
        }
    }

    fn places(&mut self, expected: &[f64], got: &[f64], layout: Classes) {
        if layout.positions() < 2 {
            return;
        }
        self.samples += 1;
        self.places.resize(layout.positions(), 0.0);
        for (position, sum) in self.places.iter_mut().enumerate() {
            let (expected, got) = (layout.at(expected, position), layout.at(got, position));
            let differences = expected.iter().zip(&got).map(|(a, b)| (a - b).abs()).filter(|d| d.is_finite());
            *sum += differences.sum::<f64>() / layout.classes as f64;
        }
    }

    fn add(&mut self, sample: usize, expected: &[f64], got: &[f64], layout: Classes) {
        self.numbers(sample, expected, got);
        self.places(expected, got, layout);
        if layout.by != ClassBy::Nothing && expected.iter().all(|v| v.is_finite()) {
            self.decisions(sample, expected, got, layout);
        }
    }

    /// What differences are relative to. Where the reference hardly changes it is its size, and where that is zero it is one.
    pub(crate) fn spread(&self) -> f64 {
        let (spread, size) = (self.hi - self.lo, self.hi.abs().max(self.lo.abs()));
        match () {
            () if spread > 1e-3 * size => spread,
            () if size > 0.0 && size.is_finite() => size,
            () => 1.0,
        }
    }

    pub(crate) fn max(&self) -> f64 {
        self.worst.map_or(0.0, |worst| (worst.expected - worst.got).abs())
    }

    fn output(&self, output: &Watched) -> OutputAccuracy {
        let part = |same: usize, decisions: usize| same as f64 / decisions.max(1) as f64;
        let class = |(&class, &(decisions, same)): (&usize, &(usize, usize))| ClassAccuracy {
            class: output.class_name(class),
            decisions,
            same: part(same, decisions),
        };
        let mut places: Vec<f64> = self.places.iter().map(|sum| sum / self.samples.max(1) as f64).collect();
        let worst_place = (0..places.len()).max_by(|&a, &b| places[a].total_cmp(&places[b]));
        if places.len() > MOST_PLACES {
            places.clear();
        }
        OutputAccuracy {
            name: output.name.clone(),
            max_deviation: self.max(),
            mean_deviation: self.sum / self.count.max(1) as f64,
            worst_sample: self.worst.map_or(0, |worst| worst.sample),
            spread: self.spread(),
            same_class: (self.decisions > 0).then_some(part(self.decisions - self.others.len(), self.decisions)),
            classes: self.classes.iter().map(class).collect(),
            places,
            worst_place,
        }
    }
}

/// How a value of the program reads in real numbers.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    id: ValueId,
    scale: Scale,
}

#[derive(Clone, Debug)]
enum Scale {
    Uniform(f64),
    Exponents(Exponents),
}

impl Reading {
    /// All integers times `scale`.
    pub(crate) const fn uniform(id: ValueId, scale: f64) -> Self {
        Self { id, scale: Scale::Uniform(scale) }
    }

    /// The value's numbers in one execution.
    fn numbers(&self, integers: &[Vec<i64>]) -> Option<Vec<f64>> {
        let values = integers.get(self.id.0 as usize)?;
        let scale = |i: usize| match &self.scale {
            Scale::Uniform(scale) => *scale,
            Scale::Exponents(exponents) => (-f64::from(exponents.at(i))).exp2(),
        };
        Some(values.iter().enumerate().map(|(i, &v)| v as f64 * scale(i)).collect())
    }
}

/// An output that is compared.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) len: usize,
    pub(crate) labels: Option<Labels>,
    /// Which value.
    value: usize,
    layout: Classes,
}

impl Watched {
    pub(crate) fn new(name: &str, value: usize, dims: &[usize], (labels, probability): (Option<Labels>, bool)) -> Self {
        let len = dims.iter().product();
        let by = match len {
            _ if labels.is_some() => ClassBy::Label,
            2.. => ClassBy::Largest,
            _ if probability => ClassBy::Half,
            _ => ClassBy::Nothing,
        };
        Self { name: name.into(), len, labels, value, layout: Classes::of(dims, by) }
    }

    /// This output, of which each element is the position of a largest.
    pub(crate) fn of_positions(self) -> Self {
        Self { layout: self.layout.of_positions(), ..self }
    }

    /// Whether its numbers are names of classes or places, which are right or wrong.
    pub(crate) fn is_named(&self) -> bool {
        self.labels.is_some() || self.layout.by == ClassBy::Position
    }

    /// What a class is called; its number where classes have no names.
    pub(crate) fn class_name(&self, class: usize) -> String {
        let named = match &self.labels {
            Some(Labels::Ints(labels)) => labels.get(class).map(i64::to_string),
            Some(Labels::Bools(labels)) => labels.get(class).map(bool::to_string),
            Some(Labels::Texts(labels)) => labels.get(class).cloned(),
            None => Some(class.to_string()),
        };
        named.unwrap_or_else(|| "another label".into())
    }
}

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
        let readings = lowered
            .values
            .iter()
            .map(|quant| quant.as_ref().map(|q| Reading { id: q.id, scale: Scale::Exponents(q.exponents.clone()) }));
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

/// Runs every sample through the program, and those left out through the one of `trials` that was calibrated on the others, by part;
/// none where that could not be made. `floats` gives a sample's values in floats.
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
        let run = ciro_graph::execute(candidate.model, raw).map_err(|error| {
            let reason = Refusal::of(&candidate.model.program, &error).map_or(error.to_string(), |r| r.reason);
            CompileError::Calibration { sample: i, reason }
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
        match ciro_graph::execute(trial.model, raw) {
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
