"""Boosters behind steps that change one column at a time and keep its order: imputers, scalers, ranks.

A comparison of what such a step makes of a column is a comparison of the column itself, with another number: the largest float32
that the steps send below the threshold, which the steps themselves are asked for. So the trees read the samples as they are given,
decide as the pipeline does, rounding included, and no converter stands between.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any, Optional

import numpy as np

from ciro.arrays import Array, Samples
from ciro.histograms import CATEGORICAL, DEFAULT_LEFT, NAN

# Steps that keep a column's order, by the names of their classes.
MONOTONE = {
    "StandardScaler",
    "MinMaxScaler",
    "MaxAbsScaler",
    "RobustScaler",
    "SimpleImputer",
    "PowerTransformer",
    "QuantileTransformer",
}
# Functions of all numbers that keep their order. Where a logarithm or a root is undefined the booster meets a missing value, and that
# is no comparison of the column.
FUNCTIONS = {"exp", "expm1", "cbrt", "arctan", "tanh", "arcsinh", "sinh"}

# What stands for missing values in a split of LightGBM, if it is zero.
ZERO = 1
# The largest float32.
MOST = np.finfo(np.float32).max

Transform = Callable[[Array], Array]


def steps_before(pipeline: Any) -> Optional[tuple[list[Any], Any]]:
    """The steps and the booster behind them; None if something else is there, or a step mixes, drops or reverses columns."""
    steps = [step for _, step in getattr(pipeline, "steps", [])]
    if len(steps) < 2 or type(steps[-1]).__module__.partition(".")[0] not in ("xgboost", "lightgbm"):
        return None
    before = [step for step in steps[:-1] if step is not None and not isinstance(step, str)]
    return (before, steps[-1]) if all(_keeps_order(step) for step in before) else None


def _keeps_order(step: Any) -> bool:
    name = type(step).__name__
    if name == "FunctionTransformer":
        function = getattr(step.func, "__name__", None)
        return step.func is None or (isinstance(step.func, np.ufunc) and function in FUNCTIONS)
    if name == "SimpleImputer":
        # A column without numbers is dropped, and flags are columns of their own.
        numbers = np.asarray(step.statistics_)
        return not step.add_indicator and numbers.dtype.kind == "f" and not np.isnan(numbers).any()
    return name in MONOTONE


def transform_of(steps: list[Any], samples: Optional[Samples]) -> Transform:
    """What the steps make of rows, in the precision that the samples have."""
    single = samples is not None and getattr(samples, "dtype", None) == np.float32

    def transform(rows: Array) -> Array:
        changed: Any = rows.astype(np.float32 if single else np.float64)
        # Bisections go through numbers that no sample has, and steps warn of names that arrays have none of.
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for step in steps:
                changed = np.asarray(step.transform(_finite(changed)))
        made: Array = changed
        return made

    return transform


def _finite(rows: Array) -> Array:
    """The next step refuses infinities: they are the largest numbers instead. Missing values stay."""
    most = np.finfo(rows.dtype).max
    clipped: Array = np.clip(rows, -most, most)
    return clipped


def cuts(transform: Transform, width: int, features: Array, below: Callable[[Array], Array]) -> Array:
    """For each of some splits the largest float32 of its feature that is `below` it once it is changed; the least there is if none is.

    `below` gets a changed number per split. A bisection of all float32s at once, in their order.
    """
    # Images of float32s in their order; one less than the least says that none is below.
    low = np.full(len(features), _image(-MOST) - 1, dtype=np.int64)
    high = np.full(len(features), _image(MOST), dtype=np.int64)
    while (low < high).any():
        middle = (low + high + 1) // 2
        rows = np.zeros((len(features), width), dtype=np.float32)
        index = np.arange(len(features))
        rows[index, features] = _number(middle)
        changed = transform(rows)[index, features]
        holds = below(changed)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle - 1)
    return _number(np.maximum(low, _image(-MOST)))


def _image(number: Any) -> Any:
    bits = np.asarray(number, dtype=np.float32).view(np.int32).astype(np.int64)
    return np.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))


def _number(image: Array) -> Array:
    bits = np.where(image >= 0, image, -image | 0x80000000).astype(np.uint32)
    return bits.view(np.float32)


def xgboost(booster: Any, steps: list[Any], samples: Optional[Samples], width: int) -> Optional[bytes]:
    """The booster's file, its splits on the samples as they are; None if some are by category."""
    document = json.loads(bytes(booster.save_raw(raw_format="json")))
    transform = transform_of(steps, samples)
    holes = _holes(transform, width)
    model = document["learner"]["gradient_booster"]
    if model["name"] == "gblinear":
        return None
    for tree in model.get("gbtree", model)["model"]["trees"]:
        if any(tree.get("split_type", [])):
            return None
        _fold(tree, transform, width, holes)
    return json.dumps(document).encode()


