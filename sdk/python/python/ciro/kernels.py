"""Estimators by kernels that skl2onnx leaves out: ridge regression, and features that stand for a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from ciro.arrays import Array
from ciro.nodes import Nodes

KINDS = {"linear": "LINEAR", "poly": "POLY", "polynomial": "POLY", "rbf": "RBF", "sigmoid": "SIGMOID"}
"""Kernels of scikit-learn's, and what ONNX calls them."""


def ridge(scope: Any, operator: Any, container: Any) -> None:
    """A sum of kernels of all samples that it was fitted on."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    weights = np.asarray(model.dual_coef_, dtype=np.float64)
    weights = weights.reshape(len(weights), -1)
    nodes.gives(_sums(nodes, nodes.row(), np.asarray(model.X_fit_, dtype=np.float64), weights))


def nystroem(scope: Any, operator: Any, container: Any) -> None:
    """Sums of kernels of some samples, one for each feature."""
    nodes, model = Nodes(scope, operator, container), operator.raw_operator
    nodes.gives(_sums(nodes, nodes.row(), np.asarray(model.components_, dtype=np.float64), np.asarray(model.normalization_).T))


def _sums(nodes: Nodes, row: str, samples: Array, weights: Array) -> str:
    """`weights` (sample, sum) of the kernel of the row with each sample."""
    model = nodes.operator.raw_operator
    kernel = KINDS.get(model.kernel) if isinstance(model.kernel, str) else None
    if kernel is None:
        raise NotImplementedError(f"kernel={model.kernel!r}; these are known: {', '.join(KINDS)}")
    if kernel == "LINEAR":
        return nodes.affine(row, samples.T @ weights, np.zeros(weights.shape[1]))
    gamma = 1.0 / samples.shape[1] if model.gamma is None else float(model.gamma)
    offset = 1.0 if model.coef0 is None else float(model.coef0)
    degree = 3.0 if model.degree is None else float(model.degree)
    parts = [
        str(
            nodes.learnt(
                "SVMRegressor",
                [row],
                coefficients=weights[:, place].tolist(),
                support_vectors=samples.ravel().tolist(),
                n_supports=len(samples),
                rho=[0.0],
                kernel_type=kernel,
                kernel_params=[gamma, offset, degree],
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
