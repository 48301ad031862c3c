"""Tables in: what pandas, polars, pyarrow, records and dictionaries of columns hold, column by column.

They cross into Rust by name, where the model's own names put them in order. Texts stay texts there until the model's categories
make them codes.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import numpy as np

from ciro.errors import InputError

Cells = Union[list[float], list[Optional[str]]]
Table = list[tuple[str, Cells]]
"""Columns by name: numbers, of which NaN is missing, or texts, of which None is."""


def table_of(samples: Any) -> Optional[Table]:
    """The columns of `samples`; None for arrays, whose columns have no names."""
    columns = _columns(samples)
    return None if columns is None else [(str(name), _cells(str(name), column)) for name, column in columns]


def _columns(samples: Any) -> Optional[list[tuple[Any, Any]]]:
    if isinstance(samples, Mapping):
        return list(samples.items()) if _has_texts(samples.values()) or _is_record(samples.values()) else None
    if _is_records(samples):
        return [(name, [_field(row, name, i) for i, row in enumerate(samples)]) for name in samples[0]]
    if getattr(getattr(samples, "dtype", None), "names", None):
        return [(name, samples[name]) for name in samples.dtype.names]
    if hasattr(samples, "columns") and hasattr(samples, "dtypes"):
        return [(name, samples[name]) for name in samples.columns] if _is_named(samples.columns) else None
    if hasattr(samples, "index") and hasattr(samples, "items") and _is_named(samples.index):
        # One row of a frame.
        return [(name, [value]) for name, value in samples.items()]
    if hasattr(samples, "column_names") and hasattr(samples, "to_pydict"):
        return list(samples.to_pydict().items())
    # A single column has the protocol too, and is an array.
    if hasattr(samples, "__arrow_c_stream__") and (hasattr(samples, "columns") or not hasattr(samples, "__array__")):
        return _columns(_imported(samples, "pyarrow", "table"))
    if hasattr(samples, "__dataframe__"):
        return _columns(_imported(samples, "pandas", "api.interchange.from_dataframe"))
    return None


def _imported(frame: Any, library: str, function: str) -> Any:
    """A frame of another library, by a protocol that `library` reads."""
    try:
        read = importlib.import_module(library)
        for name in function.split(".")[:-1]:
            read = importlib.import_module(f"{read.__name__}.{name}")
    except ImportError as error:
        message = f"{type(frame).__name__} is read by way of {library}, which cannot be imported: {error}"
        raise InputError(message, f"pip install {library}") from error
    return getattr(read, function.split(".")[-1])(frame)


def _is_named(names: Any) -> bool:
    """Whether columns are called by texts, rather than numbered."""
    return len(names) > 0 and all(isinstance(name, str) for name in names)


def _is_records(samples: Any) -> bool:
    return isinstance(samples, Sequence) and len(samples) > 0 and all(isinstance(row, Mapping) for row in samples)


def _is_record(values: Any) -> bool:
    """Whether the values are those of one row: numbers and texts, rather than arrays."""
    return len(values) > 0 and all(np.ndim(value) == 0 for value in values)


def _has_texts(columns: Any) -> bool:
    return any(np.asarray(column).dtype.kind in "OUST" for column in columns)


def _field(row: Mapping[Any, Any], name: Any, index: int) -> Any:
    if name not in row:
        raise InputError(f"column {name!r}: expected a value in every record, got none in record {index}")
    return row[name]


def _cells(name: str, column: Any) -> Cells:
    """The cells of one column, whatever library it is from: `tolist` gives Python's own values, categories included."""
    values = column.tolist() if hasattr(column, "tolist") else column.to_list() if hasattr(column, "to_list") else column
    cells = [_plain(value) for value in (values if isinstance(values, (list, tuple)) else [values])]
    if any(isinstance(cell, str) for cell in cells):
        return [_text(cell) for cell in cells]
    try:
        return [float("nan") if cell is None else float(cell) for cell in cells]
    except (TypeError, ValueError) as error:
        raise InputError(f"column {name!r}: expected numbers or texts, got {error}") from error


def _plain(value: Any) -> Any:
    """A cell that is an array of one element is that element; what is missing is None."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return _plain(value[0])
    if isinstance(value, (str, np.str_)):
        return str(value)
    # pandas' NA and NaT are no numbers, and say so of themselves in no common way.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value


def _text(cell: Any) -> Optional[str]:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    missing = cell is None or (isinstance(cell, float) and np.isnan(cell))
    return None if missing else str(cell)