def _fold(tree: dict[str, Any], transform: Transform, width: int, holes: Array) -> None:
    splits = [i for i, left in enumerate(tree["left_children"]) if left >= 0]
    if not splits:
        return
    features = np.asarray(tree["split_indices"])[splits]
    thresholds = np.asarray(tree["split_conditions"], dtype=np.float32)[splits]
    largest = cuts(transform, width, features, lambda x: x.astype(np.float32) < thresholds)
    # x < t, so t is the next number after the largest one below.
    for i, feature, threshold, cut in zip(splits, features, thresholds, np.nextafter(largest, np.float32(np.inf))):
        tree["split_conditions"][i] = float(cut)
        if not np.isnan(holes[feature]):
            tree["default_left"][i] = int(np.float32(holes[feature]) < threshold)


def lightgbm(text: str, steps: list[Any], samples: Optional[Samples], width: int) -> Optional[bytes]:
    """The file of a booster of LightGBM, its splits on the samples as they are; None if some are by category, or take zeros for missing."""
    transform = transform_of(steps, samples)
    holes = _holes(transform, width)
    trees, end, rest = text.partition("\nend of trees")
    head, *blocks = trees.split("\nTree=")
    written = [_block(block, transform, width, holes) for block in blocks]
    if any(block is None for block in written):
        return None
    return ("\nTree=".join([head, *filter(None, written)]) + end + rest).encode()


def _block(block: str, transform: Transform, width: int, holes: Array) -> Optional[str]:
    lines = block.split("\n")
    at = {line.partition("=")[0]: i for i, line in enumerate(lines) if "=" in line}
    if "split_feature" not in at or not lines[at["split_feature"]].partition("=")[2]:
        return block
    features, thresholds, decisions = (
        lines[at[key]].partition("=")[2].split() for key in ("split_feature", "threshold", "decision_type")
    )
    if any(int(decision) & CATEGORICAL or int(decision) >> 2 == ZERO for decision in decisions):
        return None
    places, numbers = np.asarray(features, dtype=int), np.asarray(thresholds, dtype=np.float64)
    largest = cuts(transform, width, places, lambda x: x.astype(np.float64) <= numbers)
    for i, (place, number) in enumerate(zip(places, numbers)):
        thresholds[i] = repr(float(largest[i]))
        # Where a split knows no missing values, they count as zero behind the steps.
        hole = 0.0 if np.isnan(holes[place]) and int(decisions[i]) >> 2 == 0 else holes[place]
        if not np.isnan(hole):
            decisions[i] = str(NAN | (DEFAULT_LEFT if hole <= number else 0))
    if "leaf_coeff" in at and not _slopes(lines, at, transform, width):
        return None
    lines[at["threshold"]] = "threshold=" + " ".join(thresholds)
    lines[at["decision_type"]] = "decision_type=" + " ".join(decisions)
    return "\n".join(lines)


def _slopes(lines: list[str], at: dict[str, int], transform: Transform, width: int) -> bool:
    """Writes the linear models of a tree's leaves for the columns as they are; whether the steps are lines, so that this can be done."""
    places = np.asarray([0.0, 1.0, -3.0, 1024.0], dtype=np.float64)
    made = transform(np.repeat(places[:, None], width, axis=1)).astype(np.float64)
    intercepts, slopes = made[0], made[1] - made[0]
    if not np.allclose(made, intercepts + places[:, None] * slopes, rtol=1e-4, atol=1e-6):
        return False
    words = {key: lines[at[key]].partition("=")[2].split() for key in ("leaf_const", "num_features", "leaf_features", "leaf_coeff")}
    constants, start = [float(word) for word in words["leaf_const"]], 0
    features = [int(word) for word in words["leaf_features"]]
    coefficients = [float(word) for word in words["leaf_coeff"]]
    for leaf, count in enumerate(words["num_features"]):
        for i in range(start, start + int(count)):
            constants[leaf] += coefficients[i] * float(intercepts[features[i]])
            coefficients[i] *= float(slopes[features[i]])
        start += int(count)
    lines[at["leaf_const"]] = "leaf_const=" + " ".join(map(repr, constants))
    lines[at["leaf_coeff"]] = "leaf_coeff=" + " ".join(map(repr, coefficients))
    return True


def _holes(transform: Transform, width: int) -> Array:
    """What the steps make of a missing value in each column; NaN if they leave it."""
    holes: Array = transform(np.full((1, width), np.nan, dtype=np.float32))[0]
    return holes
