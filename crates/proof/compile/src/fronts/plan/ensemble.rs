//! Tree ensembles of ai.onnx.ml, versions 1 to 3.

use super::builder::Bound;
use super::ctx::Ctx;
use super::scores::{
    Post, bind_label, class_labels, features, pair, post_transform, single_target_has_no_transform, transformed,
};
use crate::graph::forest::{Ensemble, Mode, TreeNode};
use crate::graph::plan::{Id, Kind};
use crate::terms::error::CompileError;
use std::collections::BTreeMap;

/// Names of the vote attributes, which differ between classifier and regressor.
struct VoteNames {
    trees: &'static str,
    nodes: &'static str,
    ids: &'static str,
    weights: &'static str,
    /// Where a double model has them.
    weights_as_tensor: &'static str,
}

const CLASS: VoteNames = VoteNames {
    trees: "class_treeids",
    nodes: "class_nodeids",
    ids: "class_ids",
    weights: "class_weights",
    weights_as_tensor: "class_weights_as_tensor",
};
const TARGET: VoteNames = VoteNames {
    trees: "target_treeids",
    nodes: "target_nodeids",
    ids: "target_ids",
    weights: "target_weights",
    weights_as_tensor: "target_weights_as_tensor",
};

/// What every class starts from.
fn base(ctx: &mut Ctx<'_>) -> Result<Vec<f32>, CompileError> {
    let base = ctx.attributes.numbers("base_values", "base_values_as_tensor")?;
    Ok(base.into_iter().map(|v| v as f32).collect())
}

pub(super) fn classifier(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (x, k) = features(ctx)?;
    let labels = class_labels(ctx, "classlabels_int64s")?;
    let post = post_transform(ctx)?;
    let mut forest = read_forest(ctx, k, &CLASS, labels.len())?;
    let base = &base(ctx)?;
    match labels.len() {
        0 | 1 => Err(ctx.form(format!("{} class labels", labels.len()), "a classifier has at least two classes")),
        2 => two_classes(ctx, x, forest, base, (labels, post)),
        classes => {
            forest.base = base_values(ctx, base, classes)?;
            if base.is_empty() && ctx.names(0) {
                every_class_is_scored(ctx, &forest)?;
            }
            let scores = ctx.push(Kind::Trees(forest), vec![x], classes);
            bind_label(ctx, scores, labels);
            let apart = ctx.builder.catboost.is_some_and(|catboost| catboost.apart);
            if apart {
                ctx.note(
                    "the file holds a softmax; each class has a probability of its own, as in CatBoost's predict"
                        .into(),
                );
            }
            let id = transformed(ctx, scores, classes, if apart { Post::Logistic } else { post });
            ctx.bind(1, Bound::Value { id, dims: vec![1, classes] });
            Ok(())
        }
    }
}

/// Two classes. The usual form votes for one column only. The second column follows from it, as onnxruntime has it. The rule depends on
/// whether the votes can be negative (margins) or not (probabilities).
fn two_classes(
    ctx: &mut Ctx<'_>,
    x: Id,
    mut forest: Ensemble,
    base: &[f32],
    (labels, post): (crate::terms::labels::Labels, Post),
) -> Result<(), CompileError> {
    let mirrored = post == Post::Logistic && base.is_empty() && is_mirrored(&forest);
    if mirrored {
        keep_second_column(&mut forest);
    }
    let votes = || forest.nodes.iter().filter_map(|n| if let TreeNode::Leaf(votes) = n { Some(votes) } else { None });
    if votes().flatten().any(|&(class, _)| class != 0) {
        return two_columns(ctx, x, forest, base, post);
    }
    if base.len() > 1 {
        return Err(ctx.attributes.refuse(
            "base_values",
            "at most 1 number for one column of votes",
            base.len().to_string(),
        ));
    }
    let probabilities = !mirrored && votes().flatten().all(|&(_, weight)| weight >= 0.0);
    forest.classes = 1;
    forest.base = vec![base.first().copied().unwrap_or(0.0)];
    if let (true, true, Some(trees)) = (probabilities && post == Post::None, base.is_empty(), averaged(&forest)) {
        return average(ctx, x, forest, (labels, trees));
    }
    let score = ctx.push(Kind::Trees(forest), vec![x], 1);
    let bias = if probabilities { [1.0, 0.0] } else { [0.0, 0.0] };
    let columns = pair(ctx, score, [-1.0, 1.0], bias);
    bind_label(ctx, columns, labels);
    let id = match post {
        Post::Logistic if probabilities => {
            let margins = pair(ctx, score, [-1.0, 1.0], [0.0, 0.0]);
            ctx.push(Kind::Sigmoid, vec![margins], 2)
        }
        Post::Logistic => ctx.push(Kind::Sigmoid, vec![columns], 2),
        Post::None | Post::Softmax => columns,
    };
    ctx.bind(1, Bound::Value { id, dims: vec![1, 2] });
    Ok(())
}

