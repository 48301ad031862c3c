//! What classifiers and regressors share: features, labels, and what follows the scores.

use super::builder::Bound;
use super::ctx::Ctx;
use crate::graph::plan::{Affine, Id, Kind};
use crate::terms::error::CompileError;
use crate::terms::labels::Labels;

/// What follows the scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Post {
    None,
    Logistic,
    Softmax,
}

pub(super) fn post_transform(ctx: &mut Ctx<'_>) -> Result<Post, CompileError> {
    match ctx.attributes.text("post_transform")?.as_deref() {
        None | Some("NONE") => Ok(Post::None),
        Some("LOGISTIC") => Ok(Post::Logistic),
        Some("SOFTMAX") => Ok(Post::Softmax),
        Some(other) => Err(ctx.attributes.refuse("post_transform", "NONE, LOGISTIC or SOFTMAX", other)),
    }
}

pub(super) fn transformed(ctx: &mut Ctx<'_>, scores: Id, n: usize, post: Post) -> Id {
    match post {
        Post::None => scores,
        Post::Logistic => ctx.push(Kind::Sigmoid, vec![scores], n),
        Post::Softmax => ctx.push(Kind::Softmax, vec![scores], n),
    }
}

/// `[w₀·s + b₀, w₁·s + b₁]` of a single score s.
pub(super) fn pair(ctx: &mut Ctx<'_>, score: Id, weight: [f32; 2], bias: [f32; 2]) -> Id {
    let affine = Affine { n: 2, weight: weight.to_vec(), bias: bias.to_vec() };
    ctx.push(Kind::Affine(affine), vec![score], 2)
}

/// Names a class label: the arg max of `scores`.
pub(super) fn bind_label(ctx: &mut Ctx<'_>, scores: Id, labels: Labels) {
    if ctx.names(0) {
        let id = ctx.push(Kind::ArgMax, vec![scores], 1);
        ctx.bind(0, Bound::Label { id, dims: vec![1], labels });
    }
}

/// Labels by either of the two attributes.
pub(super) fn class_labels(ctx: &mut Ctx<'_>, ints: &'static str) -> Result<Labels, CompileError> {
    let texts = ctx.attributes.texts("classlabels_strings")?;
    let ints = ctx.attributes.ints(ints)?;
    Ok(if texts.is_empty() { Labels::Ints(ints.to_vec()) } else { Labels::Texts(texts) })
}

/// A sample of features: dimensions `[K]` or `[1, K]`.
pub(super) fn features(ctx: &Ctx<'_>) -> Result<(Id, usize), CompileError> {
    let (x, dims) = ctx.value(0)?;
    match dims.as_slice() {
        &[k] | &[1, k] => Ok((x, k)),
        _ => Err(ctx.refuse(0, "one row of features", format!("dimensions {dims:?}"))),
    }
}

/// Runtimes ignore a transform of a single target; the standard does not say so.
pub(super) fn single_target_has_no_transform(ctx: &Ctx<'_>, targets: usize, post: Post) -> Result<(), CompileError> {
    if targets == 1 && post != Post::None {
        let what = "a post_transform of a single target, which runtimes ignore";
        return Err(ctx.form(what, "set post_transform to NONE and append a Sigmoid if one is meant"));
    }
    Ok(())
}
