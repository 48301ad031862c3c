//! Operators of ai.onnx.ml.

use super::builder::Bound;
use super::core_ops::{chosen_elements, transposed};
use super::ctx::Ctx;
use super::scores::{
    Post, bind_label, class_labels, features, pair, post_transform, single_target_has_no_transform, transformed,
};
use super::{encoders, ensemble};
use crate::fronts::onnx::{Data, Tensor};
use crate::graph::elem::{Elem, Norm};
use crate::graph::operators::PlanClassical;
use crate::graph::plan::{Affine, Id, Kind};
use crate::terms::error::CompileError;
use crate::terms::labels::Labels;

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_>, operator: PlanClassical) -> Result<(), CompileError> {
    match operator {
        PlanClassical::Scaler => scaler(ctx)?,
        PlanClassical::Normalizer => normalizer(ctx)?,
        PlanClassical::Imputer => imputer(ctx)?,
        PlanClassical::LinearClassifier => linear_classifier(ctx)?,
        PlanClassical::LinearRegressor => linear_regressor(ctx)?,
        PlanClassical::TreeEnsembleClassifier => ensemble::classifier(ctx)?,
        PlanClassical::TreeEnsembleRegressor => ensemble::regressor(ctx)?,
        PlanClassical::OneHotEncoder => encoders::one_hot(ctx)?,
        PlanClassical::LabelEncoder => encoders::label(ctx)?,
        PlanClassical::Binarizer => encoders::binarizer(ctx)?,
        PlanClassical::ZipMap => zip_map(ctx)?,
        PlanClassical::ArrayFeatureExtractor => chosen(ctx)?,
    }
    Ok(())
}

fn scaler(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (x, k) = features(ctx)?;
    let (offset, scale) = (ctx.attributes.floats("offset")?, ctx.attributes.floats("scale")?);
    let spread = |name: &str, values: &[f32], default: f32| match values {
        [] => Ok(vec![default; k]),
        [one] => Ok(vec![*one; k]),
        all if all.len() == k => Ok(all.to_vec()),
        all => Err(ctx.attributes.refuse(name, format!("1 or {k} numbers"), all.len().to_string())),
    };
    let elem = Elem::Scale { offset: spread("offset", offset, 0.0)?, scale: spread("scale", scale, 1.0)? };
    let id = ctx.push(Kind::Elem(elem), vec![x], k);
    ctx.bind(0, Bound::Value { id, dims: vec![1, k] });
    Ok(())
}

fn imputer(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (x, k) = features(ctx)?;
    let given = ctx.attributes.floats("imputed_value_floats")?;
    let replaced = ctx.attributes.float("replaced_value_float")?.unwrap_or(0.0);
    if !replaced.is_nan() {
        return Err(ctx.attributes.refuse("replaced_value_float", "NaN", replaced.to_string()));
    }
    let values = match given {
        [one] => vec![*one; k],
        all if all.len() == k => all.to_vec(),
        all => {
            let expected = format!("1 or {k} numbers");
            return Err(ctx.attributes.refuse("imputed_value_floats", expected, all.len().to_string()));
        }
    };
    if let Some(got) = values.iter().find(|v| !v.is_finite()) {
        return Err(ctx.attributes.refuse("imputed_value_floats", "finite numbers", got.to_string()));
    }
    let id = ctx.push(Kind::Elem(Elem::Impute(values)), vec![x], k);
    ctx.bind(0, Bound::Value { id, dims: vec![1, k] });
    Ok(())
}

fn normalizer(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (x, k) = features(ctx)?;
    let norm = match ctx.attributes.text("norm")?.as_deref() {
        None | Some("MAX") => Norm::Max,
        Some("L1") => Norm::L1,
        Some("L2") => Norm::L2,
        Some(other) => return Err(ctx.attributes.refuse("norm", "L1, L2 or MAX", other)),
    };
    let id = ctx.push(Kind::Normalize(norm), vec![x], k);
    ctx.bind(0, Bound::Value { id, dims: vec![1, k] });
    Ok(())
}

/// The rows of `coefficients`, one per class or target, as an affine map.
fn affine_rows(ctx: &mut Ctx<'_>, rows: usize, k: usize) -> Result<Affine, CompileError> {
    let coefficients = ctx.attributes.floats("coefficients")?;
    let intercepts = ctx.attributes.floats("intercepts")?;
    if rows == 0 || Some(coefficients.len()) != rows.checked_mul(k) {
        let expected = format!("{rows} × {k} numbers");
        return Err(ctx.attributes.refuse("coefficients", expected, coefficients.len().to_string()));
    }
    let bias = match intercepts {
        [] => vec![0.0; rows],
        all if all.len() == rows => all.to_vec(),
        all => return Err(ctx.attributes.refuse("intercepts", format!("{rows} numbers"), all.len().to_string())),
    };
    Ok(Affine { n: rows, weight: transposed(coefficients, rows, k), bias })
}

