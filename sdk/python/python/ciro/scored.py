"""Classifiers that score classes by what skl2onnx has no form of."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from ciro import pieces
from ciro.nodes import Nodes, classified


def quadratic(scope: Any, operator: Any, container: Any) -> None:
    """Quadratic discriminant analysis: squares of a row in the axes of each class."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    turns = [np.asarray(rotation) * np.asarray(scaling) ** -0.5 for rotation, scaling in zip(model.rotations_, model.scalings_)]
    volumes = np.asarray([np.log(np.asarray(scaling)).sum() for scaling in model.scalings_])
    by_distances(nodes, turns, np.asarray(model.means_), np.log(np.asarray(model.priors_)) - 0.5 * volumes)


def gaussian_bayes(scope: Any, operator: Any, container: Any) -> None:
    """Naive Bayes of normal columns: squares of each column in the units of each class."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    spreads = np.asarray(model.var_)
    turns = [np.diag(spread**-0.5) for spread in spreads]
    by_distances(nodes, turns, np.asarray(model.theta_), np.log(np.asarray(model.class_prior_)) - 0.5 * np.log(spreads).sum(axis=1))


def by_distances(nodes: Nodes, turns: list[Any], means: Any, offsets: Any, names: Optional[list[Any]] = None) -> None:
    """The class whose offset less half the squared distance from its mean, once turned, is the largest. `names`: of the classes, where
    the estimator has none."""
    distances = squared_distances(nodes, nodes.row(), turns, means)
    label, scores = _of_two(nodes, distances, -0.5 * np.eye(len(turns)), offsets, names)
    nodes.gives(label)
    nodes.gives(scores, 1)


def squared_distances(nodes: Nodes, row: str, turns: list[Any], means: Any) -> str:
    """The squared distance of a row from each mean, in axes that are turned for each."""
    turned = nodes.affine(row, np.hstack(turns), np.concatenate([-mean @ turn for mean, turn in zip(means, turns)]))
    squares = nodes.add("Pow", [turned, nodes.constant([2.0])])
    # Sums of equal parts keep what a matrix of zeros and ones would drop.
    count, size = len(turns), turns[0].shape[1]
    parts = nodes.add("Reshape", [squares, nodes.whole([count, size])])
    sums = nodes.add("ReduceSum", [parts, nodes.whole([1])], keepdims=0)
    return str(nodes.add("Reshape", [sums, nodes.whole([1, count])]))


def centroids(scope: Any, operator: Any, container: Any) -> None:
    """The class of the nearest mean. Squares of the row are in all distances, so that scores are lines."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    if model.metric != "euclidean":
        raise NotImplementedError(f"metric={model.metric!r}")
    prior = np.asarray(model.class_prior_)
    spread = np.where(np.asarray(model.within_class_std_dev_) != 0, model.within_class_std_dev_, 1.0)
    means, row = np.asarray(model.centroids_) / spread, nodes.row()
    label, scores = _of_two(nodes, row, 2 * means / spread, 2 * np.log(prior) - (means**2).sum(axis=1))
    if np.isclose(prior, 1 / len(prior)).all():
        # Classes of the same size are told by plain distances.
        plain = np.asarray(model.centroids_)
        label, _ = _of_two(nodes, row, 2 * plain, -(plain**2).sum(axis=1))
    nodes.gives(label)
    nodes.gives(scores, 1)


def _of_two(nodes: Nodes, row: str, weights: Any, bias: Any, names: Optional[list[Any]] = None) -> tuple[str, str]:
    """Of two classes the difference of both scores decides."""
    if len(bias) == 2:
        difference, offset = weights[1] - weights[0], bias[1] - bias[0]
        return classified(nodes, row, np.stack([-difference, difference]), np.asarray([-offset, offset]), "LOGISTIC", names)
    return classified(nodes, row, weights, bias, names=names)


