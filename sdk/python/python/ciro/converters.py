"""scikit-learn's estimators that skl2onnx leaves out, or writes otherwise than they answer."""

from __future__ import annotations

import copy
import importlib
import threading
from types import ModuleType
from typing import Any, Callable

import numpy as np

from ciro import pieces

Convert = Callable[[Any, Any, Any], None]


def register(skl2onnx: ModuleType, kinds: set[type], has_missing: bool) -> None:
    """Teaches skl2onnx what it lacks of these kinds, and mends what it has. `has_missing`: whether values are missing in samples."""
    _SEEN.has_missing = has_missing
    for kind in kinds:
        name = kind.__name__
        if kind.__module__.partition(".")[0] != "sklearn":
            continue
        if name in OWN:
            skl2onnx.update_registered_converter(kind, f"Ciro{name}", _width, OWN[name])
        elif name in FORESTS:
            _mend(kind, _told_of_missing)
        elif name.startswith("HistGradientBoosting"):
            _mend(kind, _as_lists)
        elif name == "SimpleImputer":
            _replace(kind, lambda imputer: bool(imputer.add_indicator), _imputer)
    if any(kind.__name__ == "CalibratedClassifierCV" for kind in kinds):
        module = importlib.import_module("skl2onnx.operator_converters.calibrated_classifier_cv")
        setattr(module, "_transform_isotonic", _isotonic)


_SEEN = threading.local()
"""What is known of the samples while a model is converted."""

FORESTS = {
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreeClassifier",
    "ExtraTreeRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
}


def _width(operator: Any) -> None:
    """As many numbers as the estimator makes of a row."""
    estimator = operator.raw_operator
    kind = type(operator.inputs[0].type)
    numbers = importlib.import_module("skl2onnx.common.data_types").FloatTensorType
    made = kind if _is_text(operator) and type(estimator).__name__ == "SimpleImputer" else numbers
    operator.outputs[0].type = made([operator.inputs[0].get_first_dimension(), _made(estimator)])


def _made(estimator: Any) -> int:
    """Columns that come out of it."""
    sample = np.zeros((1, estimator.n_features_in_), dtype=np.float64) if hasattr(estimator, "n_features_in_") else np.zeros(1)
    name = type(estimator).__name__
    if name in ("SimpleImputer", "MissingIndicator"):
        flags = estimator if name == "MissingIndicator" else getattr(estimator, "indicator_", None)
        return (0 if name == "MissingIndicator" else len(estimator.statistics_)) + (0 if flags is None else len(flags.features_))
    return int(np.reshape(estimator.transform(sample), (1, -1)).shape[1])


def _is_text(operator: Any) -> bool:
    return type(operator.inputs[0].type).__name__ == "StringTensorType"


def _input(scope: Any, operator: Any, container: Any) -> str:
    """All columns of the operator as one row."""
    names = [variable.full_name for variable in operator.inputs]
    if len(names) == 1:
        return str(names[0])
    row = scope.get_unique_variable_name("columns")
    container.add_node("Concat", names, row, axis=1, name=scope.get_unique_operator_name("Concat"))
    return str(row)


def _column(scope: Any, container: Any, x: str, index: int) -> str:
    at, name = scope.get_unique_variable_name("at"), scope.get_unique_variable_name("column")
    container.add_initializer(at, 7, [1], [index])
    container.add_node(
        "ArrayFeatureExtractor",
        [x, at],
        name,
        op_domain="ai.onnx.ml",
        name=scope.get_unique_operator_name("Column"),
    )
    return str(name)


def _together(scope: Any, operator: Any, container: Any, parts: list[str]) -> None:
    container.add_node(
        "Concat", parts, operator.outputs[0].full_name, axis=1, name=scope.get_unique_operator_name("Concat")
    )


def _by_column(scope: Any, operator: Any, container: Any) -> None:
    """A transformer that makes of each column what it makes of no other: its functions in pieces."""
    estimator = operator.raw_operator
    x = _input(scope, operator, container)
    width = estimator.n_features_in_
    parts = []
    for i in range(width):
        knots, made = _knots(estimator, i), _made(estimator) // width

        def function(column: Any, i: int = i, made: int = made) -> Any:
            rows = np.repeat(_inside(estimator)[None, :], len(column), axis=0)
            rows[:, i] = column
            return np.asarray(estimator.transform(rows))[:, i * made : (i + 1) * made]

        parts.append(pieces.apply(scope, container, _column(scope, container, x, i), pieces.lines(function, knots)))
    _together(scope, operator, container, parts)


