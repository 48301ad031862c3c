"""Adding nodes to the graph that skl2onnx makes of an estimator."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from ciro import pieces
from ciro.arrays import Array

# Types of ONNX's tensors.
FLOAT, INT64, STRING = 1, 7, 8
# What every classifier may be asked for.
OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
    "raw_scores": [True, False],
}


class Nodes:
    """The nodes of one operator of skl2onnx. Values are the names of tensors, rows of one sample."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        self.scope, self.operator, self.container = scope, operator, container

    def row(self) -> str:
        """All columns of the operator as one row."""
        names = [variable.full_name for variable in self.operator.inputs]
        return str(names[0]) if len(names) == 1 else self.together(names)

    def add(self, kind: str, inputs: Sequence[str], outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        """A node and the name of what it makes, or the names if it makes more."""
        names = [str(self.scope.get_unique_variable_name(kind.lower())) for _ in range(outputs)]
        given = {"op_domain": domain} if domain else {}
        name = self.scope.get_unique_operator_name(kind)
        self.container.add_node(kind, list(inputs), names, name=name, **given, **attributes)
        return names[0] if outputs == 1 else names

    def learnt(self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> Any:
        """A node of ai.onnx.ml."""
        return self.add(kind, inputs, outputs, "ai.onnx.ml", **attributes)

    def trees(self, row: str, count: int, attributes: dict[str, Any]) -> str:
        """The sums of trees, a row of `count`."""
        return str(self.learnt("TreeEnsembleRegressor", [row], 1, n_targets=count, **attributes))

    def constant(self, values: Any) -> str:
        """A tensor of floats."""
        array = np.asarray(values, dtype=np.float32)
        name = str(self.scope.get_unique_variable_name("constant"))
        self.container.add_initializer(name, FLOAT, list(array.shape), array.ravel().tolist())
        return name

    def whole(self, values: list[int]) -> str:
        """A tensor of whole numbers: a shape, or axes."""
        name = str(self.scope.get_unique_variable_name("whole"))
        self.container.add_initializer(name, INT64, [len(values)], values)
        return name

    def column(self, row: str, index: int) -> str:
        return str(self.learnt("ArrayFeatureExtractor", [row, self.whole([index])]))

    def together(self, parts: Sequence[str]) -> str:
        return parts[0] if len(parts) == 1 else str(self.add("Concat", parts, axis=1))

    def affine(self, row: str, weights: Array, bias: Array) -> str:
        """`row · weights + bias`."""
        return str(self.add("Add", [self.add("MatMul", [row, self.constant(weights)]), self.constant(bias)]))

    def stretches(self, column: str, cuts: Array, rows: Array) -> str:
        """The row of the stretch between two cuts in which a number lies; a cut belongs to the stretch behind it."""
        return str(self.learnt("TreeEnsembleRegressor", [column], **pieces.tree(cuts, rows)))

    def gives(self, name: str, output: int = 0) -> None:
        """What the operator answers."""
        made = self.operator.outputs[output].full_name
        self.container.add_node("Identity", name, made, name=self.scope.get_unique_operator_name("Identity"))

    def asked(self, estimator: Any, row: str, width: int) -> list[str]:
        """What another estimator answers to a row: the class and its probabilities, or numbers alone."""
        types = importlib.import_module("skl2onnx.common.data_types")
        known = importlib.import_module("skl2onnx._supported_operators").sklearn_operator_name_map
        if type(estimator) not in known:
            raise NotImplementedError(f"{type(estimator).__name__} inside {type(self.operator.raw_operator).__name__}")
        fed = self.scope.declare_local_variable("fed", types.FloatTensorType([None, width]))
        self.container.add_node("Identity", row, fed.full_name, name=self.scope.get_unique_operator_name("Identity"))
        asked = self.scope.declare_local_operator(known[type(estimator)], estimator)
        asked.inputs.append(fed)
        if hasattr(estimator, "classes_"):
            is_text = np.asarray(estimator.classes_).dtype.kind in "OUS"
            label = types.StringTensorType() if is_text else types.Int64TensorType()
            asked.outputs.append(self.scope.declare_local_variable("label", label))
            options = {"zipmap": False} if hasattr(estimator, "predict_proba") else {}
            self.scope.add_options(id(estimator), options=options)
            self.container.add_options(id(estimator), options=options)
        asked.outputs.append(self.scope.declare_local_variable("asked", types.FloatTensorType()))
        return [str(output.full_name) for output in asked.outputs]


def classes(estimator: Any, names: Optional[list[Any]] = None) -> dict[str, Any]:
    """The attribute that names classes: those given, or an estimator's own."""
    names = np.asarray(estimator.classes_).tolist() if names is None else names
    if all(isinstance(name, (int, float)) and float(name).is_integer() for name in names):
        return {"classlabels_int64s": [int(name) for name in names]}
    return {"classlabels_strings": [str(name) for name in names]}


def classified(
    nodes: Nodes, row: str, weights: Array, bias: Array, function: str = "SOFTMAX", names: Optional[list[Any]] = None
) -> tuple[str, str]:
    """A class and its probabilities: a linear classifier of a row, with weights (class, feature)."""
    named = classes(nodes.operator.raw_operator, names)
    named = {"classlabels_ints": named["classlabels_int64s"]} if "classlabels_int64s" in named else named
    label, scores = nodes.learnt(
        "LinearClassifier",
        [row],
        2,
        coefficients=np.asarray(weights, dtype=np.float64).ravel().tolist(),
        intercepts=np.asarray(bias, dtype=np.float64).tolist(),
        post_transform=function,
        multi_class=0,
        **named,
    )
    return str(label), str(scores)


def largest(nodes: Nodes, scores: str, names: Optional[list[Any]] = None) -> str:
    """The class with the largest score."""
    named = classes(nodes.operator.raw_operator, names)
    at = nodes.add("ArgMax", [scores], axis=1, keepdims=0)
    (key, told), count = next(iter(named.items())), len(next(iter(named.values())))
    if told == list(range(count)):
        return str(at)
    values = {"values_int64s" if key == "classlabels_int64s" else "values_strings": told}
    return str(nodes.learnt("LabelEncoder", [at], keys_int64s=list(range(count)), **values))


def split_votes(
    nodes: Nodes, row: str, feature: int, threshold: float, above: int, names: Optional[list[Any]] = None
) -> str:
    """One of two classes by one comparison: that of index `above` from the threshold on, the other one below it."""
    label, _ = nodes.learnt(
        "TreeEnsembleClassifier",
        [row],
        2,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[feature, 0, 0],
        nodes_modes=["BRANCH_LT", "LEAF", "LEAF"],
        nodes_values=[threshold, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        nodes_hitrates=[1.0, 1.0, 1.0],
        # Votes for one of two classes are its probability.
        class_treeids=[0, 0],
        class_nodeids=[1, 2],
        class_ids=[0, 0],
        class_weights=[float(1 - above), float(above)],
        post_transform="NONE",
        **classes(nodes.operator.raw_operator, names),
    )
    return str(label)
