//! Encoders of categories, and Binarizer.

use super::builder::{Bound, spend};
use super::ctx::Ctx;
use super::scores::features;
use crate::fronts::onnx::Attributes;
use crate::graph::forest::{Ensemble, Mode, TreeNode};
use crate::graph::plan::{Id, Kind};
use crate::graph::stairs::{Category, Stairs};
use crate::terms::error::CompileError;
use std::collections::BTreeSet;

const NUMBERS_ONLY: &str = "categories are numbers here: encode texts before the model";

/// Most categories with a column each: the table has a row for each of them and between them.
const CATEGORIES_MAX: usize = 1 << 12;

/// One number, and whether it is cut off to a whole one before it is encoded.
fn single(ctx: &Ctx<'_>) -> Result<(Id, Vec<usize>), CompileError> {
    let (id, dims) = match ctx.operand(0)? {
        Some(Bound::Whole { id, dims }) => (id, dims),
        _ => ctx.value(0)?,
    };
    match dims.iter().product() {
        1 => Ok((id, dims)),
        got => Err(ctx.refuse(0, "one feature at a time", format!("{got} elements"))),
    }
}

/// Whole numbers as categories.
fn whole(ctx: &Ctx<'_>, name: &str, keys: &[i64]) -> Result<Vec<Category>, CompileError> {
    let category = |&c: &i64| {
        let expected = "whole numbers of a magnitude up to 2²³";
        Category::whole(c).ok_or_else(|| ctx.attributes.refuse(name, expected, c.to_string()))
    };
    keys.iter().map(category).collect()
}

/// The categories of a OneHotEncoder, all different.
pub(super) fn columns<'a>(attributes: &mut Attributes<'a>) -> Result<&'a [i64], CompileError> {
    let keys = attributes.ints("cats_int64s")?;
    if !(1..=CATEGORIES_MAX).contains(&keys.len()) {
        let expected = format!("1 to {CATEGORIES_MAX} categories");
        return Err(attributes.refuse("cats_int64s", expected, keys.len().to_string()));
    }
    if keys.iter().collect::<BTreeSet<_>>().len() < keys.len() {
        return Err(attributes.refuse("cats_int64s", "categories that differ", "one of them twice"));
    }
    Ok(keys)
}

/// A column for each category: one where x is that category. An unknown one gets zeros everywhere, whatever `zeros` is: a runtime that
/// would refuse it has no answer to compare with.
pub(super) fn one_hot(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    ctx.attributes.ignore(&["zeros"]);
    if !ctx.attributes.texts("cats_strings")?.is_empty() {
        return Err(ctx.form("categories that are texts", NUMBERS_ONLY));
    }
    let keys = columns(&mut ctx.attributes)?;
    let (x, mut dims) = single(ctx)?;
    let categories = whole(ctx, "cats_int64s", keys)?;
    let n = categories.len();
    spend(ctx.builder, ctx.node, (2 * n + 1) * n)?;
    let row = |i: usize| (0..n).map(|j| f32::from(i == j)).collect();
    let rows: Vec<Vec<f32>> = (0..n).map(row).collect();
    let id = Stairs::of_categories(&categories, &rows, &vec![0.0; n]).push(ctx, x);
    dims.push(n);
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// A number for each category.
pub(super) fn label(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    ctx.attributes.ignore(&["default_string"]);
    if !ctx.attributes.texts("keys_strings")?.is_empty() || !ctx.attributes.texts("values_strings")?.is_empty() {
        return Err(ctx.form("categories that are texts", NUMBERS_ONLY));
    }
    let (ints, floats) = (ctx.attributes.ints("keys_int64s")?, ctx.attributes.floats("keys_floats")?);
    let (whole_values, values) = (ctx.attributes.ints("values_int64s")?, ctx.attributes.floats("values_floats")?);
    let default_int = ctx.attributes.int("default_int64")?.unwrap_or(-1);
    let default = ctx.attributes.float("default_float")?.unwrap_or(-0.0);
    let categories = if floats.is_empty() {
        whole(ctx, "keys_int64s", ints)?
    } else {
        let category = |&x: &f32| {
            Category::number(x).ok_or_else(|| ctx.attributes.refuse("keys_floats", "finite numbers", x.to_string()))
        };
        floats.iter().map(category).collect::<Result<_, _>>()?
    };
    let inexact = |v: &i64| (*v as f32) as i64 != *v;
    if let Some(got) = whole_values.iter().chain([&default_int]).find(|v| inexact(v)) {
        return Err(ctx.attributes.refuse("values_int64s", "numbers that float32 has", got.to_string()));
    }
    let (values, default) = match whole_values {
        [] => (values.to_vec(), default),
        whole => (whole.iter().map(|&v| v as f32).collect(), default_int as f32),
    };
    if values.len() != categories.len() || values.iter().chain([&default]).any(|v| !v.is_finite()) {
        let expected = format!("{} finite numbers", categories.len());
        return Err(ctx.attributes.refuse("values_*", expected, format!("{} and {default}", values.len())));
    }
    let (x, dims) = single(ctx)?;
    let rows: Vec<Vec<f32>> = values.into_iter().map(|v| vec![v]).collect();
    let id = Stairs::of_categories(&categories, &rows, &[default]).push(ctx, x);
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// One where an element is above the threshold: a tree of one split for each.
pub(super) fn binarizer(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let threshold = f64::from(ctx.attributes.float("threshold")?.unwrap_or(0.0));
    if !threshold.is_finite() {
        return Err(ctx.attributes.refuse("threshold", "a finite number", threshold.to_string()));
    }
    let (x, k) = features(ctx)?;
    let tree = |feature: usize| {
        let (yes, no) = (3 * feature + 1, 3 * feature + 2);
        let split = TreeNode::Split { feature, mode: Mode::Gt, threshold, yes, no, missing_yes: false };
        [split, TreeNode::Leaf(vec![(feature, 1.0)]), TreeNode::Leaf(vec![(feature, 0.0)])]
    };
    let forest = Ensemble {
        roots: (0..k).map(|feature| 3 * feature).collect(),
        nodes: (0..k).flat_map(tree).collect(),
        classes: k,
        divisor: 1.0,
        base: vec![0.0; k],
        takes_missing: false,
    };
    let id = ctx.push(Kind::Trees(forest), vec![x], k);
    ctx.bind(0, Bound::Value { id, dims: vec![1, k] });
    Ok(())
}
