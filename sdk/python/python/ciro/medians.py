"""Weighted medians of what trees answer, as AdaBoostRegressor takes them.

Sorted, the answers that trees can give are steps. The median is at most as high as a step if the trees that answer so have half of all
weights. Those weights are a sum over trees, so that a forest has them for all steps at once, and a comparison of each adds the step up.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ciro.arrays import Array
from ciro.nodes import Nodes
from ciro.scored import add_fitted

# Most steps of a median: each is a comparison, and a number at each leaf.
STEPS_MAX = 4096


def weighted(scope: Any, operator: Any, container: Any) -> None:
    """The smallest answer at or below which half of all weights lie."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    trees = [part.tree_ for part in model.estimators_ if hasattr(part, "tree_")]
    if len(trees) != len(model.estimators_):
        raise NotImplementedError("a weighted median of other estimators than trees")
    weights = np.asarray(model.estimator_weights_, dtype=np.float64)[: len(trees)]
    answers = [tree.value[:, 0, 0] for tree in trees]
    steps = np.unique(np.concatenate([answer[tree.children_left < 0] for answer, tree in zip(answers, trees)]))
    if len(steps) > STEPS_MAX:
        raise NotImplementedError(f"a weighted median of trees with {len(steps)} different answers, where {STEPS_MAX} are the most")
    if len(steps) == 1:
        nodes.gives(nodes.affine(nodes.row(), np.zeros((_width(operator), 1)), steps))
        return
    attributes: dict[str, list[Any]] = {}
    for number, (tree, answer, weight) in enumerate(zip(trees, answers, weights)):
        add_fitted(attributes, tree, number, weight * (answer[:, None] <= steps[:-1]))
    below = nodes.trees(nodes.row(), len(steps) - 1, attributes)
    nodes.gives(_summed(nodes, below, steps, 0.5 * float(np.cumsum(weights)[-1])))


def _summed(nodes: Nodes, below: str, steps: Array, half: float) -> str:
    """The lowest step, and the height of every further one that too few weights are below."""
    count = len(steps) - 1
    stump: dict[str, list[Any]] = {"nodeids": [0, 1, 2], "values": [half, 0.0, 0.0], "truenodeids": [1, 0, 0], "falsenodeids": [2, 0, 0]}
    attributes = {f"nodes_{key}": values * count for key, values in stump.items()}
    attributes["nodes_modes"] = ["BRANCH_LT", "LEAF", "LEAF"] * count
    attributes["nodes_treeids"] = [place for place in range(count) for _ in range(3)]
    attributes["nodes_featureids"] = [place for place in range(count) for _ in range(3)]
    attributes["nodes_hitrates"] = [1.0] * (3 * count)
    attributes["target_treeids"], attributes["target_nodeids"] = list(range(count)), [1] * count
    attributes["target_ids"], attributes["target_weights"] = [0] * count, np.diff(steps).tolist()
    return str(nodes.trees(below, 1, {**attributes, "base_values": [float(steps[0])]}))


def _width(operator: Any) -> int:
    return sum(int(variable.type.shape[1]) for variable in operator.inputs)
