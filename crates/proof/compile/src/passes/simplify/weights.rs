//! Scales and offsets go into the weights before or after them.

use super::order::{constant_of, is_row};
use super::rewriter::Rewriter;
use crate::graph::array::Array;
use crate::graph::expr::Arith;
use crate::graph::net::{Conv, Id, Kind, Linear, Step};
use std::rc::Rc;

pub(super) fn rewrite(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    match &step.kind {
        Kind::Linear(linear) => before_linear(rewriter, step, linear),
        Kind::Conv(conv) => before_conv(rewriter, step, conv),
        _ => after_weights(rewriter, step),
    }
}

/// A slope and an intercept for each of n channels, if the step is such a map. With `per_row`, channels lie along the rows, else along
/// the second of four dimensions.
fn channel_map(step: &Step, n: usize, per_row: bool) -> Option<(Vec<f32>, Vec<f32>)> {
    if let Kind::Pointwise(expr) = &step.kind {
        let (slope, intercept) = expr.as_line()?;
        return Some((vec![slope as f32; n], vec![intercept as f32; n]));
    }
    let (arith, c) = constant_of(&step.kind)?;
    let values = channels(c, n, per_row)?;
    Some(if arith == Arith::Add { (vec![1.0; n], values) } else { (values, vec![0.0; n]) })
}

/// A constant's value for each channel, if it has one for each.
fn channels(c: &Array, n: usize, per_row: bool) -> Option<Vec<f32>> {
    let along = if per_row {
        is_row(c)
    } else {
        // Aligned with (1, n, rows, columns): only the third from last may be longer than one.
        c.dims.iter().rev().enumerate().all(|(i, &d)| i == 2 || d == 1)
    };
    match c.values.len() {
        1 => Some(vec![c.values[0]; n]),
        len if along && len == n => Some(c.values.to_vec()),
        _ => None,
    }
}

/// A scale or offset that follows weights.
fn after_weights(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    let x = *step.operands.first()?;
    let below = rewriter.own(x)?;
    let kind = match &below.kind {
        Kind::Linear(linear) => {
            let (slopes, offsets) = channel_map(step, linear.n, true)?;
            let weight = linear.weight.iter().enumerate().map(|(i, w)| w * slopes[i % linear.n]).collect();
            let bias = mapped_bias(linear.bias.as_deref(), &slopes, &offsets);
            Kind::Linear(Linear { weight: Rc::new(weight), bias, ..linear.clone() })
        }
        Kind::Conv(conv) => {
            let outputs = conv.dims[0];
            let (slopes, offsets) = channel_map(step, outputs, false)?;
            let taps = (conv.weight.len() / outputs.max(1)).max(1);
            let weight = conv.weight.iter().enumerate().map(|(i, w)| w * slopes[i / taps]).collect();
            let bias = mapped_bias(conv.bias.as_deref(), &slopes, &offsets);
            Kind::Conv(Conv { weight: Rc::new(weight), bias, ..conv.clone() })
        }
        _ => return None,
    };
    let (at, operands) = (below.at.clone(), below.operands.clone());
    Some(rewriter.add(&at, kind, operands, step.dims.clone()))
}

fn mapped_bias(bias: Option<&Vec<f32>>, slopes: &[f32], offsets: &[f32]) -> Option<Rc<Vec<f32>>> {
    let zeros = vec![0.0; slopes.len()];
    let old = bias.unwrap_or(&zeros);
    let new: Vec<f32> =
        old.iter().zip(slopes.iter().zip(offsets)).map(|(b, (slope, offset))| b * slope + offset).collect();
    new.iter().any(|&b| b != 0.0).then(|| Rc::new(new))
}

/// A scale or offset of a row's positions that comes before a matrix.
fn before_linear(rewriter: &mut Rewriter, step: &Step, linear: &Linear) -> Option<Id> {
    let below = rewriter.net.step(step.operands[0])?.clone();
    let (slopes, offsets) = channel_map(&below, linear.k, true)?;
    let mut bias = linear
        .bias
        .as_ref()
        .map_or_else(|| vec![0.0f64; linear.n], |bias| bias.iter().map(|&b| f64::from(b)).collect());
    let mut weight = Vec::with_capacity(linear.weight.len());
    for (row, (&slope, &offset)) in linear.weight.chunks_exact(linear.n.max(1)).zip(slopes.iter().zip(&offsets)) {
        bias.iter_mut().zip(row).for_each(|(b, &w)| *b += f64::from(offset) * f64::from(w));
        weight.extend(row.iter().map(|w| w * slope));
    }
    let bias = bias.iter().any(|&b| b != 0.0).then(|| Rc::new(bias.iter().map(|&b| b as f32).collect()));
    let kind = Kind::Linear(Linear { weight: Rc::new(weight), bias, ..linear.clone() });
    Some(rewriter.add(&step.at, kind, below.operands, step.dims.clone()))
}

/// A scale of channels that comes before a convolution; an offset too, if there is no padding.
fn before_conv(rewriter: &mut Rewriter, step: &Step, conv: &Conv) -> Option<Id> {
    let below = rewriter.net.step(step.operands[0])?.clone();
    let [outputs, per_group, kh, kw] = conv.dims;
    let (slopes, offsets) = channel_map(&below, per_group * conv.groups, false)?;
    let padded = conv.window.before.iter().chain(&conv.window.after).any(|&p| p > 0);
    if padded && offsets.iter().any(|&offset| offset != 0.0) {
        return None;
    }
    let taps = (kh * kw).max(1);
    let per_output = outputs / conv.groups.max(1);
    let channel = |i: usize| i / taps / per_group / per_output * per_group + i / taps % per_group;
    let weight = conv.weight.iter().enumerate().map(|(i, w)| w * slopes[channel(i)]).collect();
    let mut bias = conv.bias.as_ref().map_or_else(|| vec![0.0; outputs], |bias| bias.to_vec());
    for (i, w) in conv.weight.iter().enumerate() {
        bias[i / taps / per_group] += w * offsets[channel(i)];
    }
    let bias = bias.iter().any(|&b| b != 0.0).then(|| Rc::new(bias));
    let kind = Kind::Conv(Conv { weight: Rc::new(weight), bias, ..conv.clone() });
    Some(rewriter.add(&step.at, kind, below.operands, step.dims.clone()))
}
