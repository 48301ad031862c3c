//! XGBoost's own files: the JSON of `save_model`, or the same document as UBJSON.
//!
//! A split sends x left if x < threshold in float32, and a missing value where `default_left` says. The sums start from
//! `base_score`, which the file holds as the objective's prediction; a list has one number per class.

use super::booster::{Booster, CLASSES_MAX, FEATURES_MAX, FileNode, Link, add_tree};
use super::json::At;
use super::{NativeError, XGBOOST};
use crate::plan::{Ensemble, Mode};
use serde_json::Value;

const OBJECTIVES: &str = "these work: reg:squarederror, reg:squaredlogerror, reg:pseudohubererror, reg:absoluteerror, \
    reg:quantileerror, reg:logistic, binary:logistic, binary:logitraw, multi:softprob, multi:softmax, rank:*";

/// The booster in a document.
pub(super) fn read(document: &Value) -> Result<Booster, NativeError> {
    let learner = At::root(XGBOOST, document).field("learner")?;
    let boosting = learner.field("gradient_booster")?;
    refuse_other_boosters(boosting.field("name")?.text()?)?;
    let parameters = learner.field("learner_model_param")?;
    let features = parameters.field("num_feature")?.count(FEATURES_MAX)?;
    let groups = |name| parameters.maybe(name).map_or(Ok(1), |at| at.count(CLASSES_MAX));
    let classes = groups("num_class")?.max(groups("num_target")?).max(1);
    let objective = learner.field("objective")?.field("name")?;
    let link = link(objective.text()?)?;
    if matches!(link, Link::Binary { .. }) && classes != 1 {
        return Err(objective.refuse("one class to score", classes.to_string()));
    }
    let base = base(&parameters.field("base_score")?, classes, link)?;
    let mut forest = Ensemble { roots: vec![], nodes: vec![], classes, divisor: 1.0, base, takes_missing: true };
    trees(&boosting.field("model")?, features, &mut forest)?;
    Ok(Booster { format: XGBOOST, features, forest, link, notes: notes(&learner)? })
}

fn refuse_other_boosters(name: &str) -> Result<(), NativeError> {
    let hint = match name {
        "gbtree" => return Ok(()),
        "dart" => "train with booster=\"gbtree\": dart scales each tree when it predicts",
        "gblinear" => "export the linear model as ONNX, or train with booster=\"gbtree\"",
        _ => "train with booster=\"gbtree\"",
    };
    Err(XGBOOST.unsupported(format!("booster {name:?}"), hint))
}

fn link(objective: &str) -> Result<Link, NativeError> {
    match objective {
        "reg:squarederror"
        | "reg:linear"
        | "reg:squaredlogerror"
        | "reg:pseudohubererror"
        | "reg:absoluteerror"
        | "reg:quantileerror"
        | "binary:logitraw" => Ok(Link::Identity),
        ranking if ranking.starts_with("rank:") => Ok(Link::Identity),
        "reg:logistic" => Ok(Link::Logistic),
        "binary:logistic" => Ok(Link::Binary { steepness: 1.0 }),
        "multi:softprob" => Ok(Link::Softmax),
        "multi:softmax" => Ok(Link::Class),
        other => Err(XGBOOST.unsupported(format!("objective {other:?}"), OBJECTIVES)),
    }
}

/// Where each class's sum starts.
fn base(at: &At<'_>, classes: usize, link: Link) -> Result<Vec<f32>, NativeError> {
    let text = at.text()?;
    let numbers = text.trim_start_matches('[').trim_end_matches(']').split(',').map(|number| number.trim().parse());
    let scores: Vec<f32> =
        numbers.collect::<Result<_, _>>().map_err(|_| at.refuse("a number or a list of numbers", text))?;
    let scores = match scores.as_slice() {
        &[one] => vec![one; classes],
        all if all.len() == classes => scores,
        all => return Err(at.refuse(format!("1 or {classes} numbers"), all.len().to_string())),
    };
    let margin = |score: f32| match link {
        Link::Logistic | Link::Binary { .. } => -(1.0 / score - 1.0).ln(),
        _ => score,
    };
    let base: Vec<f32> = scores.into_iter().map(margin).collect();
    match base.iter().all(|b| b.is_finite()) {
        true => Ok(base),
        false => Err(at.refuse("a score that the objective can predict", text)),
    }
}

