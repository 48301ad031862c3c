"""From what people have trained to the bytes of a model file.

Boosters of XGBoost and LightGBM save themselves, in the format that the compiler reads as it is. scikit-learn's estimators
go through `skl2onnx`, pipelines with a booster inside through `onnxmltools` as well; where one is missing, the error says how
to install it. Nothing else is imported that the estimator's own library did not need.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Optional

from ciro.arrays import Samples, numbers
from ciro.errors import CompileError

# What the converters are asked for: the newest that all of them write.
OPSET, OPSET_ML = 15, 3
# The tensor that an estimator's features are called.
INPUT = "input"


def to_file(model: Any, samples: Optional[Samples]) -> bytes:
    """The bytes of a model file: `model` itself if it is one, else the saved or converted estimator."""
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model)
    if hasattr(model, "SerializeToString"):
        return bytes(model.SerializeToString())
    saved = _saved_booster(model)
    if saved is not None:
        return saved
    if hasattr(model, "fit") and hasattr(model, "get_params"):
        return _estimator(model, _features(model, samples))
    raise CompileError(
        f"expected an estimator, a path, the bytes of a model file or a ModelProto, got {type(model).__name__}",
        "export the model to ONNX, for example with torch.onnx.export or tf2onnx, and pass the file",
    )


def _saved_booster(model: Any) -> Optional[bytes]:
    """The file of a booster by its own library; None for what is no fitted booster, or has labels that the file drops."""
    library = type(model).__module__.partition(".")[0]
    if library not in ("xgboost", "lightgbm") or _renames_classes(model):
        return None
    is_bare = type(model).__name__ == "Booster"
    if not is_bare and not hasattr(model, "n_features_in_"):
        return None
    if library == "lightgbm":
        booster = model if is_bare else model.booster_
        return str(booster.model_to_string()).encode()
    if not is_bare:
        _refuse_a_sentinel(model)
    booster = model if is_bare else _trees_used(model)
    return bytes(booster.save_raw(raw_format="ubj"))


def _refuse_a_sentinel(model: Any) -> None:
    """The file does not say which number stands for a missing value, so that the program would take it for a number."""
    missing = getattr(model, "missing", None)
    if missing is not None and missing == missing:  # noqa: PLR0124 - NaN differs from itself
        raise CompileError(
            f"{type(model).__name__}(missing={missing}): expected NaN for missing values",
            f"fit it without missing= on numpy.where(x == {missing}, numpy.nan, x), and give such samples",
        )


def _trees_used(model: Any) -> Any:
    """XGBoost's trees up to the best round, where it stopped early: `predict` takes no others. LightGBM saves it so."""
    best = getattr(model, "best_iteration", None)
    booster = model.get_booster()
    return booster if best is None else booster[: best + 1]


def _renames_classes(model: Any) -> bool:
    """Whether it answers with other labels than 0, 1, 2, …"""
    classes = getattr(model, "classes_", None)
    return classes is not None and list(classes) != list(range(len(classes)))


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


def _estimator(estimator: Any, features: int) -> bytes:
    """scikit-learn's estimators, the boosters' in its interface, and pipelines of both."""
    skl2onnx = _module("skl2onnx", "skl2onnx")
    parts = _parts(estimator)
    _register(skl2onnx, {type(part) for part in parts})
    from skl2onnx.common.data_types import FloatTensorType

    options = {id(part): _options(part) for part in parts if _is_classifier(part)}
    types = [(INPUT, FloatTensorType([1, features]))]
    try:
        model = skl2onnx.to_onnx(
            estimator, initial_types=types, options=options, target_opset={"": OPSET, "ai.onnx.ml": OPSET_ML}
        )
    except Exception as error:
        # skl2onnx and the converters it calls raise whatever they meet: all of it means the same to the caller.
        raise CompileError(
            f"{type(estimator).__name__} cannot be converted to ONNX: {_brief(error)}",
            "fit the estimator; one that skl2onnx does not know has to be exported to ONNX in another way",
        ) from error
    return bytes(model.SerializeToString())


def _parts(estimator: Any) -> list[Any]:
    """The estimator and those inside it."""
    nested = [step for _, step in getattr(estimator, "steps", [])]
    nested += [step for _, step, *_ in getattr(estimator, "transformer_list", [])]
    nested += [step for _, step, *_ in getattr(estimator, "transformers_", [])]
    inner = [part for step in nested if hasattr(step, "fit") for part in _parts(step)]
    return [estimator, *inner]


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
            kind, f"Ciro{library}{kind.__name__}", getattr(shapes, name), converter, options=options
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
