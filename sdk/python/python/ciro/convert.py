"""From what people have trained to the bytes of a model file.

Boosters of XGBoost and LightGBM save themselves, in the format that the compiler reads as it is. scikit-learn's estimators
go through `skl2onnx`, pipelines with a booster inside through `onnxmltools` as well; where one is missing, the error says how
to install it. Nothing else is imported that the estimator's own library did not need.
"""

from __future__ import annotations

import copy
import importlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

import numpy as np

from ciro import converters, doubles, encoders, folded, functions, neighbours
from ciro.arrays import Samples, numbers
from ciro.errors import CompileError
from ciro.histograms import columns_of, is_histogram, to_text
from ciro.layouts import Layout
from ciro.tables import table_of

# What the converters are asked for: the newest that all of them write.
OPSET, OPSET_ML = 15, 3
# Objectives of LightGBM with which it answers a class.
CLASSIFIES = ("binary", "multiclass", "softmax", "multiclassova", "multiclass_ova", "ova", "ovr")
# The tensor that an estimator's features are called.
INPUT = "input"


@dataclass(frozen=True)
class Source:
    """A model file, and what its users say that the file does not."""

    file: bytes
    columns: list[tuple[str, list[str]]] = field(default_factory=list)
    """Names and categories of the columns; none where the file has them, or nobody has."""
    missing: Optional[float] = None
    """The number that stands for a missing value."""
    labels: Optional[list[Any]] = None
    """Names of the classes."""
    rounds: Optional[str] = None
    """Which trees count, where the file may not say."""


def to_source(model: Any, samples: Optional[Samples]) -> Source:
    """`model` itself if it is a file, else the saved or converted estimator."""
    if isinstance(model, (bytes, bytearray, memoryview)):
        return Source(bytes(model))
    if hasattr(model, "SerializeToString"):
        return Source(bytes(model.SerializeToString()))
    saved = _saved_booster(model)
    if saved is not None:
        return saved
    if is_histogram(model):
        return Source(to_text(model), columns=columns_of(model), labels=_class_names(model))
    if hasattr(model, "fit") and hasattr(model, "get_params"):
        return _folded(model, samples) or _estimator(model, samples)
    raise CompileError(
        f"expected an estimator, a path, the bytes of a model file or a ModelProto, got {type(model).__name__}",
        "export the model to ONNX, for example with torch.onnx.export or tf2onnx, and pass the file",
    )


def _saved_booster(model: Any) -> Optional[Source]:
    """The file of a booster by its own library; None for what is no fitted booster."""
    library = type(model).__module__.partition(".")[0]
    if library == "catboost" and hasattr(model, "save_model"):
        return _saved_catboost(model)
    if library not in ("xgboost", "lightgbm"):
        return None
    is_bare = type(model).__name__ == "Booster"
    if not is_bare and not hasattr(model, "n_features_in_"):
        return None
    if library == "lightgbm":
        booster = model if is_bare else model.booster_
        labels = None if is_bare else _numbered_labels(model)
        return Source(str(booster.model_to_string()).encode(), labels=labels)
    labels = None if is_bare else _labels(model)
    booster = model if is_bare else _trees_used(model)
    missing = None if is_bare else _sentinel(model)
    file = bytes(booster.save_raw(raw_format="ubj"))
    if getattr(model, "objective", None) == "multi:softmax":
        file = _with_probabilities(booster)
    return Source(file, missing=missing, labels=labels, rounds="all")