def categorical_bayes(scope: Any, operator: Any, container: Any) -> None:
    """Naive Bayes of categories: a tree per column votes with the logarithms that its categories have."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    trees: dict[str, list[Any]] = {}
    for feature, table in enumerate(model.feature_log_prob_):
        _add(trees, np.asarray(table).T, feature)
    count = len(model.classes_)
    sums = nodes.trees(nodes.row(), count, trees)
    label, scores = _of_two(nodes, sums, np.eye(count), np.asarray(model.class_log_prior_))
    nodes.gives(label)
    nodes.gives(scores, 1)


def _add(trees: dict[str, list[Any]], rows: Any, feature: int) -> None:
    """A further tree that gives the row of the whole number in a column; a fraction belongs to the number below."""
    tree = pieces.tree(np.arange(1, len(rows), dtype=np.float32), rows, feature)
    tree.pop("n_targets")
    number = max(trees.get("nodes_treeids", [-1])) + 1
    for key, values in tree.items():
        numbered = [number] * len(values) if key.endswith("treeids") else values
        trees.setdefault(key, []).extend(numbered)


def several_targets(scope: Any, operator: Any, container: Any) -> None:
    """A forest that classifies several targets at once: the probabilities of all of them, side by side."""
    nodes, forest = Nodes(scope, operator, container), operator.raw_operator
    parts = getattr(forest, "estimators_", [forest])
    trees: dict[str, list[Any]] = {}
    counts = [len(names) for names in forest.classes_]
    for number, part in enumerate(parts):
        add_fitted(trees, part.tree_, number, [_all_shares(weights, counts) / len(parts) for weights in part.tree_.value])
    nodes.gives(nodes.trees(nodes.row(), sum(counts), trees))


def add_fitted(trees: dict[str, list[Any]], tree: Any, number: int, rows: Any) -> None:
    """A further tree of scikit-learn's. `rows`: what each node answers, if it is a leaf."""
    is_leaf = tree.children_left < 0
    size = tree.node_count
    columns = {
        "nodes_treeids": [number] * size,
        "nodes_nodeids": list(range(size)),
        "nodes_featureids": np.where(is_leaf, 0, tree.feature).tolist(),
        "nodes_modes": ["LEAF" if leaf else "BRANCH_LEQ" for leaf in is_leaf],
        "nodes_values": np.where(is_leaf, 0.0, _below(tree.threshold)).tolist(),
        "nodes_truenodeids": np.where(is_leaf, 0, tree.children_left).tolist(),
        "nodes_falsenodeids": np.where(is_leaf, 0, tree.children_right).tolist(),
        "nodes_hitrates": [1.0] * size,
    }
    leaves = np.flatnonzero(is_leaf).tolist()
    values = [np.asarray(rows[leaf], dtype=np.float64) for leaf in leaves]
    width = len(values[0])
    columns["target_treeids"] = [number] * (len(leaves) * width)
    columns["target_nodeids"] = [leaf for leaf in leaves for _ in range(width)]
    columns["target_ids"] = list(range(width)) * len(leaves)
    columns["target_weights"] = [float(value) for row in values for value in row]
    for key, made in columns.items():
        trees.setdefault(key, []).extend(made)


def _all_shares(weights: Any, counts: list[int]) -> Any:
    """The shares of each target's classes, side by side."""
    return np.concatenate([_shares(weights[k, :n]) for k, n in enumerate(counts)])


def _shares(weights: Any) -> Any:
    total = weights.sum()
    return weights / total if total > 0 else weights


def _below(thresholds: Any) -> Any:
    """The largest float32 not above each threshold, which compares with float32s as the threshold does."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


def label_by_margins(scope: Any, operator: Any, container: Any) -> None:
    """The class with the largest margin of a linear classifier."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    weights, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(weights) == 1:
        weights, bias = np.vstack([-weights, weights]), np.concatenate([-bias, bias])
    label, _ = classified(nodes, nodes.row(), weights, bias, "NONE")
    nodes.gives(label)