/// Largest distance of a leaf's vote from one, as a part of that, where float32 has rounded it.
const ROUNDED: f32 = 1e-6;

/// The number of trees, if this forest averages probabilities. Then a leaf of one class votes with one divided by that number.
fn averaged(forest: &Ensemble) -> Option<f32> {
    let votes = forest.nodes.iter().filter_map(|n| if let TreeNode::Leaf(votes) = n { Some(votes) } else { None });
    let most = votes.flatten().fold(0.0f32, |most, &(_, weight)| most.max(weight));
    let trees = forest.roots.len() as f32;
    (forest.roots.len() > 1 && (most * trees - 1.0).abs() <= ROUNDED).then_some(trees)
}

/// Probabilities that trees agree on, added up before they are divided. Half of all trees is exactly half then. Such a tie is the first
/// class, as in scikit-learn.
fn average(
    ctx: &mut Ctx<'_>,
    x: Id,
    mut forest: Ensemble,
    (labels, trees): (crate::terms::labels::Labels, f32),
) -> Result<(), CompileError> {
    for node in &mut forest.nodes {
        if let TreeNode::Leaf(votes) = node {
            votes.iter_mut().for_each(|vote| vote.1 = (f64::from(vote.1) * f64::from(trees)) as f32);
        }
    }
    let score = ctx.push(Kind::Trees(forest), vec![x], 1);
    let sums = pair(ctx, score, [-1.0, 1.0], [trees, 0.0]);
    bind_label(ctx, sums, labels);
    let id = pair(ctx, score, [-1.0 / trees, 1.0 / trees], [1.0, 0.0]);
    ctx.bind(1, Bound::Value { id, dims: vec![1, 2] });
    Ok(())
}

/// Whether every leaf votes for one class what it votes against the other, as CatBoost's do.
fn is_mirrored(forest: &Ensemble) -> bool {
    let mirrored = |votes: &[(usize, f32)]| match votes {
        [] => true,
        &[(a, v), (b, w)] => a + b == 1 && v + w == 0.0,
        [..] => false,
    };
    let twice = |votes: &[(usize, f32)]| votes.len() == 2;
    let leaves = || forest.nodes.iter().filter_map(|n| if let TreeNode::Leaf(votes) = n { Some(votes) } else { None });
    leaves().all(|votes| mirrored(votes)) && leaves().any(|votes| twice(votes))
}

/// Keeps the votes for the second class, as those of the only column.
fn keep_second_column(forest: &mut Ensemble) {
    for node in &mut forest.nodes {
        if let TreeNode::Leaf(votes) = node {
            votes.retain(|&(class, _)| class == 1);
            votes.iter_mut().for_each(|vote| vote.0 = 0);
        }
    }
}

fn two_columns(ctx: &mut Ctx<'_>, x: Id, forest: Ensemble, base: &[f32], post: Post) -> Result<(), CompileError> {
    if ctx.names(0) || !base.is_empty() {
        return Err(ctx.form(
            "a label (or base values) of two classes that are both voted for, on which runtimes disagree",
            "export votes for one class only, as skl2onnx and onnxmltools do",
        ));
    }
    let scores = ctx.push(Kind::Trees(forest), vec![x], 2);
    let id = transformed(ctx, scores, 2, post);
    ctx.bind(1, Bound::Value { id, dims: vec![1, 2] });
    Ok(())
}

/// Runtimes leave classes that got no vote out of the arg max. That makes no difference if votes are never negative, or if
/// each class has a tree in which every leaf votes for it.
fn every_class_is_scored(ctx: &Ctx<'_>, forest: &Ensemble) -> Result<(), CompileError> {
    let leaf_votes = |root: usize| {
        let (mut stack, mut leaves) = (vec![root], Vec::new());
        while let Some(node) = stack.pop() {
            match &forest.nodes[node] {
                TreeNode::Leaf(votes) => leaves.push(votes),
                TreeNode::Split { yes, no, .. } => stack.extend([yes, no]),
            }
        }
        leaves
    };
    let mut scored = vec![false; forest.classes];
    let mut negative = false;
    for &root in &forest.roots {
        let leaves = leaf_votes(root);
        negative |= leaves.iter().any(|votes| votes.iter().any(|&(_, w)| w < 0.0));
        for &(class, _) in leaves.first().into_iter().copied().flatten() {
            scored[class] |= leaves.iter().all(|votes| votes.iter().any(|&(c, _)| c == class));
        }
    }
    if negative && scored.contains(&false) {
        return Err(ctx.form(
            "a class that a sample may reach no vote for, next to negative votes",
            "let each leaf vote for its tree's class, with weight zero where nothing is added",
        ));
    }
    Ok(())
}

