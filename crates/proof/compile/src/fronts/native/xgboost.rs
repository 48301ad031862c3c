//! XGBoost's own files: the JSON of `save_model`, or the same document as UBJSON.
//!
//! A split sends x left if x < threshold in float32, and a missing value where `default_left` says. The sums start from
//! `base_score`, which the file holds as the objective's prediction; a list has one number per class.

use super::booster::{Body, Booster, CLASSES_MAX, FEATURES_MAX, FileNode, Link, Membership, Memberships, add_tree};
use super::header::{category, named, texts};
use super::json::At;
use crate::graph::forest::{Ensemble, Mode};
use crate::graph::plan::Affine;
use crate::terms::native::{NativeError, XGBOOST};
use crate::terms::signature::Rounds;
use ciro_graph::{Column, Unseen};
use serde_json::Value;
use std::collections::BTreeMap;

const OBJECTIVES: &str = "these work: reg:squarederror, reg:squaredlogerror, reg:pseudohubererror, reg:absoluteerror, \
    reg:quantileerror, reg:logistic, reg:gamma, reg:tweedie, count:poisson, survival:cox, survival:aft, binary:logistic, \
    binary:logitraw, binary:hinge, multi:softprob, multi:softmax, rank:*";

/// The booster in a document.
pub(super) fn read(document: &Value, said: Option<Rounds>) -> Result<Booster, NativeError> {
    let learner = At::root(XGBOOST, document).field("learner")?;
    let parameters = learner.field("learner_model_param")?;
    let features = parameters.field("num_feature")?.count(FEATURES_MAX)?;
    let groups = |name| parameters.maybe(name).map_or(Ok(1), |at| at.count(CLASSES_MAX));
    let targets = groups("num_target")?;
    let classes = groups("num_class")?.max(targets).max(1);
    let objective = learner.field("objective")?.field("name")?;
    let link = match link(objective.text()?)? {
        // Several labels, each by itself.
        Link::Binary { .. } if targets > 1 => Link::Logistic,
        link => link,
    };
    if matches!(link, Link::Binary { .. } | Link::Sign) && classes != 1 {
        return Err(objective.refuse("one class to score", classes.to_string()));
    }
    let base = base(&parameters.field("base_score")?, classes, link)?;
    let (rounds, notes) = rounds(&learner, said)?;
    let boosting = learner.field("gradient_booster")?;
    let body = match boosting.field("name")?.text()? {
        "gbtree" => trees(&boosting.field("model")?, None, (features, rounds), base)?,
        "dart" => {
            let weights = boosting.field("weight_drop")?;
            trees(&boosting.field("gbtree")?.field("model")?, Some(&weights), (features, rounds), base)?
        }
        "gblinear" => linear(&boosting.field("model")?.field("weights")?, features, &base)?,
        other => {
            return Err(XGBOOST.unsupported(format!("booster {other:?}"), "train with booster=\"gbtree\""));
        }
    };
    let columns = named_columns(&learner, features)?;
    Ok(Booster { format: XGBOOST, features, columns, double: false, body, link, notes })
}

/// Names, and the categories of those that have some.
fn named_columns(learner: &At<'_>, features: usize) -> Result<Vec<Column>, NativeError> {
    let names = texts(learner.maybe("feature_names"))?;
    let mut columns = if names.len() == features { named(&names) } else { vec![] };
    // Of DART, the trees lie one level deeper.
    let booster = learner.field("gradient_booster")?;
    let booster = booster.maybe("gbtree").unwrap_or(booster);
    let lists = booster.maybe("model").and_then(|model| model.maybe("cats")?.maybe("enc"));
    let lists = lists.map_or(Ok(vec![]), |lists| lists.list())?;
    let categories: Vec<Vec<String>> = lists.iter().map(encoded).collect::<Result<_, _>>()?;
    if categories.len() == features && categories.iter().any(|list| !list.is_empty()) {
        columns.resize(features, Column::default());
        for (column, list) in columns.iter_mut().zip(categories) {
            // As the library refuses it.
            *column = Column { categories: list, unseen: Unseen::Refused, ..std::mem::take(column) };
        }
    }
    Ok(columns)
}

/// The categories of a feature: numbers, or the bytes of texts with the offsets of their ends.
fn encoded(list: &At<'_>) -> Result<Vec<String>, NativeError> {
    let values = list.field("values")?;
    let Some(offsets) = list.maybe("offsets") else {
        return values.list()?.iter().map(|value| Ok(category(value.value()))).collect();
    };
    let bytes: Vec<u8> = values.ints()?.into_iter().map(|byte| byte as u8).collect();
    let text = |ends: &[i64]| {
        let own = usize::try_from(ends[0]).ok().zip(usize::try_from(ends[1]).ok());
        let own = own.and_then(|(start, end)| bytes.get(start..end)?.to_vec().into());
        let text = own.and_then(|own| String::from_utf8(own).ok());
        text.ok_or_else(|| offsets.refuse("ascending ends of UTF-8 texts", format!("{ends:?}")))
    };
    offsets.ints()?.windows(2).map(text).collect()
}

