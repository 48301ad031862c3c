"""Boosters behind steps that make each feature from one column, as boosters of the columns themselves.

So the trees read the samples as they are given, decide as the pipeline does, rounding included, and no converter stands between.
What the steps are is in `layouts`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, Optional

import numpy as np

from ciro.arrays import Array, Samples
from ciro.histograms import CATEGORICAL, DEFAULT_LEFT, NAN, is_histogram, leaf
from ciro.layouts import MOST, Layout, layout_of

# What stands for missing values in a split of LightGBM, if it is zero.
ZERO = 1

Below = Callable[[Array], Array]
"""Which of some numbers go left; of arrays of numbers."""


def steps_before(pipeline: Any, samples: Optional[Samples]) -> Optional[tuple[Layout, Any]]:
    """The steps and the model of trees behind them; None if something else is there, or a feature is made of several columns."""
    steps = [step for _, step in getattr(pipeline, "steps", [])]
    if len(steps) < 2 or not is_booster(steps[-1]):
        return None
    before = [step for step in steps[:-1] if step is not None and not isinstance(step, str)]
    layout = layout_of(before, pipeline, samples)
    return None if layout is None else (layout, steps[-1])


def is_booster(model: Any) -> bool:
    return type(model).__module__.partition(".")[0] in ("xgboost", "lightgbm") or is_histogram(model)


def cuts(layout: Layout, features: Array, below: Below) -> Array:
    """For each of some splits the largest number of its column whose feature is `below` it; the least float32 if none is.

    `below` gets a changed number per split. A bisection of all doubles at once, in their order.
    """
    # Images of doubles in their order; one less than the least says that none is below.
    low = np.full(len(features), _image(-MOST) - 1, dtype=np.int64)
    high = np.full(len(features), _image(MOST), dtype=np.int64)
    columns = np.asarray([layout.features[feature].column for feature in features])
    index = np.arange(len(features))
    while (low < high).any():
        # Their sum is beyond 63 bits.
        middle = low // 2 + high // 2 + (low % 2 + high % 2 + 1) // 2
        rows = np.zeros((len(features), layout.width), dtype=np.float64)
        rows[index, columns] = _number(middle)
        changed = layout.transform(rows)[index, features]
        holds = below(changed)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle - 1)
    return _number(np.maximum(low, _image(-MOST)))


def _image(number: Any) -> Any:
    bits = np.asarray(number, dtype=np.float64).view(np.int64)
    return np.where(bits >= 0, bits, -(bits & np.int64(2**63 - 1)))


def _number(image: Array) -> Array:
    bits = np.where(image >= 0, image, -image | np.int64(-(2**63)))
    return bits.view(np.float64)


def xgboost(booster: Any, layout: Layout, is_single: bool) -> Optional[bytes]:
    """A file of the booster, its splits on the samples as they are; None if some are by category, or cannot be told apart so.

    Where float32s hold the samples, which `is_single` says, it is XGBoost's own; else LightGBM's, which reads doubles.
    """
    document = json.loads(bytes(booster.save_raw(raw_format="json")))
    learner = document["learner"]
    model = learner["gradient_booster"]
    if model["name"] == "gblinear":
        return None
    trees = model.get("gbtree", model)["model"]["trees"]
    if any(any(tree.get("split_type", [])) or int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in trees):
        return None
    known = _known_cuts(layout, trees)
    if is_single and not any(_is_torn(layout, tree, known) for tree in trees):
        for tree in trees:
            _fold(tree, layout, known)
        learner["learner_model_param"]["num_feature"] = str(layout.width)
        learner["feature_names"], learner["feature_types"] = [], []
        return json.dumps(document).encode()
    return _as_text(learner, layout, known)


class Known(NamedTuple):
    """What is known of a layout."""

    cuts: dict[tuple[int, float], float]
    """The largest number below each threshold of each feature."""
    holes: Array
    """What each feature is where its column is missing; NaN if it is missing as well."""
    zeros: Array
    """Whether each feature is sparse, and zero where its column is."""


def _known_cuts(layout: Layout, trees: list[dict[str, Any]]) -> Known:
    splits = {
        (feature, float(np.float32(threshold)))
        for tree in trees
        for left, feature, threshold in zip(tree["left_children"], tree["split_indices"], tree["split_conditions"])
        if left >= 0 and not layout.features[feature].is_category
    }
    return Known(_all_cuts(layout, splits, lambda x, t: x.astype(np.float32) < t.astype(np.float32)), _holes(layout), _zeros(layout))


def _all_cuts(
    layout: Layout, splits: set[tuple[int, float]], below: Callable[[Array, Array], Array]
) -> dict[tuple[int, float], float]:
    listed = sorted(splits)
    if not listed:
        return {}
    thresholds = np.asarray([threshold for _, threshold in listed], dtype=np.float64)
    found = cuts(layout, np.asarray([feature for feature, _ in listed]), lambda x: below(x, thresholds))
    return dict(zip(listed, found.tolist()))


def _splits(tree: dict[str, Any]) -> list[tuple[int, int, Any, bool]]:
    """Node, feature, threshold and default of each split."""
    columns = zip(tree["left_children"], tree["split_indices"], tree["split_conditions"], tree["default_left"])
    return [(i, int(f), np.float32(t), bool(d)) for i, (left, f, t, d) in enumerate(columns) if left >= 0]


def _is_torn(layout: Layout, tree: dict[str, Any], known: Known) -> bool:
    """Whether zeros, which are missing where features are sparse, go against a threshold."""
    return any(known.zeros[f] and (np.float32(0) < t) != default for _, f, t, default in _splits(tree))


def _fold(tree: dict[str, Any], layout: Layout, known: Known) -> None:
    """Writes the splits of a tree for the columns as they are."""
    sets: dict[int, list[int]] = {}
    for i, feature, threshold, default in _splits(tree):
        made = layout.features[feature]
        if made.is_category:
            sets[i] = _by_category(tree, i, layout, feature, _less(threshold, default, layout.is_sparse))
        else:
            # x < t, so t is the next float32 after the largest number below.
            cut = known.cuts[feature, float(threshold)]
            near = np.float32(cut)
            tree["split_conditions"][i] = float(min(np.nextafter(near, np.float32(np.inf)) if float(near) <= cut else near, MOST))
            if not np.isnan(known.holes[feature]):
                tree["default_left"][i] = int(np.float32(known.holes[feature]) < threshold)
        tree["split_indices"][i] = made.column
    _write_sets(tree, {node: members for node, members in sets.items() if members})


# Objectives of XGBoost, and what they are in LightGBM's format.
OBJECTIVES = {
    "binary:logistic": "binary sigmoid:1",
    "reg:logistic": "cross_entropy",
    **dict.fromkeys(("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:squaredlogerror"), "regression"),
    **dict.fromkeys(("reg:quantileerror", "rank:pairwise", "rank:ndcg", "rank:map"), "regression"),
    **dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"), "poisson"),
}


def _as_text(learner: dict[str, Any], layout: Layout, known: Known) -> Optional[bytes]:
    """XGBoost's trees in LightGBM's format."""
    booster = learner["gradient_booster"]
    model = booster.get("gbtree", booster)["model"]
    parameters, name = learner["learner_model_param"], learner["objective"]["name"]
    classes = max(int(parameters["num_class"]), 1)
    objective = f"multiclass num_class:{classes}" if name in ("multi:softprob", "multi:softmax") else OBJECTIVES.get(name)
    rounds = [model["trees"][i::classes] for i in range(classes)]
    is_even = model["tree_info"] == [i % classes for i in range(len(model["tree_info"]))]
    if objective is None or not is_even or int(parameters.get("num_target", "1")) > 1 or len({len(one) for one in rounds}) > 1:
        return None
    scores = [float(score) for score in parameters["base_score"].strip("[]").split(",")]
    starts = [_margin(score, objective) for score in (scores if len(scores) == classes else scores * classes)]
    weights = booster.get("weight_drop", [1.0] * len(model["trees"]))
    blocks = [leaf(start) for start in starts]
    for tree, weight in zip(model["trees"], weights):
        blocks.append(_tree_text(tree, weight, layout, known))
    head = [f"num_class={classes}", f"num_tree_per_iteration={classes}", f"max_feature_idx={layout.width - 1}", f"objective={objective}"]
    numbered = [f"Tree={number}\n{block}" for number, block in enumerate(blocks)]
    return "\n".join(["tree", "version=v4", *head, "", *numbered, "end of trees", ""]).encode()


def _margin(score: float, objective: str) -> float:
    if objective == "poisson":
        return float(np.log(score))
    return float(np.log(score / (1 - score))) if objective in ("binary sigmoid:1", "cross_entropy") else score


def _tree_text(tree: dict[str, Any], weight: float, layout: Layout, known: Known) -> str:
    lefts, rights = tree["left_children"], tree["right_children"]
    splits = _splits(tree)
    leaves = [i for i, left in enumerate(lefts) if left < 0]
    values = [float(np.float32(tree["split_conditions"][i]) * np.float32(weight)) for i in leaves]
    if not splits:
        return leaf(values[0])
    # Leaves are counted down from −1.
    number = {**{split[0]: i for i, split in enumerate(splits)}, **{node: ~i for i, node in enumerate(leaves)}}
    words: dict[str, list[str]] = {
        "left_child": [str(number[lefts[i]]) for i, *_ in splits],
        "right_child": [str(number[rights[i]]) for i, *_ in splits],
        "split_feature": [str(layout.features[feature].column) for _, feature, *_ in splits],
        "threshold": [],
        "decision_type": [],
    }
    sets: list[list[int]] = []
    for i, (_, feature, threshold, default) in enumerate(splits):
        if layout.features[feature].is_category:
            below = _less(threshold, default, layout.is_sparse)
            words["threshold"].append(str(len(sets)))
            words["decision_type"].append(str(CATEGORICAL | NAN))
            sets.append(_left_members(words, i, (layout, feature), below))
            continue
        hole = known.holes[feature]
        side = default if np.isnan(hole) else bool(np.float32(hole) < threshold)
        kind = ZERO << 2 if known.zeros[feature] and (np.float32(0) < threshold) != default else NAN
        words["threshold"].append(repr(known.cuts[feature, float(threshold)]))
        words["decision_type"].append(str(kind | (DEFAULT_LEFT if side else 0)))
    lines = [f"num_leaves={len(leaves)}", f"num_cat={len(sets)}", *(_bit_sets(sets) if sets else [])]
    lines += [f"{key}={' '.join(listed)}" for key, listed in words.items()]
    return "\n".join([*lines, f"leaf_value={' '.join(map(repr, values))}", ""])


def _less(threshold: Any, default: bool, is_sparse: bool) -> Below:
    """What XGBoost sends left: of what is sparse, zeros are missing."""

    def below(x: Array) -> Array:
        single = x.astype(np.float32)
        is_missing = np.isnan(single) | (is_sparse & (single == 0))
        return np.where(is_missing, default, single < threshold)

    return below


def _by_category(tree: dict[str, Any], node: int, layout: Layout, feature: int, below: Below) -> list[int]:
    """The categories that go right, where those that are not known go left: else both sides change places."""
    lefts, unknown = layout.members(feature, below)
    everything, _ = layout.members(feature, lambda x: np.ones(len(x), dtype=bool))
    rights = [code for code in everything if code not in set(lefts)]
    left, right = tree["left_children"][node], tree["right_children"][node]
    tree["default_left"][node] = 1
    if not unknown:
        tree["left_children"][node], tree["right_children"][node] = right, left
        rights = lefts
    if not rights:
        # All go left.
        tree["split_conditions"][node] = float(MOST)
    return rights


def _write_sets(tree: dict[str, Any], sets: dict[int, list[int]]) -> None:
    nodes = sorted(sets)
    sizes = [len(sets[node]) for node in nodes]
    tree["split_type"] = [int(i in sets) for i in range(len(tree["left_children"]))]
    tree["categories_nodes"], tree["categories_sizes"] = nodes, sizes
    tree["categories_segments"] = np.cumsum([0, *sizes])[:-1].tolist()
    tree["categories"] = [code for node in nodes for code in sorted(sets[node])]


def lightgbm(text: str, layout: Layout) -> Optional[bytes]:
    """The file of a booster in LightGBM's format, its splits on the samples as they are; None if some are by category, or take zeros
    for missing."""
    trees, end, _ = text.partition("\nend of trees")
    head, *blocks = trees.split("\nTree=")
    splits = {
        (int(place), float(threshold))
        for words in map(_words, blocks)
        for place, threshold in zip(words.get("split_feature", []), words.get("threshold", []))
        if not layout.features[int(place)].is_category
    }
    found = _all_cuts(layout, splits, lambda x, t: x.astype(np.float64) <= t)
    known = Known(found, _holes(layout), np.zeros(0))
    written = [_block(block, layout, known) for block in blocks]
    if any(block is None for block in written):
        return None
    # Names, infos and categories are those of the features.
    lines = [line for line in head.split("\n") if not line.startswith(("feature_names=", "feature_infos=", "max_feature_idx="))]
    head = "\n".join([lines[0], f"max_feature_idx={layout.width - 1}", *lines[1:]])
    return ("\nTree=".join([head, *filter(None, written)]) + end + "\n").encode()


def _words(block: str) -> dict[str, list[str]]:
    return {key: values.split() for key, _, values in (line.partition("=") for line in block.split("\n"))}


def _block(block: str, layout: Layout, known: Known) -> Optional[str]:
    lines, words = block.split("\n"), _words(block)
    at = {line.partition("=")[0]: i for i, line in enumerate(lines) if "=" in line}
    if not words.get("split_feature"):
        return block
    decisions = [int(word) for word in words["decision_type"]]
    if any(decision & CATEGORICAL or decision >> 2 == ZERO for decision in decisions):
        return None
    if "leaf_coeff" in at and (any(feature.is_category for feature in layout.features) or not _slopes(lines, at, layout)):
        return None
    sets: list[list[int]] = []
    for i, (place, number) in enumerate(zip(map(int, words["split_feature"]), map(float, words["threshold"]))):
        words["split_feature"][i] = str(layout.features[place].column)
        # Where a split knows no missing values, they count as zero behind the steps.
        takes_zero, default = decisions[i] >> 2 == 0, bool(decisions[i] & DEFAULT_LEFT)
        if layout.features[place].is_category:
            words["threshold"][i], words["decision_type"][i] = str(len(sets)), str(CATEGORICAL | NAN)
            sets.append(_left_members(words, i, (layout, place), _at_most(number, takes_zero, default)))
            continue
        words["threshold"][i] = repr(known.cuts[place, number])
        hole = 0.0 if np.isnan(known.holes[place]) and takes_zero else known.holes[place]
        if not np.isnan(hole):
            words["decision_type"][i] = str(NAN | (DEFAULT_LEFT if hole <= number else 0))
    for key in ("split_feature", "threshold", "decision_type", "left_child", "right_child"):
        lines[at[key]] = f"{key}={' '.join(words[key])}"
    if sets:
        lines[at["num_cat"]] = "\n".join([f"num_cat={len(sets)}", *_bit_sets(sets)])
    return "\n".join(lines)


def _at_most(threshold: float, takes_zero: bool, default: bool) -> Below:
    def below(x: Array) -> Array:
        filled = np.where(np.isnan(x), 0.0, x) if takes_zero else x
        return np.where(np.isnan(filled), default, filled <= threshold)

    return below


def _left_members(words: dict[str, list[str]], node: int, of: tuple[Layout, int], below: Below) -> list[int]:
    """The categories that go left, where those that are not known go right: else both sides change places."""
    layout, feature = of
    lefts, unknown = layout.members(feature, below)
    if not unknown:
        return lefts
    everything, _ = layout.members(feature, lambda x: np.ones(len(x), dtype=bool))
    left, right = words["left_child"][node], words["right_child"][node]
    words["left_child"][node], words["right_child"][node] = right, left
    return [code for code in everything if code not in set(lefts)]


def _bit_sets(sets: list[list[int]]) -> list[str]:
    ends, bits = [0], []
    for members in sets:
        words = [0] * (max(members, default=0) // 32 + 1)
        for member in members:
            words[member // 32] |= 1 << member % 32
        bits.extend(words)
        ends.append(len(bits))
    return [f"cat_boundaries={' '.join(map(str, ends))}", f"cat_threshold={' '.join(map(str, bits))}"]


def _slopes(lines: list[str], at: dict[str, int], layout: Layout) -> bool:
    """Writes the linear models of a tree's leaves for the columns as they are; whether the steps are lines, so that this can be done."""
    places = np.asarray([0.0, 1.0, -3.0, 1024.0], dtype=np.float64)
    made = layout.transform(np.repeat(places[:, None], layout.width, axis=1)).astype(np.float64)
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
    lines[at["leaf_features"]] = "leaf_features=" + " ".join(str(layout.features[feature].column) for feature in features)
    return True


def _holes(layout: Layout) -> Array:
    """What the steps make of a missing value in the column of each feature; NaN if they leave it."""
    holes: Array = layout.transform(np.full((1, layout.width), np.nan, dtype=np.float32))[0]
    return holes


def _zeros(layout: Layout) -> Array:
    """Whether a feature is sparse, and zero where its column is. One that is zero elsewhere is never so exactly."""
    is_number = np.asarray([not feature.is_category for feature in layout.features])
    at_zero = layout.transform(np.zeros((1, layout.width)))[0] == 0
    made: Array = is_number & at_zero & layout.is_sparse
    return made
