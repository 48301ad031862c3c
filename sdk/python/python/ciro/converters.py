"""scikit-learn's estimators that skl2onnx leaves out, or writes otherwise than they answer."""

from __future__ import annotations

import copy
import importlib
import threading
from types import ModuleType
from typing import Any, Callable, Optional

import numpy as np

from ciro import clusters, doubles, encoders, kernels, medians, pieces, scored, wrapped
from ciro.nodes import OPTIONS, Nodes

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
        elif name in OWN_CLASSIFIERS:
            shape = importlib.import_module("skl2onnx.common.shape_calculator").calculate_linear_classifier_output_shapes
            skl2onnx.update_registered_converter(kind, f"Ciro{name}", shape, OWN_CLASSIFIERS[name], options=OPTIONS)
        elif name in CLUSTERS:
            skl2onnx.update_registered_converter(
                kind, f"Ciro{name}", clusters.shape, clusters.nearest, parser=clusters.parser(f"Ciro{name}")
            )
        elif name in MIXTURES:
            skl2onnx.update_registered_converter(kind, f"Ciro{name}", _of_groups, clusters.mixture, options={"score_samples": [True, False]})
        elif name == "EllipticEnvelope":
            skl2onnx.update_registered_converter(kind, f"Ciro{name}", _of_outliers, clusters.envelope)
        elif name == "SGDClassifier":
            _tell_by_margins(kind)
        elif name == "ClassifierChain":
            skl2onnx.update_registered_converter(
                kind, f"Ciro{name}", _several, wrapped.chain, parser=_of_several(f"Ciro{name}"), options=OPTIONS
            )
        elif name in ENCODERS:
            _replace(kind, encoders.is_ours, encoders.convert)
        elif name in FORESTS:
            _mend(kind, _told_of_missing)
            _separate_targets(skl2onnx, kind)
        elif name in COMPARES:
            _mend(kind, lambda estimator, attributes: None)
        elif name.startswith("HistGradientBoosting"):
            _mend(kind, _as_lists)
        elif name == "SimpleImputer":
            _replace(kind, lambda imputer: bool(imputer.add_indicator) or _fills_texts(imputer), _imputer)
        elif name in SELECTORS:
            # skl2onnx takes the first column alone for none at all.
            _replace(kind, lambda selector: not np.flatnonzero(selector.get_support()).any(), _chosen)
        elif name in ("NuSVC", "SVC"):
            _replace(kind, lambda machine: np.size(machine.probA_) == 1, kernels.support_vectors, keeps_shape=True)
        elif name == "CalibratedClassifierCV":
            _replace(kind, lambda whole: whole.method == "temperature", wrapped.temperature, keeps_shape=True)
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


# What compares features without being one of these.
COMPARES = {"GradientBoostingClassifier", "GradientBoostingRegressor", "IsolationForest"}


def _width(operator: Any) -> None:
    """As many numbers as the estimator makes of a row."""
    estimator = operator.raw_operator
    kind = type(operator.inputs[0].type)
    numbers = importlib.import_module("skl2onnx.common.data_types").FloatTensorType
    made = kind if _is_text(operator) and type(estimator).__name__ == "SimpleImputer" else numbers
    operator.outputs[0].type = made([operator.inputs[0].get_first_dimension(), _made(estimator)])


def _made(estimator: Any) -> int:
    """Columns that come out of it."""
    name = type(estimator).__name__
    if name == "TransformedTargetRegressor" or name == "AdaBoostRegressor":
        return 1
    if name == "RegressorChain":
        return len(estimator.estimators_)
    if name == "KernelRidge":
        return int(np.asarray(estimator.dual_coef_).reshape(len(estimator.dual_coef_), -1).shape[1])
    if hasattr(estimator, "categories_"):
        return sum(encoders.table(estimator, i)[1].shape[1] for i in range(len(estimator.categories_)))
    if name in ("SimpleImputer", "MissingIndicator"):
        flags = estimator if name == "MissingIndicator" else getattr(estimator, "indicator_", None)
        return (0 if name == "MissingIndicator" else len(estimator.statistics_)) + (0 if flags is None else len(flags.features_))
    sample = np.zeros((1, estimator.n_features_in_), dtype=np.float64) if hasattr(estimator, "n_features_in_") else np.zeros(1)
    return int(np.reshape(estimator.transform(sample), (1, -1)).shape[1])