def _knots(estimator: Any, i: int) -> Any:
    """Where the function of a column bends or ends."""
    if type(estimator).__name__ == "QuantileTransformer":
        knots = np.asarray(estimator.quantiles_)[:, i]
        # Next to its ends the first and the last result are taken.
        return np.concatenate([knots, [knots[0] + 1e-7, knots[-1] - 1e-7]]) if estimator.output_distribution == "normal" else knots
    spline = estimator.bsplines_[i]
    return np.asarray(spline.t)[spline.k : len(spline.t) - spline.k]


def _inside(estimator: Any) -> Any:
    return np.asarray([float(np.median(_knots(estimator, i))) for i in range(estimator.n_features_in_)])


def _isotonic_regression(scope: Any, operator: Any, container: Any) -> None:
    x = _input(scope, operator, container)
    made = pieces.apply(scope, container, x, _calibrator(operator.raw_operator))
    container.add_node("Identity", made, operator.outputs[0].full_name, name=scope.get_unique_operator_name("Identity"))


def _calibrator(regression: Any) -> pieces.Lines:
    """Lines between the thresholds; before and behind them the first and the last one, as `out_of_bounds="clip"` has it."""
    xs, ys = np.asarray(regression.X_thresholds_), np.asarray(regression.y_thresholds_)
    return pieces.lines(lambda x: np.interp(x, xs, ys), xs)


def _isotonic(scope: Any, container: Any, model: Any, x: str, k: int, dtype: Any, proto_type: Any) -> str:
    """In place of skl2onnx's, which takes the nearest threshold instead of the line between two."""
    del dtype, proto_type
    calibrators = model.calibrators
    row = scope.get_unique_variable_name("score")
    shape = scope.get_unique_variable_name("shape")
    container.add_initializer(shape, 7, [2], [-1, 1])
    container.add_node("Reshape", [x, shape], row, name=scope.get_unique_operator_name("Reshape"))
    return pieces.apply(scope, container, row, _calibrator(calibrators[k]))


def _imputer(scope: Any, operator: Any, container: Any) -> None:
    """Columns whose missing values are replaced, and flags of those that had some."""
    estimator = operator.raw_operator
    if _is_text(operator):
        raise NotImplementedError("an imputer of texts")
    x = _input(scope, operator, container)
    if not _is_nan(estimator.missing_values):
        raise NotImplementedError(f"missing_values={estimator.missing_values!r}")
    flags = estimator if type(estimator).__name__ == "MissingIndicator" else estimator.indicator_
    parts = []
    if flags is not estimator:
        filled = scope.get_unique_variable_name("filled")
        container.add_node(
            "Imputer",
            [x],
            filled,
            op_domain="ai.onnx.ml",
            name=scope.get_unique_operator_name("Imputer"),
            imputed_value_floats=[float(value) for value in estimator.statistics_],
            replaced_value_float=float("nan"),
        )
        parts.append(filled)
    parts += [_flag(scope, container, x, int(i)) for i in (flags.features_ if flags is not None else [])]
    if len(parts) == 1:
        container.add_node(
            "Identity", parts[0], operator.outputs[0].full_name, name=scope.get_unique_operator_name("Identity")
        )
    else:
        _together(scope, operator, container, parts)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and np.isnan(value)


def _flag(scope: Any, container: Any, x: str, feature: int) -> str:
    """One where a column is missing: a tree below whose threshold there is no number."""
    name = scope.get_unique_variable_name("is_missing")
    attributes = pieces.tree(np.asarray([np.finfo(np.float32).min]), np.asarray([[1.0], [0.0]]), feature)
    tracks = [int(mode != "LEAF") for mode in attributes["nodes_modes"]]
    container.add_node(
        "TreeEnsembleRegressor",
        [x],
        name,
        op_domain="ai.onnx.ml",
        name=scope.get_unique_operator_name("IsMissing"),
        nodes_missing_value_tracks_true=tracks,
        **attributes,
    )
    return str(name)


OWN: dict[str, Convert] = {
    "IsotonicRegression": _isotonic_regression,
    "MissingIndicator": _imputer,
    "QuantileTransformer": _by_column,
    "SplineTransformer": _by_column,
}


