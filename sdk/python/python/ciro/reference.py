"""What the user would have got: the answers of the model itself, which the program is held to.

An estimator is asked on the samples as they were given, before anything is narrowed or encoded for the program. An ONNX file is
run by onnxruntime where it can be imported. What cannot be asked gives no answers, and the program is held to a float evaluation
of the file.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from ciro.arrays import ONLY_ANSWER, Array, Samples, numbers

Answers = dict[str, Any]
"""Arrays with a row per sample, by output: `label` is the class, `y` the last numbers."""

LABEL = "label"


def answers_of(model: Any, file: bytes, samples: Samples, dims: Mapping[str, int]) -> Optional[Answers]:
    """The answers of `model`, of which `file` was made, to the samples; None where it cannot be asked."""
    library = type(model).__module__.partition(".")[0]
    if type(model).__name__ == "Booster" and library in ("xgboost", "lightgbm"):
        return {ONLY_ANSWER: _booster(library, model, _table(samples))}
    if hasattr(model, "predict") and hasattr(model, "get_params"):
        return _estimator(model, _table(samples))
    return _onnx(file, samples, dims)


def _table(samples: Samples) -> Any:
    """The samples as estimators take them: arrays by name are the columns of a frame."""
    if not isinstance(samples, Mapping):
        return samples if hasattr(samples, "shape") else np.asarray(samples)
    if len(samples) == 1:
        return next(iter(samples.values()))
    pandas = importlib.import_module("pandas")
    return pandas.DataFrame({name: np.ravel(column) for name, column in samples.items()})


def _booster(library: str, booster: Any, table: Any) -> Array:
    if library == "lightgbm":
        return np.asarray(booster.predict(table))
    xgboost = importlib.import_module("xgboost")
    names = None if hasattr(table, "columns") else booster.feature_names
    return np.asarray(booster.predict(xgboost.DMatrix(table, feature_names=names)))


def _estimator(estimator: Any, table: Any) -> Answers:
    """Classes, and probabilities or margins; of what tells no classes its predictions."""
    scores = _scores(estimator, table)
    predicted = np.asarray(estimator.predict(table))
    # CatBoost's regressors have an empty list of classes.
    has_classes = len(getattr(estimator, "classes_", [])) > 0
    if has_classes and predicted.ndim == 2 and predicted.shape[1] == 1:
        # CatBoost answers with a column where there are several classes.
        predicted = predicted[:, 0]
    if scores is None:
        # Classes by vote, and clusters, come without scores that could be compared.
        is_class = has_classes or _is_clusterer(_last(estimator))
        return {LABEL if is_class and predicted.ndim == 1 else ONLY_ANSWER: predicted}
    objective = getattr(_last(estimator), "objective", None)
    if objective == "binary:hinge":
        # Its probabilities are its classes.
        return {LABEL: predicted}
    if objective == "binary:logitraw":
        # Its file answers with margins alone.
        return {ONLY_ANSWER: scores[:, 1]}
    if scores.ndim == 2 and getattr(_last(estimator), "objective_", None) in ("cross_entropy", "xentropy"):
        # LightGBM's file answers with the probability alone.
        return {ONLY_ANSWER: scores[:, 1]}
    # The classes of several targets at once follow from their scores.
    return {ONLY_ANSWER: scores} if predicted.ndim > 1 else {LABEL: predicted, ONLY_ANSWER: scores}


def _scores(estimator: Any, table: Any) -> Optional[Array]:
    for name in ("predict_proba", "decision_function"):
        if hasattr(estimator, name):
            scores = getattr(estimator, name)(table)
            # One array per target.
            scores = np.concatenate(scores, axis=1) if isinstance(scores, list) else np.asarray(scores)
            is_kernel = type(_last(estimator)).__name__ in ("SVC", "NuSVC") and scores.ndim == 1
            # Of two classes, the file has the margin first, and what is left of it second.
            return np.stack([scores, -scores], axis=1) if is_kernel else scores
    return None


def _is_clusterer(estimator: Any) -> bool:
    """Whether it tells the number of a group; MeanShift and its like have those of their samples."""
    return hasattr(estimator, "labels_")


def _last(estimator: Any) -> Any:
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


def _onnx(file: bytes, samples: Samples, dims: Mapping[str, int]) -> Optional[Answers]:
    """What onnxruntime answers; None if it is not there, or does not run the file."""
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError:
        return None
    try:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        if session.get_modelmeta().producer_name == "CatBoost":
            # Its files hold the sums of what predict answers with exponentials.
            return None
        feeds = _feeds(session.get_inputs(), samples, dims)
        rows = [session.run(None, feed) for feed in feeds]
    except Exception:  # noqa: BLE001 - the runtime's exceptions share no base, and each means that it cannot be asked
        return None
    names = [output.name for output in session.get_outputs()]
    return {name: _stacked([row[i] for row in rows]) for i, name in enumerate(names)}


def _feeds(inputs: list[Any], samples: Samples, dims: Mapping[str, int]) -> list[dict[str, Array]]:
    """What goes in, sample by sample: an open dimension is one, as in the program, unless it is given by name or place."""
    feeds: list[dict[str, Array]] = []
    given = [port for port in inputs if port.name in dims]
    fixed: dict[str, Array] = {
        port.name: np.full([1] * len(port.shape), dims[port.name], _TYPES[port.type]) for port in given
    }
    for port in inputs:
        if port.name in fixed:
            continue
        array = numbers(port.name, samples[port.name] if isinstance(samples, Mapping) else samples)
        shape = [_size(size, f"{port.name}[{i}]", dims) for i, size in enumerate(port.shape)]
        rows: Array = array.reshape(-1, int(np.prod(shape))).astype(_TYPES[port.type])
        if len(rows) > len(array):
            raise ValueError(f"input {port.name!r}: expected rows of dimensions {shape}, got an array of {array.shape}")
        feeds = feeds or [{} for _ in rows]
        for feed, row in zip(feeds, rows):
            feed[port.name] = row.reshape(shape)
    return [feed | fixed for feed in feeds]


def _size(size: Any, place: str, dims: Mapping[str, int]) -> int:
    """A dimension that the file fixes, or what is said of its place or its name."""
    if isinstance(size, int) and size > 0:
        return size
    return int(dims.get(place, dims.get(size, 1)))


_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(bool)": np.bool_,
}


def _stacked(values: list[Any]) -> Array:
    """One row per sample. Probabilities by class come as a list of dictionaries, in the order of the classes."""
    plain = [[list(v.values()) for v in value] if isinstance(value, list) else value for value in values]
    return np.stack([np.asarray(value).reshape(-1) for value in plain])