def _saved_catboost(model: Any) -> Source:
    """CatBoost's own export. It has none of categories, nor of trees that are not symmetric."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            model.save_model(str(path), format="onnx")
        except Exception as error:
            # Its errors have a base that cannot be told without importing it.
            raise CompileError(
                f"{type(model).__name__} cannot be exported to ONNX: {_brief(error)}",
                "CatBoost exports symmetric trees on numbers: encode categories before it, and train with grow_policy='SymmetricTree'",
            ) from error
        file = path.read_bytes()
    names = [str(name) for name in model.feature_names_]
    is_named = names != [str(i) for i in range(len(names))]
    return Source(file, columns=[(name, []) for name in names] if is_named else [])


def _with_probabilities(booster: Any) -> bytes:
    """The file of a booster that answers with classes, whose estimator tells their probabilities as well."""
    document = json.loads(bytes(booster.save_raw(raw_format="json")))
    document["learner"]["objective"]["name"] = "multi:softprob"
    return json.dumps(document).encode()


def _folded(pipeline: Any, samples: Optional[Samples]) -> Optional[Source]:
    """A booster behind steps that make each feature from one column, as a booster of the columns themselves."""
    try:
        found = folded.steps_before(pipeline, samples)
        return None if found is None else _folded_into(*found, _is_single(samples))
    except ValueError:
        # A step refuses the numbers that it is asked for.
        return None


def _is_single(samples: Optional[Samples]) -> bool:
    """Whether float32s hold all numbers of the samples."""
    table = None if samples is None else table_of(samples)
    if table is not None:
        arrays = [np.asarray(cells, dtype=np.float64) for _, cells in table if not any(isinstance(cell, str) or cell is None for cell in cells)]
    else:
        given = [] if samples is None else samples.values() if isinstance(samples, Mapping) else [samples]
        arrays = [numbers("samples", array).astype(np.float64) for array in given]
    return all(bool(((array.astype(np.float32) == array) | np.isnan(array)).all()) for array in arrays)


def _folded_into(layout: Layout, model: Any, is_single: bool) -> Optional[Source]:
    if getattr(model, "n_features_in_", None) != len(layout.features):
        return None
    missing, labels = None, _labels(model)
    if is_histogram(model):
        file = folded.lightgbm(to_text(model).decode(), layout)
        labels = _class_names(model)
    elif type(model).__module__.startswith("lightgbm"):
        file = folded.lightgbm(model.booster_.model_to_string(), layout)
        labels = _numbered_labels(model)
    else:
        missing = _sentinel(model)
        file = folded.xgboost(_trees_used(model), layout, is_single) if np.isnan(missing) else None
        if file is not None and file.startswith(b"tree") and hasattr(model, "classes_"):
            labels = _class_names(model)
    return None if file is None else Source(file, layout.texts(), missing=missing, labels=labels, rounds="all")


def _class_names(model: Any) -> Optional[list[Any]]:
    """The names of the classes, where there are some."""
    return _labels(model) or (list(range(len(model.classes_))) if hasattr(model, "classes_") else None)


def _numbered_labels(model: Any) -> Optional[list[Any]]:
    """The names of the classes of an estimator of LightGBM, whose files number them; None if its file answers with no class."""
    classes = getattr(model, "classes_", None)
    if classes is None or getattr(model, "objective_", None) not in CLASSIFIES:
        return None
    return _labels(model) or list(range(len(classes)))


def _sentinel(model: Any) -> float:
    """The number that an estimator of XGBoost takes for a missing value; NaN if none but NaN does."""
    missing = getattr(model, "missing", None)
    return float("nan") if missing is None else float(missing)


def _labels(model: Any) -> Optional[list[Any]]:
    """The names of the classes, where they are not 0, 1, 2, …"""
    classes = getattr(model, "classes_", None)
    if classes is None or isinstance(classes, list) or np.ndim(classes) != 1:
        return None
    names: list[Any] = np.asarray(classes).tolist()
    if all(isinstance(name, bool) for name in names):
        return names
    if all(isinstance(name, (int, float)) and float(name).is_integer() for name in names):
        whole = [int(name) for name in names]
        return None if whole == list(range(len(whole))) else whole
    return [str(name) for name in names]


def _trees_used(model: Any) -> Any:
    """XGBoost's trees up to the best round, where it stopped early: `predict` takes no others. LightGBM saves it so."""
    best = getattr(model, "best_iteration", None)
    booster = model.get_booster()
    return booster if best is None else booster[: best + 1]


def _features(estimator: Any, samples: Optional[Samples]) -> int:
    """How many features it was fitted on."""
    count = getattr(estimator, "n_features_in_", None)
    if count is None and samples is not None and not isinstance(samples, Mapping):
        array = numbers("samples", samples)
        count = array.shape[-1] if array.ndim else None
    if count is None:
        raise CompileError(
            f"{type(estimator).__name__} does not say how many features it has",
            "fit the estimator first, or pass samples",
        )
    return int(count)