pub(super) fn regressor(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (x, k) = features(ctx)?;
    let targets = ctx.attributes.int("n_targets")?.unwrap_or(1);
    let targets = usize::try_from(targets).ok().filter(|&t| t > 0);
    let targets = targets.ok_or_else(|| ctx.attributes.refuse("n_targets", "a positive number", "another"))?;
    let post = post_transform(ctx)?;
    single_target_has_no_transform(ctx, targets, post)?;
    let mut forest = read_forest(ctx, k, &TARGET, targets)?;
    match ctx.attributes.text("aggregate_function")?.as_deref() {
        None | Some("SUM") => {}
        Some("AVERAGE") => forest.divisor = forest.roots.len() as f32,
        Some(other) => return Err(ctx.attributes.refuse("aggregate_function", "SUM or AVERAGE", other)),
    }
    let base = base(ctx)?;
    forest.base = base_values(ctx, &base, targets)?;
    let scores = ctx.push(Kind::Trees(forest), vec![x], targets);
    let mut id = transformed(ctx, scores, targets, post);
    if ctx.builder.catboost.is_some_and(|catboost| catboost.exponential) {
        ctx.note("the file holds sums; the predictions are their exponentials, as in CatBoost's predict".into());
        id = ctx.push(Kind::Exp, vec![id], targets);
    }
    ctx.bind(0, Bound::Value { id, dims: vec![1, targets] });
    Ok(())
}

fn base_values(ctx: &Ctx<'_>, base: &[f32], classes: usize) -> Result<Vec<f32>, CompileError> {
    match base {
        [] => Ok(vec![0.0; classes]),
        all if all.len() == classes => Ok(all.to_vec()),
        all => Err(ctx.attributes.refuse("base_values", format!("0 or {classes} numbers"), all.len().to_string())),
    }
}

/// The node attributes, one element per node.
struct Columns<'a> {
    trees: &'a [i64],
    ids: &'a [i64],
    features: &'a [i64],
    modes: Vec<String>,
    thresholds: Vec<f64>,
    yes: &'a [i64],
    no: &'a [i64],
    /// One where a missing value goes to the yes-child; empty if none does.
    missing: &'a [i64],
}

/// A node's name: tree and number.
type Key = (i64, i64);

fn read_forest(
    ctx: &mut Ctx<'_>,
    features: usize,
    names: &VoteNames,
    classes: usize,
) -> Result<Ensemble, CompileError> {
    ctx.attributes.ignore(&["nodes_hitrates", "nodes_hitrates_as_tensor"]);
    let columns = read_columns(ctx)?;
    let count = columns.ids.len();
    let mut index: BTreeMap<Key, usize> = BTreeMap::new();
    for i in 0..count {
        if index.insert((columns.trees[i], columns.ids[i]), i).is_some() {
            return Err(broken(ctx, (columns.trees[i], columns.ids[i]), "appears twice"));
        }
    }
    let mut nodes = Vec::with_capacity(count);
    for i in 0..count {
        nodes.push(read_node(ctx, &columns, &index, (i, features))?);
    }
    add_votes(ctx, names, classes, &index, &mut nodes)?;
    let roots = roots(ctx, &columns, &nodes)?;
    let takes_missing = columns.missing.contains(&1) || ctx.builder.catboost.is_some();
    Ok(Ensemble { roots, nodes, classes, divisor: 1.0, base: vec![0.0; classes], takes_missing })
}

fn broken(ctx: &Ctx<'_>, (tree, node): Key, what: &str) -> CompileError {
    ctx.form(format!("node {node} of tree {tree} {what}"), "re-export the model; its trees are malformed")
}

fn read_columns<'a>(ctx: &mut Ctx<'a>) -> Result<Columns<'a>, CompileError> {
    let attributes = &mut ctx.attributes;
    let columns = Columns {
        trees: attributes.ints("nodes_treeids")?,
        ids: attributes.ints("nodes_nodeids")?,
        features: attributes.ints("nodes_featureids")?,
        modes: attributes.texts("nodes_modes")?,
        thresholds: attributes.numbers("nodes_values", "nodes_values_as_tensor")?,
        yes: attributes.ints("nodes_truenodeids")?,
        no: attributes.ints("nodes_falsenodeids")?,
        missing: attributes.ints("nodes_missing_value_tracks_true")?,
    };
    let count = columns.ids.len();
    let lengths = [
        columns.trees.len(),
        columns.features.len(),
        columns.modes.len(),
        columns.thresholds.len(),
        columns.yes.len(),
        columns.no.len(),
        if columns.missing.is_empty() { count } else { columns.missing.len() },
    ];
    match lengths.iter().find(|&&len| len != count) {
        Some(len) => Err(ctx.attributes.refuse("nodes_*", format!("{count} elements each"), len.to_string())),
        None if count == 0 => Err(ctx.attributes.refuse("nodes_nodeids", "at least one node", "none")),
        None => Ok(columns),
    }
}

