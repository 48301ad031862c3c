//! Support vector machines: sums of a kernel of the row and each support vector.

use super::builder::Bound;
use super::classical::labelled;
use super::ctx::Ctx;
use crate::graph::array::{Array, count};
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::net::{Kind, Linear};
use crate::graph::stairs::one_of_votes;
use crate::terms::error::CompileError;
use crate::terms::labels::Labels;
use std::rc::Rc;

/// Most numbers of all support vectors.
const MOST_NUMBERS: usize = 1 << 15;

/// SVMRegressor: one sum, or its sign if it is a machine of one class.
pub(super) fn regressor(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    ctx.attributes.ignore(&["n_supports"]);
    without_transform(ctx)?;
    ctx.attributes.only("one_class", 0)?;
    let kernels = kernels(ctx)?;
    let (coefficients, rho) = (ctx.attributes.floats("coefficients")?, ctx.attributes.floats("rho")?);
    let n = count(&ctx.dims(&kernels));
    let &[rho] = rho else { return Err(ctx.attributes.refuse("rho", "one number", rho.len().to_string())) };
    if coefficients.len() != n {
        return Err(ctx.attributes.refuse("coefficients", format!("{n} numbers"), coefficients.len().to_string()));
    }
    let y = sums(ctx, kernels, coefficients.to_vec(), vec![rho])?;
    ctx.bind(0, y);
    Ok(())
}

/// SVMClassifier without probabilities: a score for each pair of classes, and the class that most of them prefer.
pub(super) fn classifier(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    without_transform(ctx)?;
    if !ctx.attributes.floats("prob_a")?.is_empty() || !ctx.attributes.floats("prob_b")?.is_empty() {
        let hint = "train with probability=False, or calibrate with CalibratedClassifierCV: the library finds these probabilities by \
                    iterating until they hardly change";
        return Err(ctx.form("probabilities of a support vector machine", hint));
    }
    let texts = ctx.attributes.texts("classlabels_strings")?;
    let ints = ctx.attributes.ints("classlabels_ints")?;
    let labels = if texts.is_empty() { Labels::Ints(ints.to_vec()) } else { Labels::Texts(texts) };
    let classes = labels.len();
    let per_class = ctx.attributes.ints("vectors_per_class")?.to_vec();
    let (coefficients, rho) = (ctx.attributes.floats("coefficients")?, ctx.attributes.floats("rho")?.to_vec());
    let kernels = kernels(ctx)?;
    let n = count(&ctx.dims(&kernels));
    let fits = classes > 1
        && per_class.len() == classes
        && per_class.iter().sum::<i64>() == n as i64
        && per_class.iter().all(|&count| count >= 0)
        && coefficients.len() == (classes - 1) * n
        && rho.len() == classes * (classes - 1) / 2;
    if !fits {
        return Err(ctx.form("support vectors of other classes than it has", "re-export the model"));
    }
    let scores = sums(ctx, kernels, by_pairs(&per_class, coefficients, n), rho)?;
    vote(ctx, &scores, labels)?;
    let shown = match classes {
        // The first class is preferred where the score is positive, and its column comes last.
        2 => {
            let weight = Rc::new(vec![-1.0, 1.0]);
            ctx.push(Kind::Linear(Linear { k: 1, n: 2, weight, bias: None }), vec![scores], vec![1, 2])?
        }
        _ => scores,
    };
    ctx.bind(1, shown);
    Ok(())
}

fn without_transform(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    match ctx.attributes.text("post_transform")?.as_deref() {
        None | Some("NONE") => Ok(()),
        Some(other) => Err(ctx.attributes.refuse("post_transform", "NONE", other)),
    }
}

/// The weights of each pair's score, (n, pairs): vectors of either class count by their coefficient against the other.
fn by_pairs(per_class: &[i64], coefficients: &[f32], n: usize) -> Vec<f32> {
    let class_of: Vec<usize> =
        per_class.iter().enumerate().flat_map(|(class, &count)| std::iter::repeat_n(class, count as usize)).collect();
    let pairs: Vec<(usize, usize)> =
        (0..per_class.len()).flat_map(|i| (i + 1..per_class.len()).map(move |j| (i, j))).collect();
    let weight = |vector: usize, (i, j): (usize, usize)| match class_of[vector] {
        class if class == i => coefficients[(j - 1) * n + vector],
        class if class == j => coefficients[i * n + vector],
        _ => 0.0,
    };
    (0..n).flat_map(|vector| pairs.iter().map(move |&pair| weight(vector, pair))).collect()
}

