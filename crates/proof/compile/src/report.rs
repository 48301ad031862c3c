//! How far the integers are from the floats.

use crate::float::argmax;
use crate::lower::{Lowered, Quant};
use crate::plan::{Kind, Plan, PlanOutput};
use crate::samples::Expected;
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

/// Collects deviations sample by sample.
pub(crate) struct Tally<'a> {
    plan: &'a Plan,
    values: &'a [Option<Quant>],
    expected: Option<&'a Expected>,
    samples: usize,
    outputs: Vec<Deviation>,
    against_expected: Deviation,
    operators: Vec<(Deviation, f64)>,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(plan: &'a Plan, lowered: &'a Lowered, expected: Option<&'a Expected>) -> Self {
        let last_len = plan.outputs.last().map_or(0, |output| plan.len(output.value));
        Self {
            plan,
            values: &lowered.values,
            expected: expected.filter(|expected| expected.width == last_len),
            samples: 0,
            outputs: vec![Deviation::default(); plan.outputs.len()],
            against_expected: Deviation::default(),
            operators: vec![(Deviation::default(), 0.0); plan.steps.len()],
        }
    }

    /// Adds a sample: the plan's values and the program's.
    pub(crate) fn add(&mut self, floats: &[Vec<f32>], integers: &[Vec<i64>]) {
        let sample = self.samples;
        for (output, deviation) in self.plan.outputs.iter().zip(&mut self.outputs) {
            if let Some(numbers) = numbers(self.values[output.value].as_ref(), integers) {
                deviation.add(sample, &floats[output.value], &numbers, class_by(self.plan, output));
            }
        }
        for (i, (deviation, magnitude)) in self.operators.iter_mut().enumerate() {
            let id = self.plan.id_of(i);
            if let Some(numbers) = numbers(self.values[id].as_ref(), integers) {
                deviation.add(sample, &floats[id], &numbers, ClassBy::Nothing);
                *magnitude = floats[id].iter().fold(*magnitude, |largest, v| largest.max(f64::from(v.abs())));
            }
        }
        if let (Some(row), Some(output)) = (self.expected.and_then(|e| e.row(sample)), self.plan.outputs.last())
            && let Some(numbers) = numbers(self.values[output.value].as_ref(), integers)
        {
            self.against_expected.add(sample, row, &numbers, class_by(self.plan, output));
        }
        self.samples += 1;
    }

    pub(crate) fn finish(self) -> AccuracyReport {
        let (plan, samples) = (self.plan, self.samples);
        let outputs = plan.outputs.iter().zip(&self.outputs);
        let operators = plan.steps.iter().zip(&self.operators).filter(|(_, (deviation, _))| deviation.count > 0);
        let last = plan.outputs.last().filter(|_| self.against_expected.count > 0);
        AccuracyReport {
            samples,
            outputs: outputs.map(|(output, d)| d.output(&output.name, class_by(plan, output), samples)).collect(),
            expected: last.map(|output| self.against_expected.output(&output.name, class_by(plan, output), samples)),
            operators: operators
                .map(|(step, (deviation, magnitude))| OperatorAccuracy {
                    node: step.at.node.clone(),
                    operator: step.at.operator.clone(),
                    max_deviation: deviation.max,
                    max_magnitude: *magnitude,
                })
                .collect(),
        }
    }
}

/// A value of the program as numbers.
fn numbers(quant: Option<&Quant>, integers: &[Vec<i64>]) -> Option<Vec<f64>> {
    let quant = quant?;
    let values = integers.get(quant.id.0 as usize)?;
    let number = |(i, &v): (usize, &i64)| v as f64 * (-f64::from(quant.exponents.at(i))).exp2();
    Some(values.iter().enumerate().map(number).collect())
}

fn class_by(plan: &Plan, output: &PlanOutput) -> ClassBy {
    let probability = plan.step(output.value).is_some_and(|step| matches!(step.kind, Kind::Sigmoid));
    match plan.len(output.value) {
        _ if output.labels.is_some() => ClassBy::Label,
        2.. => ClassBy::Largest,
        _ if probability => ClassBy::Half,
        _ => ClassBy::Nothing,
    }
}
