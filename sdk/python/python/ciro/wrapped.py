"""Estimators around another one, of which skl2onnx leaves out what they add to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ciro import functions, pieces
from ciro.arrays import Array
from ciro.nodes import Nodes, largest, split_votes

# A part of the spread by which a line may be missed.
STRAIGHT = 1e-9
# What scikit-learn adds to probabilities before it takes their logarithm.
TINY = float(np.finfo(np.float64).eps)


def transformed_target(scope: Any, operator: Any, container: Any) -> None:
    """The regressor's answer, sent back by the inverse of what was done to the target."""
    nodes, whole = Nodes(scope, operator, container), operator.raw_operator
    regressor = whole.regressor_
    answer = nodes.asked(regressor, nodes.row(), _width(operator))[-1]
    nodes.gives(_sent_back(nodes, whole.transformer_, answer))


def _sent_back(nodes: Nodes, transformer: Any, answer: str) -> str:
    if type(transformer).__name__ == "FunctionTransformer":
        return _applied(nodes, transformer.inverse_func, answer)

    def inverse(column: Array) -> Array:
        made: Array = np.asarray(transformer.inverse_transform(np.reshape(column, (-1, 1))), dtype=np.float64)
        return made

    if getattr(transformer, "n_features_in_", 1) != 1:
        raise NotImplementedError(f"{type(transformer).__name__} of several targets")
    at = inverse(np.asarray([0.0, 1.0, -3.0, 1024.0]))[:, 0]
    slope = at[1] - at[0]
    line = at[0] + slope * np.asarray([0.0, 1.0, -3.0, 1024.0])
    if np.abs(at - line).max() > STRAIGHT * max(np.ptp(at), 1e-30):
        known = getattr(transformer, "quantiles_", None)
        if known is None:
            raise NotImplementedError(f"the inverse of {type(transformer).__name__}")
        knots = transformer.transform(np.asarray(known)[:, :1])[:, 0]
        return pieces.apply(nodes.scope, nodes.container, answer, pieces.lines(inverse, knots))
    return nodes.affine(answer, np.asarray([[slope]]), np.asarray([at[0]]))


def _applied(nodes: Nodes, function: Any, answer: str) -> str:
    if function is None:
        return answer
    known = functions.NODES.get(getattr(function, "__name__", "")) if isinstance(function, np.ufunc) else None
    if known is None:
        name = getattr(function, "__name__", repr(function))
        raise NotImplementedError(f"inverse_func={name}, which is none of numpy's {', '.join(functions.NODES)}")
    for node in known:
        answer = nodes.add(node.operator, [answer] if node.constant is None else [answer, nodes.constant([node.constant])])
    return answer


def threshold(scope: Any, operator: Any, container: Any) -> None:
    """The classifier's probabilities, and the class by a threshold on one of them."""
    nodes, whole = Nodes(scope, operator, container), operator.raw_operator
    inner = getattr(whole, "estimator_", whole.estimator)
    if not hasattr(inner, "predict_proba") or whole.response_method not in ("auto", "predict_proba"):
        raise NotImplementedError("a threshold on something else than probabilities")
    names = np.asarray(whole.classes_).tolist()
    chosen = getattr(whole, "pos_label", None)
    if hasattr(whole, "best_threshold_"):
        chosen, at = whole._curve_scorer._get_pos_label(), float(whole.best_threshold_)
    else:
        at = 0.5 if whole.threshold == "auto" else float(whole.threshold)
    above = 1 if chosen is None else names.index(chosen)
    scores = nodes.asked(inner, nodes.row(), _width(operator))[-1]
    nodes.gives(split_votes(nodes, scores, above, at, above))
    nodes.gives(scores, 1)


def chain(scope: Any, operator: Any, container: Any) -> None:
    """Classifiers of which each reads what those before it have answered."""
    nodes, whole = Nodes(scope, operator, container), operator.raw_operator
    method = getattr(whole, "chain_method_", "predict")
    if method not in ("predict", "predict_proba"):
        raise NotImplementedError(f"chain_method={method!r}")
    row, width = nodes.row(), _width(operator)
    found: list[str] = []
    for estimator in whole.estimators_:
        if np.asarray(estimator.classes_).tolist() != [0, 1] or not hasattr(estimator, "predict_proba"):
            raise NotImplementedError("a chain of classifiers other than of 0 and 1, with probabilities")
        label, scores = nodes.asked(estimator, row, width)
        second = nodes.column(scores, 1)
        found.append(second)
        # A class is a comparison of its probability, as `predict` of all classifiers with probabilities has it.
        told = second if method == "predict_proba" else nodes.stretches(second, np.asarray([0.5]), np.asarray([[0.0], [1.0]]))
        row, width = nodes.together([row, told]), width + 1
    places = np.argsort(whole.order_)
    nodes.gives(nodes.together([found[place] for place in places]))


def regressors(scope: Any, operator: Any, container: Any) -> None:
    """Regressors of which each reads what those before it have answered."""
    nodes, whole = Nodes(scope, operator, container), operator.raw_operator
    row, width = nodes.row(), _width(operator)
    found: list[str] = []
    for estimator in whole.estimators_:
        found.append(nodes.asked(estimator, row, width)[-1])
        row, width = nodes.together([row, found[-1]]), width + 1
    nodes.gives(nodes.together([found[place] for place in np.argsort(whole.order_)]))


def temperature(scope: Any, operator: Any, container: Any) -> None:
    """Probabilities by a softmax of the scores, which are divided by what was learnt."""
    nodes, whole = Nodes(scope, operator, container), operator.raw_operator
    row, width, count = nodes.row(), _width(operator), len(whole.classes_)
    parts = [_tempered(nodes, one, row, width, count) for one in whole.calibrated_classifiers_]
    mean = parts[0]
    for part in parts[1:]:
        mean = nodes.add("Add", [mean, part])
    if len(parts) > 1:
        mean = nodes.add("Div", [mean, nodes.constant([float(len(parts))])])
    nodes.gives(largest(nodes, mean))
    nodes.gives(mean, 1)


def _tempered(nodes: Nodes, calibrated: Any, row: str, width: int, count: int) -> str:
    inner, (scaling,) = calibrated.estimator, calibrated.calibrators
    if np.asarray(inner.classes_).tolist() != np.asarray(calibrated.classes).tolist():
        raise NotImplementedError("a calibration of classifiers that have not seen all classes")
    scores = nodes.asked(inner, row, width)[-1]
    if not hasattr(inner, "decision_function"):
        scores = nodes.add("Log", [nodes.add("Add", [scores, nodes.constant([TINY])])])
    elif count == 2 and not hasattr(inner, "predict_proba"):
        raise NotImplementedError("margins of two classes without probabilities")
    warm = nodes.add("Mul", [scores, nodes.constant([float(scaling.beta_)])])
    return str(nodes.add("Softmax", [warm], axis=1))


def _width(operator: Any) -> int:
    return sum(int(variable.type.shape[1]) for variable in operator.inputs)