fn notes(learner: &At<'_>) -> Result<Vec<String>, NativeError> {
    let Some(best) = learner.maybe("attributes").and_then(|attributes| attributes.maybe("best_iteration")) else {
        return Ok(vec![]);
    };
    let best = best.text()?;
    Ok(vec![format!(
        "the file names iteration {best} as the best one; all trees count here, as in Booster.predict (to keep the best \
         ones only, save booster[: best_iteration + 1])"
    )])
}

fn trees(model: &At<'_>, features: usize, forest: &mut Ensemble) -> Result<(), NativeError> {
    let info = model.field("tree_info")?;
    let groups = info.ints()?;
    let trees = model.field("trees")?.list()?;
    if groups.len() != trees.len() {
        return Err(info.refuse(format!("{} numbers", trees.len()), groups.len().to_string()));
    }
    if trees.is_empty() {
        return Err(XGBOOST.unsupported("a booster without trees", "train it for one round at least"));
    }
    for (tree, &group) in trees.iter().zip(&groups) {
        let class = usize::try_from(group).ok().filter(|&class| class < forest.classes);
        let class = class.ok_or_else(|| info.refuse(format!("numbers below {}", forest.classes), group.to_string()))?;
        add(tree, class, features, forest)?;
    }
    Ok(())
}

/// The columns of one tree.
struct Columns {
    left: Vec<i64>,
    right: Vec<i64>,
    feature: Vec<i64>,
    /// Of a leaf, its value.
    threshold: Vec<f64>,
    default_left: Vec<bool>,
}

fn columns(tree: &At<'_>) -> Result<Columns, NativeError> {
    let columns = Columns {
        left: tree.field("left_children")?.ints()?,
        right: tree.field("right_children")?.ints()?,
        feature: tree.field("split_indices")?.ints()?,
        threshold: tree.field("split_conditions")?.numbers()?,
        default_left: tree.field("default_left")?.flags()?,
    };
    let count = columns.left.len();
    let others = [columns.right.len(), columns.feature.len(), columns.threshold.len(), columns.default_left.len()];
    match others.iter().find(|&&len| len != count) {
        Some(len) => Err(tree.refuse(format!("lists of {count} nodes"), len.to_string())),
        None => Ok(columns),
    }
}

fn add(tree: &At<'_>, class: usize, features: usize, forest: &mut Ensemble) -> Result<(), NativeError> {
    let width = tree.maybe("tree_param").and_then(|parameters| parameters.maybe("size_leaf_vector"));
    if width.map_or(Ok(1), |width| width.int())? > 1 {
        let hint = "train with multi_strategy=\"one_output_per_tree\"";
        return Err(XGBOOST.unsupported("leaves with a value per target", hint));
    }
    let categorical = tree.maybe("split_type").map_or(Ok(vec![]), |types| types.ints())?;
    let columns = columns(tree)?;
    let read = |node: usize| {
        let column = |column: &[i64]| column.get(node).copied();
        let (Some(left), Some(right), Some(index)) =
            (column(&columns.left), column(&columns.right), column(&columns.feature))
        else {
            return Err(tree.refuse(format!("children below {}", columns.left.len()), node.to_string()));
        };
        let threshold = columns.threshold[node] as f32;
        if left < 0 {
            return Ok(FileNode::Leaf(threshold));
        }
        if categorical.get(node).is_some_and(|&kind| kind != 0) {
            let hint = "encode categories as numbers (one-hot) before training";
            return Err(XGBOOST.unsupported(format!("a categorical split on feature {index}"), hint));
        }
        let feature = usize::try_from(index).ok().filter(|&feature| feature < features);
        let feature = feature.ok_or_else(|| tree.refuse(format!("features below {features}"), index.to_string()))?;
        let child = |child: i64| usize::try_from(child).map_err(|_| tree.refuse("two children", child.to_string()));
        let (yes, no) = (child(left)?, child(right)?);
        Ok(FileNode::Split { feature, mode: Mode::Lt, threshold, yes, no, missing_yes: columns.default_left[node] })
    };
    add_tree(forest, (class, 0), || tree.path().to_string(), XGBOOST, read)
}