/// Weights by feature, then the offsets; in each, by class. The library adds the first base score to all classes.
fn linear(weights: &At<'_>, features: usize, base: &[f32]) -> Result<Body, NativeError> {
    let n = base.len();
    let values: Vec<f32> = weights.numbers()?.into_iter().map(|w| w as f32).collect();
    if values.len() != (features + 1) * n || values.iter().any(|w| !w.is_finite()) {
        return Err(weights.refuse(format!("{} finite numbers", (features + 1) * n), values.len().to_string()));
    }
    let (weight, bias) = values.split_at(features * n);
    let start = base.first().copied().unwrap_or(0.0);
    let bias = bias.iter().map(|bias| bias + start).collect();
    Ok(Body::Linear(Affine { n, weight: weight.to_vec(), bias }))
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
        "binary:hinge" => Ok(Link::Sign),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => Ok(Link::Exponential),
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
        Link::Exponential => score.ln(),
        Link::Identity | Link::SignedSquare | Link::Sign | Link::Softmax | Link::Class | Link::OneVersusAll { .. } => {
            score
        }
    };
    let base: Vec<f32> = scores.into_iter().map(margin).collect();
    match base.iter().all(|b| b.is_finite()) {
        true => Ok(base),
        false => Err(at.refuse("a score that the objective can predict", text)),
    }
}

/// How many rounds `predict` takes, if not all. The estimators of XGBoost's scikit-learn interface stop after the best one, and mark
/// their files; a `Booster` takes all.
fn rounds(learner: &At<'_>, said: Option<Rounds>) -> Result<(Option<usize>, Vec<String>), NativeError> {
    let attribute = |name| learner.maybe("attributes").and_then(|attributes| attributes.maybe(name));
    let Some(best) = attribute("best_iteration") else { return Ok((None, vec![])) };
    let number = best.count(usize::MAX >> 1)?;
    let by_estimator = attribute("scikit_learn").map(|_| Rounds::Best);
    match said.or(by_estimator) {
        Some(Rounds::Best) => {
            let note = format!("trees up to the best iteration, {number}, count, as in the estimator's predict");
            Ok((Some(number + 1), vec![note]))
        }
        Some(Rounds::All) => Ok((None, vec!["all trees count, as in Booster.predict".into()])),
        None => {
            let what = format!(
                "training stopped early, at best in iteration {number}, and the file does not say who predicts"
            );
            let hint = "--rounds best if an XGBClassifier or XGBRegressor predicts with it, --rounds all if Booster.predict does (in \
                        Python rounds=\"best\" or \"all\")";
            Err(XGBOOST.unsupported(what, hint))
        }
    }
}

fn trees(
    model: &At<'_>,
    weights: Option<&At<'_>>,
    (features, rounds): (usize, Option<usize>),
    base: Vec<f32>,
) -> Result<Body, NativeError> {
    let classes = base.len();
    let mut forest = Ensemble { roots: vec![], nodes: vec![], classes, divisor: 1.0, base, takes_missing: true };
    let mut memberships = Memberships::default();
    let info = model.field("tree_info")?;
    let groups = info.ints()?;
    let trees = model.field("trees")?.list()?;
    if groups.len() != trees.len() {
        return Err(info.refuse(format!("{} numbers", trees.len()), groups.len().to_string()));
    }
    if trees.is_empty() {
        return Err(XGBOOST.unsupported("a booster without trees", "train it for one round at least"));
    }
    let weights = match weights {
        Some(at) => at.numbers()?.into_iter().map(|weight| weight as f32).collect(),
        None => vec![1.0; trees.len()],
    };
    if weights.len() != trees.len() {
        return Err(model.refuse(format!("a weight for each of {} trees", trees.len()), weights.len().to_string()));
    }
    let kept = kept(model, rounds, trees.len())?;
    for ((tree, &group), &weight) in trees.iter().zip(&groups).zip(&weights).take(kept) {
        let class = usize::try_from(group).ok().filter(|&class| class < classes);
        let class = class.ok_or_else(|| info.refuse(format!("numbers below {classes}"), group.to_string()))?;
        add(tree, (class, weight), features, (&mut forest, &mut memberships))?;
    }
    Ok(Body::Trees(forest, memberships))
}