/// Names the class that most pairs prefer: the first one of each where its score is positive.
fn vote(ctx: &mut Ctx<'_, '_>, scores: &Bound, labels: Labels) -> Result<(), CompileError> {
    if !ctx.names(0) {
        return Ok(());
    }
    let classes = labels.len();
    let forest = Kind::Trees { forest: Rc::new(one_of_votes(classes)), whole: true };
    let votes = ctx.push(forest, vec![scores.clone()], vec![1, classes])?;
    let votes = ctx.reshape(votes, vec![classes])?;
    let index = ctx.push(Kind::ArgMax, vec![votes], vec![1])?;
    let label = labelled(ctx, index, labels)?;
    ctx.bind(0, label);
    Ok(())
}

/// The kernel of the row and each support vector, as a row.
fn kernels(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let k = count(&ctx.dims(&x));
    let x = ctx.reshape(x, vec![1, k])?;
    let vectors = ctx.attributes.floats("support_vectors")?.to_vec();
    if k == 0 || vectors.is_empty() || vectors.len() % k != 0 {
        return Err(ctx.attributes.refuse("support_vectors", format!("rows of {k}"), vectors.len().to_string()));
    }
    if vectors.len() > MOST_NUMBERS {
        let hint = format!("up to {MOST_NUMBERS} numbers of support vectors work: train on fewer samples");
        return Err(ctx.form(format!("{} numbers of support vectors", vectors.len()), hint));
    }
    let n = vectors.len() / k;
    let parameters = ctx.attributes.floats("kernel_params")?.to_vec();
    let parameter = |i: usize| parameters.get(i).map_or(0.0, |&v| f64::from(v));
    let (gamma, offset, degree) = (parameter(0), parameter(1), parameter(2));
    let kind = ctx.attributes.text("kernel_type")?.unwrap_or_else(|| "LINEAR".into());
    if kind == "RBF" {
        let negated = Array::new(vec![n, k], vectors.iter().map(|v| -v).collect());
        let wide = ctx.expand(x, &[n, k])?;
        let apart = ctx.push(Kind::AddConst(negated), vec![wide], vec![n, k])?;
        let squares = ctx.pointwise(Expr::binary(Arith::Mul, Expr::X, Expr::X), apart)?;
        let sums = ctx.push(Kind::Sum, vec![squares], vec![n, 1])?;
        let sums = ctx.reshape(sums, vec![1, n])?;
        let scaled = ctx.scaled(-gamma, sums)?;
        return ctx.pointwise(Expr::unary(Fun::Exp, Expr::X), scaled);
    }
    let weight = (0..k).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| vectors[j * k + i]).collect();
    let products = Kind::Linear(Linear { k, n, weight: Rc::new(weight), bias: None });
    let products = ctx.push(products, vec![x], vec![1, n])?;
    let line = Expr::line(gamma, offset);
    match kind.as_str() {
        "LINEAR" => Ok(products),
        "POLY" => ctx.pointwise(Expr::binary(Arith::Pow, line, Expr::Const(degree)), products),
        "SIGMOID" => ctx.pointwise(Expr::unary(Fun::Tanh, line), products),
        other => Err(ctx.attributes.refuse("kernel_type", "LINEAR, POLY, RBF or SIGMOID", other)),
    }
}

/// Weighted sums of a row.
fn sums(ctx: &mut Ctx<'_, '_>, x: Bound, weight: Vec<f32>, bias: Vec<f32>) -> Result<Bound, CompileError> {
    let (k, n) = (count(&ctx.dims(&x)), bias.len());
    let linear = Linear { k, n, weight: Rc::new(weight), bias: Some(Rc::new(bias)) };
    ctx.push(Kind::Linear(linear), vec![x], vec![1, n])
}