def _estimator(estimator: Any, samples: Optional[Samples]) -> Source:
    """scikit-learn's estimators, the boosters' in its interface, and pipelines of both."""
    skl2onnx = _module("skl2onnx", "skl2onnx")
    estimator = _thawed(estimator)
    parts = _parts(estimator)
    kinds = {kind for part in parts for kind in _kinds(part)}
    neighbours.refuse_ties(parts)
    functions.register(skl2onnx, parts)
    converters.register(skl2onnx, kinds, _has_missing(samples))
    _register(skl2onnx, kinds)
    names = [str(name) for name in getattr(estimator, "feature_names_in_", [])]
    by_name = bool(names) and (_selects_by_name(parts) or _has_texts(samples))
    is_scaled = doubles.is_behind_scalers(parts, kinds)
    types = _input_per_column(names, samples, parts) if by_name else [(INPUT, [1, _features(estimator, samples)])]
    options = {id(part): _options(part) for part in parts if _is_classifier(part)}
    options.update(converters.raw_scores(parts))
    if is_scaled and doubles.is_single(samples):
        options.update(doubles.divisions(parts))
    if is_scaled and not doubles.is_single(samples):
        model = _as_doubles(skl2onnx, estimator, types, options) or _to_onnx(skl2onnx, estimator, types, options)
    else:
        model = _to_onnx(skl2onnx, estimator, types, options)
    if by_name:
        _leave_out(model.graph)
    columns: list[tuple[str, list[str]]] = [] if by_name else [(name, []) for name in names]
    labels = _labels(estimator)
    renamed = labels if labels is not None and all(isinstance(label, bool) for label in labels) else None
    return Source(bytes(model.SerializeToString()), columns=columns, labels=renamed)


Port = tuple[str, Any]
"""The name of an input, and its dimensions, or its type where that is of texts."""


def _to_onnx(skl2onnx: ModuleType, estimator: Any, ports: list[Port], options: dict[int, Any], is_double: bool = False) -> Any:
    """The converted estimator. Numbers are read as float32, or as float64."""
    types = importlib.import_module("skl2onnx.common.data_types")
    number = types.DoubleTensorType if is_double else types.FloatTensorType
    initial = [(name, number(kind) if isinstance(kind, list) else kind) for name, kind in ports]
    try:
        return skl2onnx.to_onnx(
            estimator, initial_types=initial, options=options, target_opset={"": OPSET, "ai.onnx.ml": OPSET_ML}
        )
    except Exception as error:
        # skl2onnx and the converters it calls raise whatever they meet: all of it means the same to the caller.
        raise CompileError(
            f"{type(estimator).__name__} cannot be converted to ONNX: {_brief(error)}",
            "fit the estimator; one that skl2onnx does not know has to be exported to ONNX in another way",
        ) from error


def _leave_out(graph: Any) -> None:
    """Takes columns of texts that nothing reads out of a graph: names and remarks, which a pipeline drops."""
    string, read = 8, {name for node in graph.node for name in node.input}
    for port in [port for port in graph.input if port.name not in read and port.type.tensor_type.elem_type == string]:
        graph.input.remove(port)


def _as_doubles(skl2onnx: ModuleType, estimator: Any, ports: list[Port], options: dict[int, Any]) -> Optional[Any]:
    """As [`_to_onnx`], of float64; None if a converter knows float32 alone."""
    try:
        return _to_onnx(skl2onnx, estimator, ports, options, is_double=True)
    except CompileError:
        return None


def _input_per_column(names: list[str], samples: Optional[Samples], parts: list[Any]) -> list[Port]:
    """An input per column of a frame: of texts where its samples are."""
    from skl2onnx.common.data_types import StringTensorType

    table = None if samples is None else table_of(samples)
    if table is None:
        raise CompileError(
            "the estimator selects columns by name, and which of them are texts only samples tell",
            "pass samples=frame, a frame with the columns that the estimator was fitted on",
        )
    texts = {name for name, cells in table if any(isinstance(cell, str) for cell in cells)}
    texts |= _beside_texts(texts, names, parts)
    return [(name, StringTensorType([1, 1]) if name in texts else [1, 1]) for name in names]


