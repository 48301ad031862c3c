//! The float reference: what the plan computes in the runtimes' arithmetic. Only reports use it.

pub(crate) use crate::decisions::argmax;
use crate::lower::{result, source};
use crate::net::expr::sigmoid;
use crate::plan::{Affine, Ensemble, Kind, Norm, Plan, Step, TreeNode};

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

/// x divided by its norm.
pub(crate) fn normalized(norm: Norm, x: &[f32]) -> Vec<f32> {
    let den: f32 = match norm {
        Norm::L1 => x.iter().map(|v| v.abs()).sum(),
        Norm::L2 => x.iter().map(|v| v * v).sum::<f32>().sqrt(),
        Norm::Max => x.iter().copied().fold(f32::NEG_INFINITY, f32::max),
    };
    x.iter().map(|&v| if den == 0.0 { v } else { v / den }).collect()
}

/// What a forest says of one row, of which `x` gives the features.
pub(crate) fn leaf_sums(forest: &Ensemble, x: impl Fn(usize) -> f64) -> Vec<f32> {
    let mut sums = vec![0.0f32; forest.classes];
    for &root in &forest.roots {
        for &(class, weight) in leaf(forest, root, &x) {
            sums[class] += weight;
        }
    }
    sums.iter().zip(&forest.base).map(|(sum, base)| sum / forest.divisor + base).collect()
}

fn leaf(forest: &Ensemble, root: usize, x: impl Fn(usize) -> f64) -> &[(usize, f32)] {
    let mut node = root;
    loop {
        match &forest.nodes[node] {
            TreeNode::Leaf(votes) => return votes,
            TreeNode::Split { feature, mode, threshold, yes, no, missing_yes } => {
                let x = x(*feature);
                let holds = if x.is_nan() { *missing_yes } else { mode.holds(x, *threshold) };
                node = if holds { *yes } else { *no };
            }
        }
    }
}
