"""scikit-learn's HistGradientBoosting as a file of trees.

Its trees are LightGBM's in all that counts: comparisons of doubles, missing values with a side of their own, sets of categories.
They are written in LightGBM's text format, which the compiler reads as it is. Categories that are texts become codes; those that
are numbers stay what they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ciro.errors import CompileError

# Bits of a decision in LightGBM's format: a set of categories; missing values go left; NaN is what is missing.
CATEGORICAL, DEFAULT_LEFT, NAN = 1, 2, 8
# The largest category that float32 inputs tell from its neighbours.
CATEGORY_MAX = 1 << 24

OBJECTIVES = {
    "squared_error": "regression",
    "absolute_error": "regression",
    "quantile": "regression",
    "poisson": "poisson",
    "gamma": "poisson",
}


def is_histogram(model: Any) -> bool:
    """Whether it is a fitted estimator of this kind."""
    return type(model).__name__.startswith("HistGradientBoosting") and hasattr(model, "_predictors")


def columns_of(model: Any) -> list[tuple[str, list[str]]]:
    """Names and, where they are texts, categories of the columns; none if there is nothing to say."""
    names = [str(name) for name in getattr(model, "feature_names_in_", [])]
    features = _features(model)
    if not names and not any(feature.texts for feature in features.values()):
        return []
    texts = {feature.column: feature.texts for feature in features.values()}
    return [(names[i] if names else "", texts.get(i, [])) for i in range(model.n_features_in_)]


class Feature(NamedTuple):
    """What the trees call a feature."""

    column: int
    """Its column in the samples."""
    values: list[int]
    """Of a category: what each code is in the samples; empty for numbers."""
    texts: list[str]
    """Of a category that is a text: what each code stands for."""


def _features(model: Any) -> dict[int, Feature]:
    """By the trees' number of each: before they see a sample, categories are encoded and put first."""
    is_categorical = getattr(model, "is_categorical_", None)
    if getattr(model, "_preprocessor", None) is None or is_categorical is None:
        return {i: Feature(i, [], []) for i in range(model.n_features_in_)}
    chosen, others = np.flatnonzero(is_categorical).tolist(), np.flatnonzero(~np.asarray(is_categorical)).tolist()
    encoder = model._preprocessor.named_transformers_["encoder"]
    features = {i: _category(column, list(encoder.categories_[i])) for i, column in enumerate(chosen)}
    features.update({len(chosen) + i: Feature(column, [], []) for i, column in enumerate(others)})
    return features


def _category(column: int, categories: list[Any]) -> Feature:
    kept = [category for category in categories if category == category and category is not None]  # noqa: PLR0124
    if any(isinstance(category, str) for category in kept):
        return Feature(column, list(range(len(kept))), [str(category) for category in kept])
    values = [float(category) for category in kept]
    if any(value < 0 or value >= CATEGORY_MAX or not value.is_integer() for value in values):
        raise CompileError(
            f"column {column}: expected categories that are texts, or whole numbers from 0 to 16777215",
            "give the column's categories as texts: frame[name].astype(str).astype('category')",
        )
    return Feature(column, [int(value) for value in values], [])


def to_text(model: Any) -> bytes:
    """The model in LightGBM's text format. The sums that it starts from are trees of one leaf."""
    features = _features(model)
    start = np.reshape(model._baseline_prediction, -1).tolist()
    blocks = [leaf(value) for value in start]
    known = model._bin_mapper.bin_thresholds_
    for trees in model._predictors:
        blocks.extend(_tree(tree, features, known) for tree in trees)
    header = [
        "tree",
        "version=v4",
        f"num_class={len(start)}",
        f"num_tree_per_iteration={len(start)}",
        f"max_feature_idx={model.n_features_in_ - 1}",
        f"objective={_objective(model, len(start))}",
        "",
    ]
    numbered = [f"Tree={number}\n{block}" for number, block in enumerate(blocks)]
    return "\n".join([*header, *numbered, "end of trees", ""]).encode()


def _objective(model: Any, sums: int) -> str:
    if hasattr(model, "classes_"):
        return "binary sigmoid:1" if sums == 1 else f"multiclass num_class:{sums}"
    objective = OBJECTIVES.get(model.loss) if isinstance(model.loss, str) else None
    if objective is None:
        raise CompileError(
            f"{type(model).__name__}(loss={model.loss!r}) is not known", f"expected one of {', '.join(OBJECTIVES)}"
        )
    return objective


def leaf(value: float) -> str:
    """A tree of one leaf."""
    return f"num_leaves=1\nnum_cat=0\nleaf_value={value!r}\n"


def _tree(tree: Any, features: dict[int, Feature], known: list[Any]) -> str:
    nodes = tree.nodes
    if len(nodes) == 1:
        return leaf(float(nodes[0]["value"]))
    splits = [i for i, node in enumerate(nodes) if not node["is_leaf"]]
    leaves = [i for i, node in enumerate(nodes) if node["is_leaf"]]
    # Leaves are counted down from −1.
    number = {**{node: i for i, node in enumerate(splits)}, **{node: ~i for i, node in enumerate(leaves)}}
    sets: list[list[int]] = []
    written = [_split(nodes[i], tree, features, (known, sets)) for i in splits]
    ends, words = [0], []
    for members in sets:
        bits = [0] * (max(members, default=0) // 32 + 1)
        for member in members:
            bits[member // 32] |= 1 << member % 32
        words.extend(bits)
        ends.append(len(words))
    lines: dict[str, list[Any]] = {
        "num_leaves": [len(leaves)],
        "num_cat": [len(sets)],
        "split_feature": [split.column for split in written],
        "threshold": [split.threshold for split in written],
        "decision_type": [split.decision for split in written],
        "left_child": [number[split.left] for split in written],
        "right_child": [number[split.right] for split in written],
        "leaf_value": [float(nodes[i]["value"]) for i in leaves],
    }
    if sets:
        lines.update({"cat_boundaries": ends, "cat_threshold": words})
    return "".join(f"{key}={' '.join(map(repr, values))}\n" for key, values in lines.items())


class Split(NamedTuple):
    """A line of a tree."""

    column: int
    threshold: float
    decision: int
    left: int
    right: int


def _split(node: Any, tree: Any, features: dict[int, Feature], found: tuple[list[Any], list[list[int]]]) -> Split:
    feature, (known, sets) = features[int(node["feature_idx"])], found
    left, right, missing_left = int(node["left"]), int(node["right"]), bool(node["missing_go_to_left"])
    if not node["is_categorical"]:
        decision = NAN | (DEFAULT_LEFT if missing_left else 0)
        return Split(feature.column, float(node["num_threshold"]), decision, left, right)
    bits = tree.raw_left_cat_bitsets[int(node["bitset_idx"])]
    codes = [int(code) for code in known[int(node["feature_idx"])]]
    goes_left = {code for code in codes if bits[code // 32] >> (code % 32) & 1}
    # In LightGBM's format what is missing or unknown goes right: where it goes left here, the sides change places.
    members = [code for code in codes if (code in goes_left) != missing_left]
    sets.append([feature.values[code] for code in members])
    sides = (right, left) if missing_left else (left, right)
    return Split(feature.column, float(len(sets) - 1), CATEGORICAL | NAN, *sides)