fn linear_classifier(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    ctx.attributes.ignore(&["multi_class"]);
    let (x, k) = features(ctx)?;
    let labels = class_labels(ctx, "classlabels_ints")?;
    let post = post_transform(ctx)?;
    let rows = ctx.attributes.floats("coefficients")?.len() / k.max(1);
    let affine = affine_rows(ctx, rows, k)?;
    let scores = ctx.push(Kind::Affine(affine), vec![x], rows);
    let classes = labels.len();
    match (rows, classes) {
        (1, 2) => single_row(ctx, scores, post, labels),
        _ if rows == classes && rows > 1 => {
            bind_label(ctx, scores, labels);
            let id = transformed(ctx, scores, rows, post);
            ctx.bind(1, Bound::Value { id, dims: vec![1, rows] });
        }
        _ => return Err(ctx.form(format!("{rows} rows of coefficients for {classes} labels"), "one row per class")),
    }
    Ok(())
}

/// Two classes by one score: the second wins if it is positive, and the columns are 1 − s and s.
fn single_row(ctx: &mut Ctx<'_>, score: Id, post: Post, labels: Labels) {
    let signed = pair(ctx, score, [-1.0, 1.0], [0.0, 0.0]);
    bind_label(ctx, signed, labels);
    let id = match post {
        Post::Logistic => ctx.push(Kind::Sigmoid, vec![signed], 2),
        Post::None | Post::Softmax => pair(ctx, score, [-1.0, 1.0], [1.0, 0.0]),
    };
    ctx.bind(1, Bound::Value { id, dims: vec![1, 2] });
}

fn linear_regressor(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (x, k) = features(ctx)?;
    let targets = ctx.attributes.int("targets")?.unwrap_or(1);
    let targets = usize::try_from(targets)
        .map_err(|_| ctx.attributes.refuse("targets", "a positive number", targets.to_string()))?;
    let post = post_transform(ctx)?;
    single_target_has_no_transform(ctx, targets, post)?;
    let affine = affine_rows(ctx, targets, k)?;
    let scores = ctx.push(Kind::Affine(affine), vec![x], targets);
    let id = transformed(ctx, scores, targets, post);
    ctx.bind(0, Bound::Value { id, dims: vec![1, targets] });
    Ok(())
}

fn zip_map(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let labels = class_labels(ctx, "classlabels_int64s")?;
    let (id, dims) = ctx.value(0)?;
    let count: usize = dims.iter().product();
    if labels.len() != count {
        return Err(ctx.refuse(0, format!("{} elements", labels.len()), count.to_string()));
    }
    let name = ctx.node.output.first().cloned().unwrap_or_default();
    ctx.note(format!("output {name:?} is a vector in the order of the class labels instead of a dictionary (ZipMap)"));
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// A constant list read at a class index, or a row of numbers at constant positions.
fn chosen(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    match (ctx.operand(0)?, ctx.operand(1)?) {
        (Some(Bound::Const(list)), Some(Bound::Label { id, labels: Labels::Ints(at), .. })) => {
            chosen_label(ctx, &list, id, &at)
        }
        (Some(Bound::Value { .. }), Some(Bound::Const(_))) => chosen_features(ctx),
        _ => Err(ctx.form(
            "a choice that depends on the input",
            "of ArrayFeatureExtractor, constant positions work, and the choice of a class label",
        )),
    }
}

/// The list's entry for each class: the class's label.
fn chosen_label(ctx: &mut Ctx<'_>, list: &Tensor, id: Id, at: &[i64]) -> Result<(), CompileError> {
    let labels = relabelled(&list.data, at).ok_or_else(|| {
        let got = format!("{} labels", list.data.len());
        ctx.refuse(0, "a label for each class", got)
    })?;
    ctx.bind(0, Bound::Label { id, dims: vec![1, 1], labels });
    Ok(())
}

/// Elements of a row at constant positions, such as the score of the positive class.
fn chosen_features(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (_, k) = features(ctx)?;
    let positions = ctx.ints(1)?.unwrap_or_default();
    // Unlike Gather, this operator does not count from the end.
    if let Some(got) = positions.iter().find(|&&position| position < 0) {
        return Err(ctx.refuse(1, format!("positions below {k}"), got.to_string()));
    }
    let dims = vec![1, positions.len()];
    chosen_elements(ctx, &positions, dims)
}

fn relabelled(list: &Data, at: &[i64]) -> Option<Labels> {
    let positions: Option<Vec<usize>> = at.iter().map(|&i| usize::try_from(i).ok()).collect();
    let positions = positions?;
    match list {
        Data::Ints(v) => positions.iter().map(|&i| v.get(i).copied()).collect::<Option<_>>().map(Labels::Ints),
        Data::Texts(v) => positions.iter().map(|&i| v.get(i).cloned()).collect::<Option<_>>().map(Labels::Texts),
        Data::Floats(_) => None,
    }
}