/// How many trees the first `rounds` have; all of them if nothing says less.
fn kept(model: &At<'_>, rounds: Option<usize>, trees: usize) -> Result<usize, NativeError> {
    let Some(rounds) = rounds else { return Ok(trees) };
    let Some(at) = model.maybe("iteration_indptr") else {
        let hint = "save the model again with a current version of XGBoost, or booster[: best_iteration + 1]";
        return Err(
            XGBOOST.unsupported("a model that stopped early, in a file that does not say where rounds end", hint)
        );
    };
    let ends = at.ints()?;
    Ok(ends.get(rounds).and_then(|&end| usize::try_from(end).ok()).unwrap_or(trees).min(trees))
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

/// The categories of each node that splits by them: those that go right.
fn categories(tree: &At<'_>) -> Result<BTreeMap<usize, Vec<u32>>, NativeError> {
    let Some(nodes) = tree.maybe("categories_nodes") else { return Ok(BTreeMap::new()) };
    let (all, nodes) = (tree.field("categories")?, nodes.ints()?);
    let (starts, sizes) = (tree.field("categories_segments")?.ints()?, tree.field("categories_sizes")?.ints()?);
    let values = all.ints()?;
    let mut found = BTreeMap::new();
    for ((&node, &start), &size) in nodes.iter().zip(&starts).zip(&sizes) {
        let range = usize::try_from(start).ok().zip(usize::try_from(size).ok());
        let range = range.and_then(|(start, size)| values.get(start..start.checked_add(size)?));
        let range = range.ok_or_else(|| all.refuse("the categories of each node", format!("none for node {node}")))?;
        let category = |&c: &i64| u32::try_from(c).ok().filter(|&c| c < 1 << 24);
        let mut categories: Vec<u32> = range
            .iter()
            .map(|c| category(c).ok_or_else(|| all.refuse("numbers below 2²⁴", c.to_string())))
            .collect::<Result<_, _>>()?;
        categories.sort_unstable();
        categories.dedup();
        let node = usize::try_from(node).map_err(|_| all.refuse("nodes", node.to_string()))?;
        found.insert(node, categories);
    }
    Ok(found)
}

/// The leaves of a tree that votes for all targets at once; `None` if it votes for one.
fn vectors(tree: &At<'_>, classes: usize) -> Result<Option<Vec<Vec<f32>>>, NativeError> {
    let width = tree.maybe("tree_param").and_then(|parameters| parameters.maybe("size_leaf_vector"));
    if width.map_or(Ok(1), |width| width.int())? <= 1 {
        return Ok(None);
    }
    let Some(leaves) = tree.maybe("leaf_weights") else {
        let hint = "save the model again with a current version of XGBoost";
        return Err(XGBOOST.unsupported("vectors at leaves in an older format", hint));
    };
    let values: Vec<f32> = leaves.numbers()?.into_iter().map(|value| value as f32).collect();
    if !values.len().is_multiple_of(classes) {
        return Err(leaves.refuse(format!("{classes} numbers for each leaf"), values.len().to_string()));
    }
    Ok(Some(values.chunks(classes).map(<[f32]>::to_vec).collect()))
}

fn add(
    tree: &At<'_>,
    (class, weight): (usize, f32),
    features: usize,
    (forest, memberships): (&mut Ensemble, &mut Memberships),
) -> Result<(), NativeError> {
    let vectors = vectors(tree, forest.classes)?;
    let categorical = tree.maybe("split_type").map_or(Ok(vec![]), |types| types.ints())?;
    let categories = categories(tree)?;
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
            let Some(vectors) = &vectors else { return Ok(FileNode::Leaf(threshold * weight)) };
            // Where a split has its right child, a leaf has the number of its vector.
            let own = usize::try_from(right).ok().and_then(|leaf| vectors.get(leaf));
            let own = own.ok_or_else(|| tree.refuse(format!("leaves below {}", vectors.len()), right.to_string()))?;
            return Ok(FileNode::Leaves(own.iter().map(|value| value * weight).collect()));
        }
        let feature = usize::try_from(index).ok().filter(|&feature| feature < features);
        let feature = feature.ok_or_else(|| tree.refuse(format!("features below {features}"), index.to_string()))?;
        let child = |child: i64| usize::try_from(child).map_err(|_| tree.refuse("two children", child.to_string()));
        let (yes, no, missing_yes) = (child(left)?, child(right)?, columns.default_left[node]);
        if categorical.get(node).is_none_or(|&kind| kind == 0) {
            let threshold = f64::from(threshold);
            return Ok(FileNode::Split { feature, mode: Mode::Lt, threshold, yes, no, missing_yes });
        }
        let categories = categories.get(&node).filter(|categories| !categories.is_empty()).cloned();
        let categories = categories.ok_or_else(|| tree.refuse("categories for each split by them", "none"))?;
        // What is a category of the split goes right, and everything else, categories that were never seen included, left.
        let membership = Membership::of(feature, &categories, !missing_yes, false);
        Ok(FileNode::Member { number: memberships.number(membership), member: no, other: yes })
    };
    add_tree(forest, (class, 0, features), || tree.path().to_string(), XGBOOST, read)
}
