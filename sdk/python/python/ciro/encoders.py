"""Encoders of categories: whatever scikit-learn makes of one, its own `transform` is asked, category by category.

A text becomes the number of its category, and a tree gives the row that stands for it. So infrequent categories, targets' means,
dropped and unknown categories need no reading of their own.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any, Optional

import numpy as np

from ciro.arrays import Array
from ciro.nodes import Nodes

# What a text that is missing is called in tables.
MISSING = "nan"
# A text that no category is called.
UNKNOWN = "\0unknown"


def is_ours(encoder: Any) -> bool:
    """Whether skl2onnx writes it otherwise, or not at all."""
    name = type(encoder).__name__
    if name == "TargetEncoder":
        return True
    return name in ("OneHotEncoder", "OrdinalEncoder") and bool(getattr(encoder, "_infrequent_enabled", False))


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Each column by the rows that its categories become."""
    nodes, encoder = Nodes(scope, operator, container), operator.raw_operator
    fed = _columns(nodes)
    parts = []
    for i, (column, is_text) in enumerate(fed):
        known, rows = table(encoder, i)
        if is_text:
            parts.append(_of_texts(nodes, column, known, rows))
        else:
            parts.append(_of_numbers(nodes, column, known, rows))
    nodes.gives(nodes.together(parts))


def _columns(nodes: Nodes) -> list[tuple[str, bool]]:
    """The columns one by one, and whether they are texts."""
    found: list[tuple[str, bool]] = []
    for variable in nodes.operator.inputs:
        is_text = type(variable.type).__name__ == "StringTensorType"
        width = variable.type.shape[1]
        names = [variable.full_name] if width == 1 else [nodes.column(variable.full_name, i) for i in range(width)]
        found.extend((name, is_text) for name in names)
    return found


def table(encoder: Any, column: int) -> tuple[list[Any], Array]:
    """The categories of a column and what each becomes; the last row is what an unknown one does."""
    known = list(encoder.categories_[column])
    base = [categories[0] for categories in encoder.categories_]
    rows = np.empty((len(known), len(base)), dtype=object)
    rows[:] = base
    rows[:, column] = known
    made = _transform(encoder, rows)
    places = _places(encoder, column, made.shape[1])
    unknown = _unknown(encoder, base, column)
    last = np.zeros(len(places)) if unknown is None else unknown[places]
    return known, np.vstack([made[:, places], last])


def _places(encoder: Any, column: int, width: int) -> list[int]:
    """Where in a row of results those of a column are."""
    if type(encoder).__name__ == "OneHotEncoder":
        ends = np.cumsum([0, *encoder._n_features_outs])
        return list(range(ends[column], ends[column + 1]))
    each = width // len(encoder.categories_)
    return list(range(column * each, (column + 1) * each))


def _unknown(encoder: Any, base: list[Any], column: int) -> Optional[Array]:
    """What an unknown category becomes; None if it is refused."""
    stranger: Any = UNKNOWN if any(isinstance(category, str) for category in encoder.categories_[column]) else -(2**20 + 0.5)
    row = np.empty((1, len(base)), dtype=object)
    row[0] = base
    row[0, column] = stranger
    try:
        made: Array = _transform(encoder, row)[0]
    except ValueError:
        return None
    return made


def _transform(encoder: Any, rows: Array) -> Array:
    names = getattr(encoder, "feature_names_in_", None)
    is_text = any(isinstance(cell, str) for cell in rows.ravel())
    table: Any = rows if is_text else rows.astype(np.float64)
    if names is not None:
        pandas = importlib.import_module("pandas")
        table = pandas.DataFrame({name: list(rows[:, i]) for i, name in enumerate(names)}, columns=list(names))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: Any = encoder.transform(table)
    return np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=np.float64)


def _is_missing(category: Any) -> bool:
    return category is None or (isinstance(category, float) and np.isnan(category))


def _of_texts(nodes: Nodes, column: str, known: list[Any], rows: Array) -> str:
    texts = [MISSING if _is_missing(category) else str(category) for category in known]
    code = nodes.learnt(
        "LabelEncoder",
        [column],
        keys_strings=texts,
        values_floats=[float(i) for i in range(len(texts))],
        default_float=-1.0,
    )
    # Unknown ones lie before the first category.
    return nodes.stretches(code, np.arange(len(texts)) - 0.5, np.vstack([rows[-1:], rows[:-1]]))


def _of_numbers(nodes: Nodes, column: str, known: list[Any], rows: Array) -> str:
    """Between the numbers that are categories all are unknown."""
    if any(_is_missing(category) or isinstance(category, str) for category in known):
        raise NotImplementedError("categories that are missing beside numbers")
    numbers = np.asarray(known, dtype=np.float32)
    order = np.argsort(numbers)
    starts, stretches = [], [rows[-1]]
    for i in order:
        starts.extend([numbers[i], np.nextafter(numbers[i], np.float32(np.inf))])
        stretches.extend([rows[i], rows[-1]])
    return nodes.stretches(column, np.asarray(starts), np.stack(stretches))


def convert_imputer(scope: Any, operator: Any, container: Any) -> None:
    """Texts that are missing become the one that was learnt; every other one that an encoder behind knows stays."""
    nodes, imputer = Nodes(scope, operator, container), operator.raw_operator
    known = getattr(imputer, "ciro_categories", None)
    if known is None or len(known) != len(imputer.statistics_):
        raise NotImplementedError("an imputer of texts without an encoder behind it")
    parts = []
    for (column, is_text), categories, fill in zip(_columns(nodes), known, imputer.statistics_):
        if not is_text:
            raise NotImplementedError("an imputer of numbers and texts")
        texts = [str(category) for category in categories if not _is_missing(category)]
        hole = imputer.missing_values if isinstance(imputer.missing_values, str) else MISSING
        kept = [text for text in texts if text != hole]
        parts.append(
            nodes.learnt(
                "LabelEncoder",
                [column],
                keys_strings=[*kept, hole],
                values_strings=[*kept, str(fill)],
                default_string=UNKNOWN,
            )
        )
    nodes.gives(nodes.together(parts))


def known_behind(steps: list[Any], place: int) -> Optional[list[Any]]:
    """The categories that the first encoder behind a step of a pipeline knows."""
    return next((list(step.categories_) for step in steps[place + 1 :] if hasattr(step, "categories_")), None)
