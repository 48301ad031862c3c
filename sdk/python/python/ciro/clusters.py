"""Estimators that tell groups of rows: the nearest centre, the likeliest normal distribution, and what lies far from all of them.

skl2onnx has few of them, and takes differences of distances that are large beside what decides. Squares of the row itself are in all
distances, so that lines tell which one is the smallest.
"""

from __future__ import annotations

import importlib
from typing import Any, Callable

import numpy as np

from ciro.arrays import Array
from ciro.nodes import Nodes, classified, largest, split_votes
from ciro.scored import by_distances, squared_distances

# Where an estimator has its centres: the first of these that it has.
CENTRES = ("subcluster_centers_", "cluster_centers_")


def centres(estimator: Any) -> Array:
    """A row for each centre."""
    found: Array = np.asarray(next(getattr(estimator, name) for name in CENTRES if hasattr(estimator, name)), dtype=np.float64)
    return found


def is_step(estimator: Any) -> bool:
    """Whether what comes next reads its distances, not its label."""
    return bool(getattr(estimator, "ciro_is_step", False))


def parser(alias: str) -> Callable[..., Any]:
    """The label is all that a group tells; a step before others makes distances."""

    def parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
        del custom_parsers
        types = importlib.import_module("skl2onnx.common.data_types")
        operator = scope.declare_local_operator(alias, model)
        operator.inputs = inputs
        made = ("distances", types.FloatTensorType()) if is_step(model) else ("label", types.Int64TensorType())
        operator.outputs.append(scope.declare_local_variable(*made))
        return operator.outputs

    return parse


def shape(operator: Any) -> None:
    rows = operator.inputs[0].get_first_dimension()
    estimator = operator.raw_operator
    operator.outputs[0].type.shape = [rows, len(centres(estimator))] if is_step(estimator) else [rows]


def nearest(scope: Any, operator: Any, container: Any) -> None:
    """The number of the nearest centre, or the distances to all of them."""
    nodes, estimator = Nodes(scope, operator, container), operator.raw_operator
    row = nodes.row()
    if is_step(estimator):
        places = centres(estimator)
        axes = [np.eye(places.shape[1])] * len(places)
        nodes.gives(nodes.add("Sqrt", [squared_distances(nodes, row, axes, places)]))
    elif hasattr(estimator, "_bisecting_tree"):
        nodes.gives(_bisected(nodes, row))
    else:
        numbers = np.asarray(getattr(estimator, "subcluster_labels_", np.arange(len(centres(estimator)))), dtype=np.int64)
        nodes.gives(_of_lines(nodes, row, centres(estimator), numbers.tolist()))


def _of_lines(nodes: Nodes, row: str, places: Array, numbers: list[int]) -> str:
    """The number of the place that is nearest, where several may have the same one."""
    weights, offsets = 2 * places, -(places**2).sum(axis=1)
    groups = sorted(set(numbers))
    if len(groups) == 1:
        # A second group, always farther away: a class is told by a comparison.
        weights, offsets, numbers = np.vstack([weights[:1]] * 2), offsets[0] - np.arange(2.0), [groups[0], groups[0] + 1]
    elif len(groups) < len(numbers):
        scores = nodes.affine(row, weights.T, offsets)
        members = [nodes.whole(np.flatnonzero(np.asarray(numbers) == group).tolist()) for group in groups]
        parts = [nodes.learnt("ArrayFeatureExtractor", [scores, columns]) for columns in members]
        best = nodes.together([nodes.add("ReduceMax", [part], axes=[1], keepdims=1) for part in parts])
        return largest(nodes, best, groups)
    label, _ = classified(nodes, row, weights, offsets, "NONE", numbers)
    return label


def _bisected(nodes: Nodes, row: str) -> str:
    """Halves of halves: a line for each cut, and a tree that reads them."""
    estimator = nodes.operator.raw_operator
    weights: list[Array] = []
    offsets: list[float] = []
    tree: dict[str, list[Any]] = {key: [] for key in ("nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")}
    leaves: list[tuple[int, int]] = []

    def add(part: Any) -> int:
        own, is_leaf = len(tree["nodeids"]), part.left is None
        entry = (own, 0, "LEAF", 0.0, 0, 0) if is_leaf else (own, len(weights), "BRANCH_LEQ", 0.0, 0, 0)
        for key, value in zip(tree, entry):
            tree[key].append(value)
        if is_leaf:
            leaves.append((own, int(part.label)))
            return own
        pair = np.stack([part.left.center, part.right.center]) + getattr(estimator, "_X_mean", 0.0)
        weights.append(2 * (pair[1] - pair[0]))
        offsets.append(float((pair[0] ** 2).sum() - (pair[1] ** 2).sum()))
        tree["truenodeids"][own], tree["falsenodeids"][own] = add(part.left), add(part.right)
        return own

    add(estimator._bisecting_tree)
    count = len(tree["nodeids"])
    lines = nodes.affine(row, np.stack(weights, axis=1), np.asarray(offsets))
    attributes = {f"nodes_{key}": values for key, values in tree.items()}
    attributes.update(nodes_treeids=[0] * count, nodes_hitrates=[1.0] * count)
    label, _ = nodes.learnt(
        "TreeEnsembleClassifier",
        [lines],
        2,
        class_treeids=[0] * len(leaves),
        class_nodeids=[leaf for leaf, _ in leaves],
        class_ids=[number for _, number in leaves],
        class_weights=[1.0] * len(leaves),
        classlabels_int64s=list(range(len(leaves))),
        post_transform="NONE",
        **attributes,
    )
    return str(label)


def mixture(scope: Any, operator: Any, container: Any) -> None:
    """The likeliest of normal distributions, and how likely each of them is."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    means = np.asarray(model.means_)
    count, width = means.shape
    known = np.asarray(model.precisions_cholesky_)
    if model.covariance_type == "tied":
        known = np.stack([known] * count)
    # Those of columns that do not depend on each other, and of columns alike, are known by their diagonals.
    turns = [np.eye(width) * turn if np.ndim(turn) < 2 else np.asarray(turn) for turn in known]
    volumes = np.asarray([np.log(np.diag(turn)).sum() for turn in turns])
    by_distances(nodes, turns, means, volumes + _log_weights(model), list(range(count)))


def _log_weights(model: Any) -> Array:
    made: Array = np.asarray(model._estimate_log_weights())
    if hasattr(model, "degrees_of_freedom_"):
        # Of a Bayesian mixture, how sure the spread itself is counts too.
        special = importlib.import_module("scipy.special")
        width, freedom = model.means_.shape[1], np.asarray(model.degrees_of_freedom_, dtype=np.float64)
        steps = special.digamma(0.5 * (freedom - np.arange(width)[:, None])).sum(axis=0)
        made = made + 0.5 * (width * np.log(2.0) + steps - width * np.log(freedom) - width / np.asarray(model.mean_precision_))
    return made


def envelope(scope: Any, operator: Any, container: Any) -> None:
    """What lies farther from the middle than most, in units of the spread: its squared distance is taken off the threshold."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    turn = np.linalg.cholesky(np.asarray(model.get_precision()))
    distance = squared_distances(nodes, nodes.row(), [turn], np.asarray(model.location_)[None, :])
    score = nodes.affine(distance, np.asarray([[-1.0]]), np.asarray([-float(model.offset_)]))
    nodes.gives(split_votes(nodes, score, 0, 0.0, 1, [-1, 1]))
    nodes.gives(score, 1)
