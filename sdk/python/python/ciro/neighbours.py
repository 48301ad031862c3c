"""Nearest neighbours of which two lie equally far: the library takes one of them by how doubles round, which a program does not know."""

from __future__ import annotations

from typing import Any

import numpy as np

from ciro.errors import CompileError

# Distances that are apart by less than that part of themselves are told apart by rounding.
APART = 1e-9
# How many neighbours are looked at: where some of them tie, so do those that decide for other samples.
LOOKED_AT = 20


def refuse_ties(parts: list[Any]) -> None:
    """Refuses estimators among whose own samples rounding decides which are the nearest, and so what they answer.

    Raises:
        CompileError: if two samples of different answers, near to a third one, lie equally far from it.
    """
    for part in parts:
        if hasattr(part, "kneighbors") and hasattr(part, "_y") and not hasattr(part, "radius_"):
            _refuse_ties(part)


def _refuse_ties(estimator: Any) -> None:
    known, asked = estimator._fit_X, min(int(estimator.n_neighbors) + LOOKED_AT, estimator.n_samples_fit_)
    distances, places = estimator.kneighbors(known, asked)
    answers = np.asarray(estimator._y)[places].reshape(*places.shape, -1)
    for last in range(1, asked - 1):
        is_near = distances[:, last + 1] - distances[:, last] <= APART * distances[:, last]
        ties = np.flatnonzero(is_near & (answers[:, last] != answers[:, last + 1]).any(axis=1))
        if len(ties):
            first, second = places[ties[0], last : last + 2]
            raise CompileError(
                f"{type(estimator).__name__}: samples {first} and {second} of those it was fitted on lie equally far from sample {ties[0]},"
                " and rounding decides which of two such counts",
                "a tree or a kernel instead, or features with more digits: which of two neighbours is taken is no property of the model",
            )