def _of_groups(operator: Any) -> None:
    """A label, and a probability of each group."""
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type.shape = [rows]
    operator.outputs[1].type.shape = [rows, len(operator.raw_operator.means_)]


def _of_outliers(operator: Any) -> None:
    """A label, and one score."""
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type.shape = [rows]
    operator.outputs[1].type.shape = [rows, 1]


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
        # Next to its ends the first and the last result are taken, unless it jumps there.
        next_to = [knots[0] + 1e-7] if knots[0] < knots[1] else []
        next_to += [knots[-1] - 1e-7] if knots[-2] < knots[-1] else []
        return np.concatenate([knots, next_to]) if estimator.output_distribution == "normal" else knots
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
        encoders.convert_imputer(scope, operator, container)
        return
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


def _chosen(scope: Any, operator: Any, container: Any) -> None:
    """The columns that a selector keeps."""
    nodes = Nodes(scope, operator, container)
    places = np.flatnonzero(operator.raw_operator.get_support()).tolist()
    if not places:
        raise NotImplementedError("a selector that keeps no column")
    nodes.gives(nodes.learnt("ArrayFeatureExtractor", [nodes.row(), nodes.whole(places)]))


# Largest distance from a line of what is taken to be one, as a part of what it spreads over.
STRAIGHT = 1e-6


def _by_lines(scope: Any, operator: Any, container: Any) -> None:
    """A transformer that adds up its columns: what it makes of none and of each tells all."""
    estimator, nodes = operator.raw_operator, Nodes(scope, operator, container)
    width = estimator.n_features_in_
    probes = np.vstack([np.zeros((1, width)), np.eye(width), np.random.default_rng(0).normal(size=(width + 1, width))])
    made = np.asarray(estimator.transform(probes), dtype=np.float64)
    offset, weights = made[0], made[1 : width + 1] - made[0]
    if np.abs(probes @ weights + offset - made).max() > STRAIGHT * max(np.ptp(made), 1e-30):
        raise NotImplementedError(f"{type(estimator).__name__} that does more than to add up its columns")
    nodes.gives(nodes.affine(nodes.row(), weights, offset))


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


def _fills_texts(imputer: Any) -> bool:
    return np.asarray(imputer.statistics_).dtype.kind == "O" and not imputer.add_indicator


def _several(operator: Any) -> None:
    """As many probabilities as the targets have classes, or one for each classifier of a chain."""
    model = operator.raw_operator
    chained = type(model).__name__ == "ClassifierChain"
    count = len(model.estimators_) if chained else sum(len(names) for names in model.classes_)
    numbers = importlib.import_module("skl2onnx.common.data_types").FloatTensorType
    operator.outputs[0].type = numbers([operator.inputs[0].get_first_dimension(), count])