fn read_node(
    ctx: &Ctx<'_>,
    columns: &Columns<'_>,
    index: &BTreeMap<Key, usize>,
    (i, features): (usize, usize),
) -> Result<TreeNode, CompileError> {
    let key = (columns.trees[i], columns.ids[i]);
    let mode = match columns.modes[i].as_str() {
        "LEAF" => return Ok(TreeNode::Leaf(vec![])),
        "BRANCH_LEQ" => Mode::Leq,
        "BRANCH_LT" => Mode::Lt,
        "BRANCH_GTE" => Mode::Gte,
        "BRANCH_GT" => Mode::Gt,
        other => {
            return Err(ctx.attributes.refuse("nodes_modes", "LEAF or BRANCH_LEQ, LT, GTE, GT", other));
        }
    };
    let child = |id: i64| index.get(&(key.0, id)).copied().ok_or_else(|| broken(ctx, key, "has no such child"));
    let feature = usize::try_from(columns.features[i]).ok().filter(|&f| f < features);
    let feature = feature.ok_or_else(|| {
        let expected = format!("a number below {features}");
        ctx.attributes.refuse("nodes_featureids", expected, columns.features[i].to_string())
    })?;
    let threshold = columns.thresholds[i];
    if threshold.is_nan() {
        return Err(ctx.attributes.refuse("nodes_values", "numbers", "NaN"));
    }
    let (yes, no) = (child(columns.yes[i])?, child(columns.no[i])?);
    Ok(TreeNode::Split { feature, mode, threshold, yes, no, missing_yes: columns.missing.get(i) == Some(&1) })
}

fn add_votes(
    ctx: &mut Ctx<'_>,
    names: &VoteNames,
    classes: usize,
    index: &BTreeMap<Key, usize>,
    nodes: &mut [TreeNode],
) -> Result<(), CompileError> {
    let (trees, ids) = (ctx.attributes.ints(names.trees)?, ctx.attributes.ints(names.nodes)?);
    let targets = ctx.attributes.ints(names.ids)?;
    let weights = ctx.attributes.numbers(names.weights, names.weights_as_tensor)?;
    if [trees.len(), ids.len(), targets.len()].iter().any(|&len| len != weights.len()) {
        return Err(ctx.attributes.refuse(
            names.weights,
            "as many elements as its companions",
            weights.len().to_string(),
        ));
    }
    for (i, &weight) in weights.iter().enumerate() {
        let key = (trees[i], ids[i]);
        let class = usize::try_from(targets[i]).ok().filter(|&c| c < classes);
        let class = class.ok_or_else(|| {
            ctx.attributes.refuse(names.ids, format!("a number below {classes}"), targets[i].to_string())
        })?;
        if !weight.is_finite() {
            return Err(ctx.attributes.refuse(names.weights, "finite numbers", weight.to_string()));
        }
        let node = *index.get(&key).ok_or_else(|| broken(ctx, key, "is voted at but does not exist"))?;
        // Votes at inner nodes are never counted.
        if let TreeNode::Leaf(votes) = &mut nodes[node] {
            votes.push((class, weight as f32));
        }
    }
    Ok(())
}

/// The first node listed of each tree; checks that each tree is one.
fn roots(ctx: &Ctx<'_>, columns: &Columns<'_>, nodes: &[TreeNode]) -> Result<Vec<usize>, CompileError> {
    let mut roots = Vec::new();
    let mut seen = BTreeMap::new();
    for (i, &tree) in columns.trees.iter().enumerate() {
        if seen.insert(tree, i).is_none() {
            roots.push(i);
        }
    }
    let mut reached = vec![false; nodes.len()];
    for &root in &roots {
        let mut stack = vec![root];
        while let Some(node) = stack.pop() {
            if std::mem::replace(&mut reached[node], true) {
                return Err(broken(ctx, (columns.trees[node], columns.ids[node]), "has two parents"));
            }
            if let TreeNode::Split { yes, no, .. } = &nodes[node] {
                stack.extend([*yes, *no]);
            }
        }
    }
    Ok(roots)
}
