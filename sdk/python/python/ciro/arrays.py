"""Arrays in and out. They cross into Rust as `.npz` files in memory, the format that the command line reads too."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciro.errors import InputError

Array = NDArray[Any]
Samples = Union[ArrayLike, Mapping[str, ArrayLike]]
"""One array for a model with one input, or arrays by input name. Anything that numpy takes: lists, data frames, tensors."""

# The name under which samples of the only input are found whatever that input is called.
ONLY_INPUT = "x"
# The name of answers to a model's last numbers whatever that output is called.
ONLY_ANSWER = "y"


def to_npz(samples: Samples) -> bytes:
    """The bytes of an `.npz` file that holds the samples."""
    named = samples if isinstance(samples, Mapping) else {ONLY_INPUT: samples}
    return _archive({str(name): numbers(str(name), array) for name, array in named.items()})


def answers_to_npz(answers: Samples) -> bytes:
    """The bytes of an `.npz` file that holds a model's answers: numbers, or texts that are labels."""
    named = answers if isinstance(answers, Mapping) else {ONLY_ANSWER: answers}
    return _archive({str(name): _answers(str(name), array) for name, array in named.items()})


def _answers(name: str, array: ArrayLike) -> Array:
    converted = np.asarray(array)
    if converted.dtype.kind in "US" or (converted.dtype == object and all(isinstance(v, str) for v in converted.flat)):
        return converted.astype(np.str_)
    return numbers(name, converted)


def _archive(arrays: Mapping[str, Array]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def numbers(name: str, array: ArrayLike) -> Array:
    """`array` in row-major order, as floats or integers; half precision becomes single.

    Raises InputError for texts, objects and complex numbers.
    """
    try:
        converted = np.asarray(array)
    except ValueError as error:
        raise InputError(f"{name!r}: expected an array, got rows of different lengths") from error
    if converted.dtype == object:
        # A data frame whose columns differ in type, or a list with None in it.
        try:
            converted = converted.astype(np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(f"{name!r}: expected numbers, got {error}", "encode texts as numbers first") from error
    if converted.dtype.kind == "f" and converted.dtype.itemsize not in (4, 8):
        converted = converted.astype(np.float32)
    if converted.dtype.kind not in "fiub":
        raise InputError(f"{name!r}: expected numbers, got {converted.dtype}", "encode texts as numbers first")
    return np.ascontiguousarray(converted).astype(converted.dtype.newbyteorder("<"), copy=False)


def to_array(shape: list[int], values: Union[list[float], list[int], list[str]]) -> Array:
    """A tensor of the native half as an array: float64, int64 or texts."""
    return np.asarray(values).reshape(shape)
