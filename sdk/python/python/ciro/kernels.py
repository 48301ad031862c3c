"""Estimators by kernels that skl2onnx leaves out: ridge regression, and features that stand for a kernel."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np

from ciro import pieces
from ciro.arrays import Array
from ciro.nodes import Nodes, split_votes

KINDS = {"linear": "LINEAR", "poly": "POLY", "polynomial": "POLY", "rbf": "RBF", "sigmoid": "SIGMOID"}
"""Kernels of scikit-learn's, and what ONNX calls them."""


def ridge(scope: Any, operator: Any, container: Any) -> None:
    """A sum of kernels of all samples that it was fitted on."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    weights = np.asarray(model.dual_coef_, dtype=np.float64)
    weights = weights.reshape(len(weights), -1)
    nodes.gives(_sums(nodes, nodes.row(), np.asarray(model.X_fit_, dtype=np.float64), weights, _asked(model)))


def nystroem(scope: Any, operator: Any, container: Any) -> None:
    """Sums of kernels of some samples, one for each feature."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    samples = np.asarray(model.components_, dtype=np.float64)
    nodes.gives(_sums(nodes, nodes.row(), samples, np.asarray(model.normalization_).T, _asked(model)))


class Kernel(NamedTuple):
    """A kernel by scikit-learn's name of it, and its parameters; None for those of scikit-learn's own choice."""

    name: Any
    gamma: Optional[float]
    coef0: Optional[float]
    degree: Optional[float]


def _asked(model: Any) -> Kernel:
    return Kernel(model.kernel, model.gamma, model.coef0, model.degree)


def _sums(nodes: Nodes, row: str, samples: Array, weights: Array, asked: Kernel, offset: float = 0.0) -> str:
    """`weights` (sample, sum) of the kernel of the row with each sample, and an offset."""
    kernel = KINDS.get(asked.name) if isinstance(asked.name, str) else None
    if kernel is None:
        raise NotImplementedError(f"kernel={asked.name!r}; these are known: {', '.join(KINDS)}")
    if kernel == "LINEAR":
        return nodes.affine(row, samples.T @ weights, np.full(weights.shape[1], offset))
    gamma = 1.0 / samples.shape[1] if asked.gamma is None else float(asked.gamma)
    coef0 = 1.0 if asked.coef0 is None else float(asked.coef0)
    degree = 3.0 if asked.degree is None else float(asked.degree)
    parts = [
        str(
            nodes.learnt(
                "SVMRegressor",
                [row],
                coefficients=weights[:, place].tolist(),
                support_vectors=samples.ravel().tolist(),
                n_supports=len(samples),
                rho=[offset],
                kernel_type=kernel,
                kernel_params=[gamma, coef0, degree],
                post_transform="NONE",
            )
        )
        for place in range(weights.shape[1])
    ]
    return nodes.together(parts)


def waves(scope: Any, operator: Any, container: Any) -> None:
    """Cosines of random lines."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    lines = nodes.affine(nodes.row(), np.asarray(model.random_weights_), np.asarray(model.random_offset_))
    height = float(np.sqrt(2.0 / model.n_components))
    nodes.gives(str(nodes.add("Mul", [nodes.add("Cos", [lines]), nodes.constant([height])])))


# Least probability that libsvm takes a pair of classes for, the error at which it stops, and the most steps.
LEAST, ENOUGH, STEPS = 1e-7, 0.005, 100


def support_vectors(scope: Any, operator: Any, container: Any) -> None:
    """A support vector machine of two classes that tells probabilities: its margin decides, and libsvm makes a probability of it."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    kernel = Kernel(model.kernel, float(model._gamma), float(model.coef0), float(model.degree))
    weights = np.asarray(model.dual_coef_, dtype=np.float64).T
    margin = _sums(nodes, nodes.row(), np.asarray(model.support_vectors_), weights, kernel, float(model.intercept_[0]))
    slope, offset = float(model.probA_[0]), float(model.probB_[0])

    def probabilities(margins: Array) -> Array:
        first = _coupled(1 / (1 + np.exp(np.clip(offset - slope * margins, -700, 700))))
        return np.stack([first, 1 - first], axis=1)

    nodes.gives(split_votes(nodes, margin, 0, 0.0, 1))
    ends = [(offset - sign * np.log(1 / LEAST - 1)) / slope for sign in (-1, 1)]
    knots = np.concatenate([ends, _jumps(probabilities, min(ends), max(ends))])
    nodes.gives(pieces.apply(scope, container, margin, pieces.lines(probabilities, knots)), 1)


def _coupled(first: Array) -> Array:
    """The probability of the first of two classes, of which libsvm estimates `first`: it begins at one half, and takes steps until the
    error is small."""
    estimate = np.clip(first, LEAST, 1 - LEAST)
    other = 1 - estimate
    own = np.stack([other**2, estimate**2])
    mixed = -estimate * other
    p = np.full((2, len(estimate)), 0.5)
    is_open = np.ones(len(estimate), dtype=bool)
    for _ in range(STEPS):
        products = own * p + mixed * p[::-1]
        whole = (p * products).sum(axis=0)
        is_open &= np.abs(products - whole).max(axis=0) >= ENOUGH / 2
        if not is_open.any():
            break
        stepped = p.copy()
        for t in (0, 1):
            moved = (whole - products[t]) / own[t]
            stepped[t] += moved
            whole = (whole + moved * (moved * own[t] + 2 * products[t])) / (1 + moved) ** 2
            beside = np.stack([own[0], mixed]) if t == 0 else np.stack([mixed, own[1]])
            products = (products + moved * beside) / (1 + moved)
            stepped /= 1 + moved
        p = np.where(is_open, stepped, p)
    first_of_both: Array = p[0]
    return first_of_both


# Points between which a jump is looked for, and halvings that find it.
POINTS, HALVINGS = 4096, 50


def _jumps(function: pieces.Function, low: float, high: float) -> Array:
    """Where a function jumps: there it takes another number of steps."""
    places = np.linspace(low, high, POINTS)
    rises = np.abs(np.diff(function(places)[:, 0]))
    near = np.concatenate([rises[:1], rises, rises[-1:]])
    found = np.flatnonzero(rises > 3 * np.maximum(near[:-2], near[2:]) + 1e-6)
    starts, stops = places[found], places[found + 1]
    for _ in range(HALVINGS):
        middles = (starts + stops) / 2
        left, middle, right = (function(at)[:, 0] for at in (starts, middles, stops))
        is_left = np.abs(middle - left) > np.abs(right - middle)
        stops, starts = np.where(is_left, middles, stops), np.where(is_left, starts, middles)
    return stops