def _beside_texts(texts: set[str], names: list[str], parts: list[Any]) -> set[str]:
    """Columns of numbers that an encoder takes together with texts, and nothing else does: skl2onnx makes one tensor of them."""
    with_texts: set[str] = set()
    others: set[str] = set()
    for _, step, chosen in (one for part in parts for one in getattr(part, "transformers_", [])):
        # Columns are told by name, by number or by a mask.
        taken = np.asarray([chosen] if isinstance(chosen, str) else chosen)
        columns = set(taken.tolist() if taken.dtype.kind in "OUS" else np.asarray(names)[taken].tolist() if len(taken) else [])
        is_encoder = any(hasattr(part, "categories_") for part in _parts(step)) if hasattr(step, "fit") else False
        (with_texts if is_encoder and columns & texts else others).update(columns)
    return with_texts - others


def _has_texts(samples: Optional[Samples]) -> bool:
    table = None if samples is None else table_of(samples)
    return table is not None and any(isinstance(cell, str) for _, cells in table for cell in cells)


def _has_missing(samples: Optional[Samples]) -> bool:
    """Whether numbers are missing in the samples."""
    table = None if samples is None else table_of(samples)
    if table is not None:
        return any(isinstance(cell, float) and np.isnan(cell) for _, cells in table for cell in cells)
    if samples is None:
        return False
    arrays = samples.values() if isinstance(samples, Mapping) else [samples]
    return any(bool(np.isnan(numbers("samples", array).astype(np.float64)).any()) for array in arrays)


def _selects_by_name(parts: list[Any]) -> bool:
    """Whether a part takes columns by their names."""
    chosen = [columns for part in parts for _, _, columns in getattr(part, "transformers_", [])]
    return any(isinstance(name, str) for columns in chosen for name in ([columns] if isinstance(columns, str) else columns))


def _thawed(estimator: Any) -> Any:
    """Without what no converter knows and the answers do not depend on: wrappers that keep a fitted estimator from being fitted again,
    steps that do nothing, results that are sparse."""
    name = type(estimator).__name__
    if name == "FrozenEstimator":
        return _thawed(estimator.estimator)
    if name == "LinearDiscriminantAnalysis" and len(estimator.classes_) == 2:
        return _as_logistic(estimator)
    if hasattr(estimator, "get_support") and hasattr(estimator, "classes_"):
        return _as_choice(estimator)
    thawed = copy.copy(estimator)
    if name == "KBinsDiscretizer" and estimator.encode == "onehot":
        thawed.encode = "onehot-dense"
    if name == "VotingClassifier":
        thawed.flatten_transform = False
    if name == "SimpleImputer" and np.asarray(estimator.statistics_).dtype.kind == "O" and not estimator.add_indicator:
        # What tables call a text that is missing.
        thawed.missing_values = "nan" if not isinstance(estimator.missing_values, str) else estimator.missing_values
    for parts in ("transformers_", "transformer_list"):
        if hasattr(estimator, parts):
            within = [(part[0], _thawed(part[1]) if hasattr(part[1], "fit") else part[1], *part[2:]) for part in getattr(estimator, parts)]
            setattr(thawed, parts, within)
    if isinstance(getattr(estimator, "estimators_", None), list):
        thawed.estimators_ = [_thawed(part) if hasattr(part, "fit") else part for part in estimator.estimators_]
    calibrated = getattr(estimator, "calibrated_classifiers_", None)
    if calibrated is not None:
        thawed.calibrated_classifiers_ = [_thawed(part) for part in calibrated]
    for attribute in ("regressor_", "estimator_", "best_estimator_"):
        if hasattr(getattr(estimator, attribute, None), "fit"):
            setattr(thawed, attribute, _thawed(getattr(estimator, attribute)))
    if hasattr(estimator, "steps"):
        kept = [(name, step) for name, step in estimator.steps if step is not None and not isinstance(step, str)]
        thawed.steps = [(name, _thawed(_as_step(step) if place + 1 < len(kept) else step)) for place, (name, step) in enumerate(kept)]
        for _, step in thawed.steps[:-1]:
            step.ciro_is_step = True
        for place, (_, step) in enumerate(thawed.steps):
            if type(step).__name__ == "SimpleImputer":
                step.ciro_categories = encoders.known_behind([one for _, one in thawed.steps], place)
    if getattr(estimator, "estimator", None) is not None and not isinstance(estimator.estimator, str):
        thawed.estimator = _thawed(estimator.estimator)
    return thawed


