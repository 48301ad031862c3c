"""Steps before a model that make each of their features from one column: imputers, scalers, encoders, choices of columns.

A comparison of such a feature is a comparison of the column itself: with another number where the steps keep a column's order, and
with a set of categories where it holds some. The steps themselves are asked for both, rounding included.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

import numpy as np

from ciro.arrays import Array, Samples

# Steps that keep a column's order, by the names of their classes.
MONOTONE = {
    "StandardScaler",
    "MinMaxScaler",
    "MaxAbsScaler",
    "RobustScaler",
    "SimpleImputer",
    "PowerTransformer",
    "QuantileTransformer",
    "Binarizer",
}
ENCODERS = {"OneHotEncoder", "OrdinalEncoder", "TargetEncoder"}
# Functions of all numbers that keep their order. Where a logarithm or a root is undefined the booster meets a missing value, and that
# is no comparison of the column.
FUNCTIONS = {"exp", "expm1", "cbrt", "arctan", "tanh", "arcsinh", "sinh"}
# The largest float32.
MOST = np.finfo(np.float32).max
# The largest category that float32 tells from its neighbours.
CATEGORY_MAX = 1 << 24
# What a text that is missing is called in tables, and one that no category is called.
MISSING, UNKNOWN = "nan", "\0unknown"


class Feature(NamedTuple):
    """What a feature is made of."""

    column: int
    is_category: bool


class _Mixed(Exception):
    """A step makes a feature of several columns, or reverses one."""


@dataclass
class Layout:
    """The steps and what their features are made of."""

    steps: list[Any]
    features: list[Feature]
    names: list[str]
    """Of the columns; none if they have no names."""
    width: int
    """How many columns there are."""
    known: dict[int, list[Any]]
    """The categories of the columns that hold some."""
    single: bool
    """Whether the samples are float32."""
    is_sparse: bool = False
    """Whether the booster is given what is not zero, and nothing else."""
    rows: dict[int, tuple[list[Any], Array]] = field(default_factory=dict)

    def transform(self, numbers: Array, column: int = 0, categories: Optional[list[Any]] = None) -> Array:
        """What the steps make of rows of numbers, and of `categories` in place of one column's."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            changed: Any = self._table(numbers, column, categories)
            for step in self.steps:
                changed = step.transform(changed)
                changed = np.asarray(changed.toarray() if hasattr(changed, "toarray") else changed)
                if changed.dtype.kind == "f":
                    # The next step refuses infinities: they are the largest numbers instead. Missing values stay.
                    most = np.finfo(changed.dtype).max
                    changed = np.clip(changed, -most, most)
        made: Array = changed
        return made

    def _table(self, numbers: Array, column: int, categories: Optional[list[Any]]) -> Any:
        cells = numbers.astype(np.float32 if self.single else np.float64)
        if not self.known and not self.names:
            return cells
        columns: list[Any] = [cells[:, i] for i in range(self.width)]
        for i, known in self.known.items():
            columns[i] = categories if i == column and categories is not None else [known[0]] * len(cells)
        if self.names:
            return importlib.import_module("pandas").DataFrame(dict(zip(self.names, columns)), columns=self.names)
        return np.stack([np.asarray(column, dtype=object) for column in columns], axis=1)

    def categories(self, column: int) -> tuple[list[Any], Array]:
        """The categories of a column and the features that each becomes; the last row is that of one that is not known."""
        if column not in self.rows:
            known = list(self.known[column])
            holes = [MISSING] if any(isinstance(c, str) for c in known) and not any(map(_is_missing, known)) else []
            made = self.transform(np.zeros((len(known), self.width)), column, known)
            for _ in holes:
                missing = self._tried(column, float("nan"))
                if missing is not None:
                    known, made = [*known, float("nan")], np.vstack([made, missing])
            stranger = self._tried(column, UNKNOWN if any(isinstance(c, str) for c in known) else -1)
            self.rows[column] = known, np.vstack([made, np.zeros(made.shape[1]) if stranger is None else stranger])
        return self.rows[column]

    def _tried(self, column: int, category: Any) -> Optional[Array]:
        """What a category becomes; None if the steps refuse it."""
        try:
            return self.transform(np.zeros((1, self.width)), column, [category])
        except (TypeError, ValueError):
            return None

    def texts(self) -> list[tuple[str, list[str]]]:
        """Names and, where they are texts, categories of the columns."""
        named = self.names or [""] * self.width
        found = []
        for i, name in enumerate(named):
            known = self.categories(i)[0] if i in self.known else []
            is_text = any(isinstance(category, str) for category in known)
            found.append((name, [MISSING if _is_missing(one) else str(one) for one in known] if is_text else []))
        return found if self.names or any(categories for _, categories in found) else []

    def members(self, feature: int, below: Callable[[Array], Array]) -> tuple[list[int], bool]:
        """The categories of a feature's column that are `below`, as the model reads them, and whether an unknown one is."""
        column = self.features[feature].column
        known, rows = self.categories(column)
        holds = below(rows[:, feature])
        is_text = any(isinstance(category, str) for category in known)
        codes = [i if is_text else int(category) for i, category in enumerate(known)]
        return [code for code, is_below in zip(codes, holds) if is_below], bool(holds[-1])


