"""Trees behind scalers: whether a threshold is reached depends on the last bit of the arithmetic before it.

A scaler computes in the type of its samples, and trees compare what float32 keeps of that. A column of whole numbers often has a
threshold half way between two of its values, on which another one lies. So the graph computes as the pipeline does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

import numpy as np

from ciro.arrays import Samples

# The type of ONNX that trees compare.
FLOAT = 1
# What computes with each column before trees compare it, by the names of their classes.
SCALERS = {"StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler"}
# Parts of the names of what compares.
TREES = ("Tree", "Forest", "Boosting", "XGB", "LGBM")


def is_behind_scalers(parts: list[Any], kinds: set[type]) -> bool:
    """Whether there are trees and scalers."""
    has_trees = any(word in kind.__name__ for kind in kinds for word in TREES)
    return has_trees and any(type(part).__name__ in SCALERS for part in parts)


def is_single(samples: Optional[Samples]) -> bool:
    """Whether scalers compute in float32, as they do with arrays of it."""
    return getattr(samples, "dtype", None) == np.float32


Singles = Callable[[Any, dict[str, Any]], str]
"""What trees read as float32, of what they are given; their thresholds become those of float32s."""


def singles(scope: Any, container: Any) -> Singles:
    """Trees of doubles as scikit-learn has them: they compare what float32 keeps."""

    def read(row: Any, attributes: dict[str, Any]) -> str:
        # skl2onnx writes the double at which float32s change, as a float32: here it is the float32 below.
        thresholds = np.asarray(attributes["nodes_values"], dtype=np.float64)
        near = thresholds.astype(np.float32)
        below = np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
        attributes["nodes_values"] = [float(value) for value in below]
        name = str(scope.get_unique_variable_name("single"))
        given = row if isinstance(row, str) else row[0]
        container.add_node("Cast", [given], name, name=scope.get_unique_operator_name("Cast"), to=FLOAT)
        return name

    return read


def divisions(parts: list[Any]) -> dict[int, dict[str, Any]]:
    """Options for scalers of float32s: skl2onnx multiplies where they divide."""
    scalers = [part for part in parts if type(part).__name__ in SCALERS - {"MinMaxScaler"}]
    return {id(scaler): {"div": "div"} for scaler in scalers}
