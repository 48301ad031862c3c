"""Functions of one number that are lines between knots, or nearly so, as ONNX nodes: a tree finds the line, a product follows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Optional

import numpy as np

from ciro.arrays import Array

# Largest distance of a chord from its function, as a part of what the function spreads over.
CHORD = 1e-5
# Most lines of one function.
MOST = 4096
# Gaps of less than that part of the range are steps: no line in them could be told from one.
NARROW = 2.0**-20
# A part of the spread that is no jump.
JUMP = 1e-5

Function = Callable[[Array], Array]
"""From a column of numbers to as many rows of results."""


class Lines(NamedTuple):
    """Results are `slopes · (x − centre) / width + offsets`, by the line in which x lies."""

    starts: Array
    """Where each line but the first begins, ascending: x belongs to the last line that begins at or below it."""
    is_behind: Array
    """Whether a line begins right behind its start instead."""
    slopes: Array
    offsets: Array
    centre: float
    width: float


def lines(function: Function, knots: Array) -> Lines:
    """The lines of a function that bends, jumps and ends at no other place than its knots, and is constant before and behind them."""
    places = np.unique(np.asarray(knots, dtype=np.float32)).astype(np.float64)
    low, high = float(places[0]), float(places[-1])
    centre, width = (low + high) / 2, max((high - low) / 2, abs(high) * 1e-6, 1e-30)
    at, before, behind = (_results(function, move(places)) for move in (_same, _less, _more))
    spread = np.maximum(np.ptp(np.vstack([at, before, behind]), axis=0), 1e-30)
    wide = [i for i in range(len(places) - 1) if places[i + 1] - places[i] >= NARROW * width]
    between = [((places[i], behind[i]), (places[i + 1], before[i + 1])) for i in wide]
    chords = dict(zip(wide, _chords(function, between, spread, (centre, width))))
    lines_: list[Line] = [(-np.inf, before[0] * 0, before[0])]
    is_behind = [False]
    for i, place in enumerate(places):
        end = i + 1 == len(places)
        jumps = (np.abs(at[i] - behind[i]) > JUMP * spread).any()
        if jumps and (np.abs(at[i] - before[i]) > JUMP * spread).any():
            lines_.append((place, at[i] * 0, at[i]))
        if not end and i in chords:
            lines_.extend(chords[i])
        else:
            lines_.append((place, behind[i] * 0, behind[i]))
            if not end:
                # Numbers that are a knot but for rounding have its value.
                lines_.append(((place + places[i + 1]) / 2, before[i + 1] * 0, before[i + 1]))
        # Where it jumps behind a knot, the knot itself belongs to what was before.
        is_behind.extend([False] * (len(lines_) - len(is_behind)))
        if jumps:
            is_behind[next(k for k in range(len(lines_) - 1, -1, -1) if lines_[k][0] == place)] = True
    starts = np.asarray([line[0] for line in lines_[1:]], dtype=np.float32)
    slopes, offsets = np.stack([line[1] for line in lines_]), np.stack([line[2] for line in lines_])
    return Lines(starts, np.asarray(is_behind[1:]), slopes, offsets, centre, width)


def _same(x: Array) -> Array:
    return x


def _less(x: Array) -> Array:
    return np.nextafter(x.astype(np.float32), np.float32(-np.inf)).astype(np.float64)


def _more(x: Array) -> Array:
    return np.nextafter(x.astype(np.float32), np.float32(np.inf)).astype(np.float64)


def _results(function: Function, x: Array) -> Array:
    made: Array = np.asarray(function(x), dtype=np.float64).reshape(len(x), -1)
    return made


Place = tuple[float, Array]
Line = tuple[float, Array, Array]


def _chords(
    function: Function, between: list[tuple[Place, Place]], spread: Array, scale: tuple[float, float]
) -> list[list[Line]]:
    """Lines of equal length between each two places, as many as the function's bend asks for: start, and slope and offset once scaled."""
    counts = [1] * len(between)
    most = MOST // max(len(between), 1) + 1
    open_ = list(range(len(between)))
    while open_:
        middles = [(ends[1:] + ends[:-1]) / 2 for ends in (_ends(between[i], counts[i]) for i in open_)]
        values = _values(function, [between[i] for i in open_], [counts[i] for i in open_])
        at_middles = np.split(_results(function, np.concatenate(middles)), np.cumsum([len(m) for m in middles])[:-1])
        bends = [np.abs(m - (v[1:] + v[:-1]) / 2) / spread for m, v in zip(at_middles, values)]
        open_ = [i for i, bend in zip(open_, bends) if bend.max() > CHORD and counts[i] < most]
        for i in open_:
            counts[i] *= 2
    centre, width = scale
    made = []
    for pair, count, rows in zip(between, counts, _values(function, between, counts)):
        ends = (_ends(pair, count) - centre) / width
        slopes = np.diff(rows, axis=0) / np.diff(ends)[:, None]
        starts = _ends(pair, count)
        made.append([(float(starts[i]), slopes[i], rows[i] - slopes[i] * ends[i]) for i in range(count)])
    return made