def _replace(kind: type, is_ours: Callable[[Any], bool], convert: Convert) -> None:
    """Converts those of a kind that are ours, and leaves the others to skl2onnx."""
    registration = importlib.import_module("skl2onnx.common._registration")
    alias = importlib.import_module("skl2onnx._supported_operators").sklearn_operator_name_map[kind]
    converters, shapes = registration._converter_pool, registration._shape_calculator_pool
    known, shape = converters[alias], shapes[alias]
    if getattr(known, "is_mended", False):
        return

    def either(scope: Any, operator: Any, container: Any) -> None:
        (convert if is_ours(operator.raw_operator) else known)(scope, operator, container)

    _put(converters, alias, either)
    shapes[alias] = lambda operator: (_width if is_ours(operator.raw_operator) else shape)(operator)


def _put(converters: dict[str, Any], alias: str, convert: Convert) -> None:
    known = converters[alias]
    made = type(known)(convert, known._options)
    setattr(made, "is_mended", True)
    converters[alias] = made


def _mend(kind: type, mended: Callable[[Any, Any], None]) -> None:
    """Lets `mended` look at the nodes that skl2onnx's own converter has added for an estimator of this kind."""
    registration = importlib.import_module("skl2onnx.common._registration")
    alias = importlib.import_module("skl2onnx._supported_operators").sklearn_operator_name_map[kind]
    known = registration._converter_pool[alias]
    if getattr(known, "is_mended", False):
        return

    def convert(scope: Any, operator: Any, container: Any) -> None:
        watched = _Watched(container, lambda attributes: mended(operator.raw_operator, attributes))
        known(scope, operator, watched)

    _put(registration._converter_pool, alias, convert)


def raw_scores(parts: list[Any]) -> dict[int, dict[str, Any]]:
    """Options for those that a calibration asks for margins: skl2onnx asks those in a pipeline, and LightGBM's, for probabilities."""
    _SEEN.asked = set()
    options: dict[int, dict[str, Any]] = {}
    for calibrated in (part for whole in parts for part in getattr(whole, "calibrated_classifiers_", [])):
        base = calibrated.estimator
        last = base.steps[-1][1] if hasattr(base, "steps") else base
        if not hasattr(base, "decision_function"):
            continue
        if type(last).__module__.startswith("lightgbm"):
            _SEEN.asked.add(id(last))
        elif last is not base and hasattr(last, "predict_proba"):
            options[id(last)] = {"zipmap": False, "raw_scores": True}
    return options


def asked(convert: Convert) -> Convert:
    """The converter of a booster, which leaves out the logistic function of those that are asked for margins."""

    def converted(scope: Any, operator: Any, container: Any) -> None:
        def plain(attributes: dict[str, Any]) -> None:
            if id(operator.raw_operator) in _SEEN.asked:
                attributes["post_transform"] = "NONE"

        convert(scope, operator, _Watched(container, plain))

    return converted


class _Watched:
    """A container that changes the attributes of ensembles of trees before it adds them."""

    def __init__(self, container: Any, change: Callable[[Any], None]) -> None:
        self._container, self._change = container, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, operator: str, *operands: Any, **attributes: Any) -> Any:
        if operator.startswith("TreeEnsemble"):
            attributes = copy.copy(attributes)
            self._change(attributes)
        return self._container.add_node(operator, *operands, **attributes)


def _as_lists(estimator: Any, attributes: dict[str, Any]) -> None:
    """Newer versions of ONNX take no arrays for attributes, and no numbers of NumPy's."""
    del estimator
    for key, value in attributes.items():
        if isinstance(value, (list, np.ndarray)):
            plain = np.asarray(value).tolist()
            attributes[key] = [int(one) if isinstance(one, bool) else one for one in plain]


def _told_of_missing(estimator: Any, attributes: dict[str, Any]) -> None:
    """skl2onnx says of no node where it sends missing values."""
    trees = [part.tree_ for part in getattr(estimator, "estimators_", [estimator])]
    if not all(hasattr(tree, "missing_go_to_left") for tree in trees):
        return
    # Leaves send nothing anywhere: marked, they say that the forest takes missing values.
    is_leaf = [tree.children_left[i] < 0 for tree in trees for i in range(tree.node_count)]
    sides = [int(tree.missing_go_to_left[i]) for tree in trees for i in range(tree.node_count)]
    if _SEEN.has_missing and len(sides) == len(attributes["nodes_nodeids"]):
        attributes["nodes_missing_value_tracks_true"] = [int(a or b) for a, b in zip(is_leaf, sides)]