def _of_several(alias: str) -> Callable[..., Any]:
    """A parser: probabilities are the only output."""

    def parser(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
        del custom_parsers
        numbers = importlib.import_module("skl2onnx.common.data_types").FloatTensorType
        operator = scope.declare_local_operator(alias, model)
        operator.inputs = inputs
        operator.outputs.append(scope.declare_local_variable("probabilities", numbers()))
        return operator.outputs

    return parser


def _separate_targets(skl2onnx: ModuleType, kind: type) -> None:
    """Forests that classify several targets at once get a converter of their own; all others keep theirs."""
    parsers = importlib.import_module("skl2onnx._parse").sklearn_parsers_map
    known = parsers.get(kind)
    if getattr(known, "is_mended", False) or not kind.__name__.endswith("Classifier"):
        return
    operators = importlib.import_module("skl2onnx._supported_operators").sklearn_operator_name_map
    alias, own = operators[kind], f"CiroTargets{kind.__name__}"
    skl2onnx.update_registered_converter(kind, own, _several, scored.several_targets, parser=_of_several(own), options=OPTIONS)
    operators[kind], separate = alias, _of_several(own)

    def either(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
        parser = separate if isinstance(model.classes_, list) else known
        return parser(scope, model, inputs, custom_parsers=custom_parsers)

    setattr(either, "is_mended", True)
    parsers[kind] = either


ENCODERS = {"OneHotEncoder", "OrdinalEncoder", "TargetEncoder"}

CLUSTERS = {"AffinityPropagation", "Birch", "BisectingKMeans", "KMeans", "MeanShift", "MiniBatchKMeans"}

SELECTORS = {
    "GenericUnivariateSelect",
    "RFE",
    "RFECV",
    "SelectFdr",
    "SelectFpr",
    "SelectFromModel",
    "SelectFwe",
    "SelectKBest",
    "SelectPercentile",
    "VarianceThreshold",
}

MIXTURES = {"BayesianGaussianMixture", "GaussianMixture"}

OWN_CLASSIFIERS: dict[str, Convert] = {
    "CategoricalNB": scored.categorical_bayes,
    "FixedThresholdClassifier": wrapped.threshold,
    "GaussianNB": scored.gaussian_bayes,
    "NearestCentroid": scored.centroids,
    "QuadraticDiscriminantAnalysis": scored.quadratic,
    "TunedThresholdClassifierCV": wrapped.threshold,
}

OWN: dict[str, Convert] = {
    "AdaBoostRegressor": medians.weighted,
    "FactorAnalysis": _by_lines,
    "FastICA": _by_lines,
    "IsotonicRegression": _isotonic_regression,
    "KernelRidge": kernels.ridge,
    "MiniBatchSparsePCA": _by_lines,
    "MissingIndicator": _imputer,
    "Nystroem": kernels.nystroem,
    "QuantileTransformer": _by_column,
    "RBFSampler": kernels.waves,
    "RegressorChain": wrapped.regressors,
    "SequentialFeatureSelector": _chosen,
    "SparsePCA": _by_lines,
    "SplineTransformer": _by_column,
    "TransformedTargetRegressor": wrapped.transformed_target,
}


def _replace(kind: type, is_ours: Callable[[Any], bool], convert: Convert, keeps_shape: bool = False) -> None:
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
    if not keeps_shape:
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
        is_double = type(operator.inputs[0].type).__name__ == "DoubleTensorType"
        singles = doubles.singles(scope, container) if is_double else None
        watched = _Watched(container, lambda attributes: mended(operator.raw_operator, attributes), singles)
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
    """A container that changes the attributes of ensembles of trees before it adds them, and what they read if that is of doubles."""

    def __init__(self, container: Any, change: Callable[[Any], None], singles: Optional[doubles.Singles] = None) -> None:
        self._container, self._change, self._singles = container, change, singles

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, operator: str, *operands: Any, **attributes: Any) -> Any:
        if operator.startswith("TreeEnsemble"):
            attributes = copy.copy(attributes)
            self._change(attributes)
            if self._singles is not None:
                operands = (self._singles(operands[0], attributes), *operands[1:])
        return self._container.add_node(operator, *operands, **attributes)


def _as_lists(estimator: Any, attributes: dict[str, Any]) -> None:
    """Newer versions of ONNX take no arrays for attributes, and no numbers of NumPy's."""
    del estimator
    for key, value in attributes.items():
        if isinstance(value, (list, np.ndarray)):
            plain = np.asarray(value).tolist()
            attributes[key] = [int(one) if isinstance(one, bool) else one for one in plain]


def _tell_by_margins(kind: type) -> None:
    """Lets the largest margin tell the class of a linear classifier: skl2onnx takes the largest probability, of which several may be one."""
    registration = importlib.import_module("skl2onnx.common._registration")
    alias = importlib.import_module("skl2onnx._supported_operators").sklearn_operator_name_map[kind]
    known = registration._converter_pool[alias]
    if getattr(known, "is_mended", False):
        return

    def convert(scope: Any, operator: Any, container: Any) -> None:
        scored.label_by_margins(scope, operator, container)
        unread = scope.get_unique_variable_name("by_probability")
        known(scope, operator, _Renamed(container, operator.outputs[0].full_name, unread))

    _put(registration._converter_pool, alias, convert)


class _Renamed:
    """A container in which what nodes make has another name."""

    def __init__(self, container: Any, name: str, other: str) -> None:
        self._container, self._name, self._other = container, name, other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, operator: str, inputs: Any, outputs: Any, **attributes: Any) -> Any:
        made = [outputs] if isinstance(outputs, str) else list(outputs)
        made = [self._other if name == self._name else name for name in made]
        return self._container.add_node(operator, inputs, made, **attributes)


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
