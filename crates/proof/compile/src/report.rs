//! How far the integers are from the floats.

use crate::error::At;
use crate::float::argmax;
use crate::lower::{Exponents, Lowered};
use crate::plan::{Kind, Plan};
use crate::samples::Expected;
use ciro_graph::ValueId;
use serde::{Deserialize, Serialize};

/// Accuracy of the integer program on the calibration samples. It is a measurement, not a bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccuracyReport {
    /// How many samples were run.
    pub samples: usize,
    /// Each output against a float evaluation of the same file.
    pub outputs: Vec<OutputAccuracy>,
    /// The last output against the answers that the sample file carried (array `y`), if it did.
    pub expected: Option<OutputAccuracy>,
    /// Each operator whose result the program holds, in order.
    pub operators: Vec<OperatorAccuracy>,
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
    /// Part of the samples with the same class, where the output tells one: a label, the largest of several numbers, or a
    /// single probability against one half.
    pub same_class: Option<f64>,
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

/// What tells a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClassBy {
    Label,
    Largest,
    Half,
    Nothing,
}

/// Deviation so far.
#[derive(Clone, Copy, Debug, Default)]
struct Deviation {
    max: f64,
    sum: f64,
    count: usize,
    worst_sample: usize,
    same: usize,
}

impl Deviation {
    fn add(&mut self, sample: usize, floats: &[f32], integers: &[f64], by: ClassBy) {
        for (float, integer) in floats.iter().zip(integers) {
            let difference = (f64::from(*float) - integer).abs();
            if difference > self.max {
                (self.max, self.worst_sample) = (difference, sample);
            }
            self.sum += difference;
            self.count += 1;
        }
        let narrowed: Vec<f32> = integers.iter().map(|&v| v as f32).collect();
        self.same += usize::from(class(floats, by) == class(&narrowed, by));
    }

    fn output(&self, name: &str, by: ClassBy, samples: usize) -> OutputAccuracy {
        OutputAccuracy {
            name: name.into(),
            max_deviation: self.max,
            mean_deviation: self.sum / self.count.max(1) as f64,
            worst_sample: self.worst_sample,
            same_class: (by != ClassBy::Nothing).then(|| self.same as f64 / samples.max(1) as f64),
        }
    }
}

fn class(values: &[f32], by: ClassBy) -> usize {
    match by {
        ClassBy::Label => values.first().map_or(0, |&v| v as usize),
        ClassBy::Largest => argmax(values),
        ClassBy::Half => usize::from(values.first().is_some_and(|&v| v > 0.5)),
        ClassBy::Nothing => 0,
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
    name: String,
    /// Which value.
    value: usize,
    len: usize,
    by: ClassBy,
}

impl Watched {
    pub(crate) fn new(name: &str, value: usize, len: usize, (label, probability): (bool, bool)) -> Self {
        let by = match len {
            _ if label => ClassBy::Label,
            2.. => ClassBy::Largest,
            _ if probability => ClassBy::Half,
            _ => ClassBy::Nothing,
        };
        Self { name: name.into(), value, len, by }
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
            let kind = (output.labels.is_some(), probability(output.value));
            Watched::new(&output.name, output.value, plan.len(output.value), kind)
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

/// Collects deviations sample by sample.
pub(crate) struct Tally<'a> {
    subject: Subject,
    expected: Option<&'a Expected>,
    samples: usize,
    outputs: Vec<Deviation>,
    against_expected: Deviation,
    operators: Vec<(Deviation, f64)>,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(subject: Subject, expected: Option<&'a Expected>) -> Self {
        let last_len = subject.outputs.last().map_or(0, |output| output.len);
        Self {
            expected: expected.filter(|expected| expected.width == last_len),
            samples: 0,
            outputs: vec![Deviation::default(); subject.outputs.len()],
            against_expected: Deviation::default(),
            operators: vec![(Deviation::default(), 0.0); subject.steps.len()],
            subject,
        }
    }

    /// Adds a sample: all values in floats, by number, and the program's.
    pub(crate) fn add(&mut self, floats: &[Vec<f32>], integers: &[Vec<i64>]) {
        let sample = self.samples;
        for (output, deviation) in self.subject.outputs.iter().zip(&mut self.outputs) {
            if let Some(numbers) = self.subject.numbers(output.value, integers) {
                deviation.add(sample, &floats[output.value], &numbers, output.by);
            }
        }
        for ((_, id), (deviation, magnitude)) in self.subject.steps.iter().zip(&mut self.operators) {
            if let Some(numbers) = self.subject.numbers(*id, integers) {
                deviation.add(sample, &floats[*id], &numbers, ClassBy::Nothing);
                *magnitude = floats[*id].iter().fold(*magnitude, |largest, v| largest.max(f64::from(v.abs())));
            }
        }
        if let (Some(row), Some(output)) = (self.expected.and_then(|e| e.row(sample)), self.subject.outputs.last())
            && let Some(numbers) = self.subject.numbers(output.value, integers)
        {
            self.against_expected.add(sample, row, &numbers, output.by);
        }
        self.samples += 1;
    }

    pub(crate) fn finish(self) -> AccuracyReport {
        let samples = self.samples;
        let outputs = self.subject.outputs.iter().zip(&self.outputs);
        let operators =
            self.subject.steps.iter().zip(&self.operators).filter(|(_, (deviation, _))| deviation.count > 0);
        let last = self.subject.outputs.last().filter(|_| self.against_expected.count > 0);
        AccuracyReport {
            samples,
            outputs: outputs.map(|(output, d)| d.output(&output.name, output.by, samples)).collect(),
            expected: last.map(|output| self.against_expected.output(&output.name, output.by, samples)),
            operators: operators
                .map(|((at, _), (deviation, magnitude))| OperatorAccuracy {
                    node: at.node.clone(),
                    operator: at.operator.clone(),
                    max_deviation: deviation.max,
                    max_magnitude: *magnitude,
                })
                .collect(),
        }
    }
}