def _as_step(step: Any) -> Any:
    """A step before others. Discriminant analysis has axes for them, where skl2onnx would give its classes."""
    if type(step).__name__ != "LinearDiscriminantAnalysis" or not hasattr(step, "scalings_"):
        return step
    axes = importlib.import_module("sklearn.decomposition").PCA()
    axes.components_ = np.asarray(step.scalings_)[:, : step._max_components].T
    axes.mean_ = getattr(step, "xbar_", np.zeros(step.n_features_in_))
    axes.n_components_, axes.n_features_in_ = len(axes.components_), step.n_features_in_
    return axes


def _as_choice(selector: Any) -> Any:
    """A choice of columns by the classifier inside, which skl2onnx takes for a classifier itself."""
    choice = importlib.import_module("sklearn.feature_selection").VarianceThreshold(0.5)
    choice.variances_ = np.asarray(selector.get_support(), dtype=np.float64)
    choice.n_features_in_ = selector.n_features_in_
    return choice


def _as_logistic(analysis: Any) -> Any:
    """Linear discriminant analysis of two classes: skl2onnx takes a softmax of both margins, which is the logistic function of twice one."""
    logistic = importlib.import_module("sklearn.linear_model").LogisticRegression()
    for name in ("coef_", "intercept_", "classes_", "n_features_in_", "feature_names_in_"):
        if hasattr(analysis, name):
            setattr(logistic, name, getattr(analysis, name))
    return logistic


def _parts(estimator: Any) -> list[Any]:
    """The estimator and those inside it."""
    nested = [step for _, step in getattr(estimator, "steps", [])]
    nested += [step for _, step, *_ in getattr(estimator, "transformer_list", [])]
    nested += [step for _, step, *_ in getattr(estimator, "transformers_", [])]
    nested += _asked(estimator)
    inner = [part for step in nested if hasattr(step, "fit") for part in _parts(step)]
    return [estimator, *inner]


def _asked(estimator: Any) -> list[Any]:
    """The fitted estimators of a wrapper that answers by theirs."""
    if hasattr(estimator, "get_support"):
        return []
    names = ("regressor_", "estimator_", "best_estimator_")
    within = [getattr(estimator, name) for name in names if hasattr(getattr(estimator, name, None), "fit")]
    return within + (list(estimator.estimators_) if type(estimator).__name__ == "ClassifierChain" else [])


def _kinds(part: Any) -> set[type]:
    """The types of a part and of the estimators that it asks: of ensembles, calibrations, and one model per class or target."""
    asked = getattr(part, "estimators_", None)
    within = [one for one in asked if hasattr(one, "fit")] if isinstance(asked, list) else []
    within += [one.estimator for one in getattr(part, "calibrated_classifiers_", [])]
    return {type(part)}.union(*(_kinds(one) for one in within))


def _is_classifier(estimator: Any) -> bool:
    return hasattr(estimator, "classes_") and not hasattr(estimator, "steps")


def _options(classifier: Any) -> dict[str, Any]:
    """Probabilities as one tensor, not as a list of dictionaries. A classifier without probabilities has no such option, and
    skl2onnx sets it in a pipeline unless there is an entry, even an empty one."""
    return {"zipmap": False} if hasattr(classifier, "predict_proba") else {}


def _register(skl2onnx: ModuleType, kinds: set[type]) -> None:
    """Teaches skl2onnx the boosters' estimators that occur."""
    for kind in kinds:
        library = kind.__module__.partition(".")[0]
        if library not in ("xgboost", "lightgbm"):
            continue
        _module("onnxmltools", "onnxmltools")
        folder = "onnxmltools.convert." + library
        classifies = kind.__name__.endswith("Classifier")
        if library == "xgboost":
            converter = importlib.import_module(f"{folder}.operator_converters.XGBoost").convert_xgboost
        else:
            converter = importlib.import_module(f"{folder}.operator_converters.LightGbm").convert_lightgbm
        shapes = importlib.import_module("skl2onnx.common.shape_calculator")
        name = "calculate_linear_classifier_output_shapes" if classifies else "calculate_linear_regressor_output_shapes"
        options = {"zipmap": [True, False, "columns"], "nocl": [True, False]} if classifies else None
        skl2onnx.update_registered_converter(
            kind, f"Ciro{library}{kind.__name__}", getattr(shapes, name), converters.asked(converter), options=options
        )


def _module(name: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CompileError(
            f"estimators are converted with {package}, which cannot be imported: {error}", f"pip install {package}"
        ) from error


def _brief(error: Exception) -> str:
    """The first line: converters add whole models to their messages."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