def _ends(pair: tuple[Place, Place], count: int) -> Array:
    made: Array = np.linspace(pair[0][0], pair[1][0], count + 1)
    return made


def _values(function: Function, between: list[tuple[Place, Place]], counts: list[int]) -> list[Array]:
    """The function at the ends of the lines between each two places, where it is known at the first and the last one."""
    inner = [_ends(pair, count)[1:-1] for pair, count in zip(between, counts)]
    flat = np.concatenate([np.zeros(0), *inner])
    made = _results(function, flat) if len(flat) else np.zeros((0, len(between[0][0][1]) if between else 1))
    parts = np.split(made, np.cumsum([len(part) for part in inner])[:-1])
    return [np.vstack([pair[0][1], part, pair[1][1]]) for pair, part in zip(between, parts)]


def apply(scope: Any, container: Any, x: str, table: Lines) -> str:
    """Adds the nodes that make a row of results of `x`, a row of one number; the name of that row."""
    centred = _constant_op(scope, container, "Sub", x, table.centre)
    scaled = _constant_op(scope, container, "Div", centred, table.width)
    parts = []
    for rows in (table.slopes, table.offsets):
        name = scope.get_unique_variable_name("line")
        container.add_node(
            "TreeEnsembleRegressor",
            [x],
            name,
            op_domain="ai.onnx.ml",
            name=scope.get_unique_operator_name("Lines"),
            **tree(table.starts, rows, is_behind=table.is_behind),
        )
        parts.append(name)
    product, total = str(scope.get_unique_variable_name("product")), str(scope.get_unique_variable_name("on_line"))
    container.add_node("Mul", [parts[0], scaled], product, name=scope.get_unique_operator_name("Mul"))
    container.add_node("Add", [product, parts[1]], total, name=scope.get_unique_operator_name("Add"))
    return total


def _constant_op(scope: Any, container: Any, operator: str, x: str, constant: float) -> str:
    name, result = str(scope.get_unique_variable_name("constant")), str(scope.get_unique_variable_name("scaled"))
    container.add_initializer(name, 1, [1], [constant])
    container.add_node(operator, [x, name], result, name=scope.get_unique_operator_name(operator))
    return result


def tree(cuts: Array, rows: Array, feature: int = 0, is_behind: Optional[Array] = None) -> dict[str, Any]:
    """The attributes of a tree that gives the row of the stretch between two cuts in which its feature lies. A cut belongs to the stretch
    behind it, or, if that `is_behind`, to the one before."""
    nodes: dict[str, list[Any]] = {
        key: [] for key in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")
    }
    targets: dict[str, list[Any]] = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}

    def add(first: int, last: int) -> int:
        own = len(nodes["nodeids"])
        for key, value in zip(nodes, (0, own, feature, "LEAF", 0.0, 0, 0)):
            nodes[key].append(value)
        if first == last:
            for i, weight in enumerate(rows[first]):
                for key, value in zip(targets, (0, own, i, float(weight))):
                    targets[key].append(value)
            return own
        middle = (first + last) // 2
        takes_equal = is_behind is not None and bool(is_behind[middle])
        nodes["modes"][own], nodes["values"][own] = "BRANCH_LEQ" if takes_equal else "BRANCH_LT", float(cuts[middle])
        nodes["truenodeids"][own] = add(first, middle)
        nodes["falsenodeids"][own] = add(middle + 1, last)
        return own

    add(0, len(rows) - 1)
    attributes = {f"nodes_{key}": values for key, values in nodes.items()}
    attributes.update({f"target_{key}": values for key, values in targets.items()})
    return {**attributes, "n_targets": rows.shape[1], "nodes_hitrates": [1.0] * len(nodes["nodeids"])}