def layout_of(steps: list[Any], whole: Any, samples: Optional[Samples]) -> Optional[Layout]:
    """What the features behind some steps are made of; None if one is made of several columns or in reverse."""
    names = [str(name) for name in getattr(whole, "feature_names_in_", [])]
    width = whole.n_features_in_
    known: dict[int, list[Any]] = {}
    try:
        features, is_sparse = _chain(steps, [Feature(i, False) for i in range(width)], known, names)
    except _Mixed:
        return None
    single = samples is not None and getattr(samples, "dtype", None) == np.float32
    made = Layout(steps, features, names, width, known, single, is_sparse)
    return made if all(_is_readable(made.known[column]) for column in known) else None


def _is_missing(category: Any) -> bool:
    return category is None or (isinstance(category, float) and np.isnan(category))


def _is_readable(categories: list[Any]) -> bool:
    """Whether categories are texts, or whole numbers that models tell apart."""
    kept = [category for category in categories if not _is_missing(category)]
    if kept and all(isinstance(category, str) for category in kept):
        return True
    is_whole = all(not isinstance(c, str) and 0 <= float(c) < CATEGORY_MAX and float(c).is_integer() for c in kept)
    return is_whole and len(kept) == len(categories)


def _chain(steps: list[Any], features: list[Feature], known: dict[int, list[Any]], names: list[str]) -> tuple[list[Feature], bool]:
    is_sparse = False
    for step in steps:
        features, is_sparse = _behind(step, features, known, names, is_sparse)
    return features, is_sparse


def _behind(
    step: Any, features: list[Feature], known: dict[int, list[Any]], names: list[str], is_sparse: bool
) -> tuple[list[Feature], bool]:
    """The features behind a step, and whether they are sparse."""
    kind = type(step).__name__
    if step is None or isinstance(step, str) and step == "passthrough":
        return features, is_sparse
    if hasattr(step, "steps"):
        return _chain([one for _, one in step.steps], features, known, names)
    if kind == "ColumnTransformer":
        return _columns(step, features, known, names), bool(step.sparse_output_)
    if hasattr(step, "get_support"):
        return [features[i] for i in np.flatnonzero(step.get_support())], is_sparse
    if kind in ENCODERS:
        made = _encoded(step, features, known)
        return made, kind == "OneHotEncoder" and bool(step.sparse_output)
    if kind == "FunctionTransformer":
        if step.func is not None and not (isinstance(step.func, np.ufunc) and step.func.__name__ in FUNCTIONS):
            raise _Mixed
        return features, is_sparse
    if kind == "SimpleImputer":
        statistics = np.asarray(step.statistics_)
        # A column without numbers is dropped.
        if statistics.dtype.kind == "f" and np.isnan(statistics).any():
            raise _Mixed
        # Flags are the same for all numbers, and other ones for what is missing.
        flagged = step.indicator_.features_ if step.add_indicator else []
        return features + [features[i] for i in flagged], is_sparse
    if kind == "MissingIndicator":
        return [features[i] for i in step.features_], is_sparse
    if kind == "FeatureUnion":
        parts = [_behind(part, features, known, names, is_sparse)[0] for _, part in step.transformer_list]
        return [feature for part in parts for feature in part], False
    if kind not in MONOTONE:
        raise _Mixed
    return features, is_sparse


def _encoded(encoder: Any, features: list[Feature], known: dict[int, list[Any]]) -> list[Feature]:
    made: list[Feature] = []
    count = len(encoder.categories_)
    each = [int(n) for n in encoder._n_features_outs] if type(encoder).__name__ == "OneHotEncoder" else None
    for i, (feature, categories) in enumerate(zip(features, encoder.categories_)):
        if feature.is_category or feature.column in known:
            raise _Mixed
        known[feature.column] = np.asarray(categories).tolist()
        outputs = len(encoder.encodings_) // count if hasattr(encoder, "encodings_") else 1
        made.extend([Feature(feature.column, True)] * (each[i] if each else outputs))
    return made


def _columns(step: Any, features: list[Feature], known: dict[int, list[Any]], names: list[str]) -> list[Feature]:
    """Of a ColumnTransformer, whose parts take columns by name, by number or by a mask."""
    made: dict[int, Feature] = {}
    own = [str(name) for name in getattr(step, "feature_names_in_", [])]
    for name, part, chosen in step.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        taken = np.atleast_1d(np.arange(len(features))[chosen] if isinstance(chosen, slice) else np.asarray(chosen))
        if taken.dtype.kind in "OUS":
            places = [own.index(str(one)) for one in taken]
        else:
            places = np.arange(len(features))[taken].tolist() if len(taken) else []
        found, _ = _behind(part, [features[place] for place in places], known, names, False)
        where = step.output_indices_[name]
        if where.stop - where.start != len(found):
            raise _Mixed
        made.update(zip(range(where.start, where.stop), found))
    return [made[i] for i in range(len(made))]
