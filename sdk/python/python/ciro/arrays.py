"""Arrays in and out. They cross into Rust as `.npz` files in memory, the format that the command line reads too."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciro.errors import InputError
from ciro.tables import Table, table_of

Array = NDArray[Any]
Samples = Union[ArrayLike, Mapping[str, ArrayLike], Any]
"""One array for a model with one input, or arrays by input name: anything that numpy takes. Or a table whose columns are matched by
name: a frame of pandas, polars or pyarrow, a list of records, a dictionary of columns."""

# The name under which samples of the only input are found whatever that input is called.
ONLY_INPUT = "x"
# The name of answers to a model's last numbers whatever that output is called.
ONLY_ANSWER = "y"


def to_feed(samples: Samples) -> Union[bytes, Table]:
    """What crosses into Rust: the columns of a table, or the bytes of an `.npz` file that holds the arrays."""
    table = table_of(samples)
    return to_npz(samples) if table is None else table


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
    """`array` in row-major order, as floats or integers; halves and long doubles become doubles.

    Raises InputError for texts, objects and complex numbers.
    """
    try:
        converted = np.asarray(array)
    except ValueError as error:
        raise InputError(f"{name!r}: expected an array, got rows of different lengths") from error
    if converted.dtype == object:
        # A data frame whose columns differ in type, or a list with None in it.
        try:
            plain = [np.nan if type(value).__name__ in ("NAType", "NaTType") else value for value in converted.flat]
            converted = np.asarray(plain, dtype=np.float64).reshape(converted.shape)
        except (TypeError, ValueError) as error:
            raise InputError(f"{name!r}: expected numbers, got {error}", "encode texts as numbers first") from error
    if converted.dtype.kind == "f" and converted.dtype.itemsize not in (4, 8):
        converted = converted.astype(np.float64)
    if converted.dtype.kind not in "fiub":
        raise InputError(f"{name!r}: expected numbers, got {converted.dtype}", "encode texts as numbers first")
    return np.ascontiguousarray(converted).astype(converted.dtype.newbyteorder("<"), copy=False)


def to_array(shape: list[int], values: Union[list[float], list[int], list[bool], list[str], list[Any]]) -> Array:
    """A tensor of the native half as an array: float64, int64, bool or texts; objects where numbers and texts are mixed."""
    kinds = {isinstance(value, str) for value in values}
    mixed = len(kinds) > 1 or any(value is None for value in values)
    return np.asarray(values, dtype=object if mixed else None).reshape(shape)
