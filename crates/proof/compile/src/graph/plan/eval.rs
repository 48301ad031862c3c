//! The float reference: what the plan computes in the runtimes' arithmetic. Only reports use it.

use super::sources::{result, source};
use crate::graph::decisions::argmax;
use crate::graph::elem::normalized;
use crate::graph::expr::sigmoid;
use crate::graph::forest::leaf_sums;
use crate::graph::plan::{Affine, Kind, Plan, Step};

/// Every value of the plan for one sample, by id. `inputs` are as long as the plan's inputs; of doubles, trees read all bits and
/// everything else what float32 keeps.
pub(crate) fn evaluate(plan: &Plan, inputs: &[Vec<f64>]) -> Vec<Vec<f32>> {
    let mut values: Vec<Vec<f32>> = inputs.iter().map(|x| x.iter().map(|&v| v as f32).collect()).collect();
    for step in &plan.steps {
        let result = match &step.kind {
            Kind::Trees(forest) => leaf_sums(forest, |feature| compared(plan, step, feature, (inputs, &values))),
            _ => evaluate_step(step, &values),
        };
        values.push(result);
    }
    values
}

/// The number that trees compare: of an input, with all its bits.
fn compared(plan: &Plan, step: &Step, feature: usize, (inputs, values): (&[Vec<f64>], &[Vec<f32>])) -> f64 {
    let source = source(plan, step.operands[0], feature);
    match inputs.get(source.value) {
        Some(input) => result(&source.steps, input[source.element]),
        None => f64::from(values[step.operands[0]][feature]),
    }
}

fn evaluate_step(step: &Step, values: &[Vec<f32>]) -> Vec<f32> {
    let x = &values[step.operands[0]];
    let with_second = |f: fn(f32, f32) -> f32| {
        let second = &values[step.operands[1]];
        x.iter().enumerate().map(|(i, &a)| f(a, second[if second.len() == 1 { 0 } else { i }])).collect()
    };
    match &step.kind {
        Kind::Affine(affine) => evaluate_affine(affine, x),
        Kind::Elem(elem) => x.iter().enumerate().map(|(i, &v)| elem.apply(i, v)).collect(),
        Kind::Add => with_second(|a, b| a + b),
        Kind::Sub => with_second(|a, b| a - b),
        Kind::Mul => with_second(|a, b| a * b),
        Kind::Relu => x.iter().map(|&v| v.max(0.0)).collect(),
        Kind::Sigmoid => x.iter().map(|&v| sigmoid(f64::from(v)) as f32).collect(),
        Kind::Exp => x.iter().map(|&v| v.exp()).collect(),
        Kind::Softmax => softmax(x),
        Kind::ArgMax => vec![argmax(x) as f32],
        Kind::Normalize(norm) => normalized(*norm, x),
        Kind::Trees(forest) => leaf_sums(forest, |feature| f64::from(x[feature])),
        Kind::Curve(expr) => x.iter().map(|&v| expr.at(f64::from(v)) as f32).collect(),
        Kind::Div => with_second(|a, b| a / b),
        Kind::Sums(row) => {
            x.chunks_exact(*row).map(|run| run.iter().map(|&v| f64::from(v)).sum::<f64>() as f32).collect()
        }
        Kind::Maxima(row) => {
            x.chunks_exact(*row).map(|run| run.iter().copied().fold(f32::NEG_INFINITY, f32::max)).collect()
        }
        Kind::Filled(c) => x.iter().zip(c).map(|(&v, &c)| if v.is_nan() { c } else { v }).collect(),
        Kind::Pick(places) => places.iter().map(|&(operand, i)| values[step.operands[operand]][i]).collect(),
    }
}

fn evaluate_affine(affine: &Affine, x: &[f32]) -> Vec<f32> {
    let mut sums: Vec<f64> = affine.bias.iter().map(|&b| f64::from(b)).collect();
    for (&v, row) in x.iter().zip(affine.weight.chunks_exact(affine.n)) {
        for (sum, &w) in sums.iter_mut().zip(row) {
            *sum += f64::from(v) * f64::from(w);
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}

fn softmax(x: &[f32]) -> Vec<f32> {
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = x.iter().map(|&v| f64::from(v - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| (power / sum) as f32).collect()
}
