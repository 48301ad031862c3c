"""Functions of one number that are lines between knots, or nearly so, as ONNX nodes: a tree finds the line, a product follows it.

A product holds 29 bits of the steepest line over the whole range. Where steep lines are short, as in quantiles of amounts, stretches of
the range have products of their own, each of the number cut off at the stretch's ends.
"""

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
# Lines shorter than that part of the range are not halved.
SHORT = 2.0**-20
# Largest rise of a line over the stretch whose product it shares, in parts of what all results spread over.
RISE = 2.0**8
# A part of the spread that is no jump.
JUMP = 1e-5

Function = Callable[[Array], Array]
"""From a column of numbers to as many rows of results."""


class Lines(NamedTuple):
    """Results are `slopes · (x − start) + values`, by the line in which x lies."""

    starts: Array
    """Where each line but the first begins, ascending: x belongs to the last line that begins at or below it."""
    is_behind: Array
    """Whether a line begins right behind its start instead."""
    slopes: Array
    values: Array
    """Results at the start; of the first line, and of those that are level, anywhere."""


def lines(function: Function, knots: Array) -> Lines:
    """The lines of a function that bends, jumps and ends at no other place than its knots, and is constant before and behind them."""
    places = np.unique(np.asarray(knots, dtype=np.float32)).astype(np.float64)
    low, high = float(places[0]), float(places[-1])
    width = max((high - low) / 2, abs(high) * 1e-6, 1e-30)
    at, before, behind = (_results(function, move(places)) for move in (_same, _less, _more))
    spread = np.maximum(np.ptp(np.vstack([at, before, behind]), axis=0), 1e-30)
    wide = [i for i in range(len(places) - 1) if places[i + 1] - places[i] >= NARROW * width]
    between = [((places[i], behind[i]), (places[i + 1], before[i + 1])) for i in wide]
    chords = dict(zip(wide, _chords(function, between, spread, width)))
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
    slopes, values = np.stack([line[1] for line in lines_]), np.stack([line[2] for line in lines_])
    return Lines(starts, np.asarray(is_behind[1:]), slopes, values)


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
    function: Function, between: list[tuple[Place, Place]], spread: Array, width: float
) -> list[list[Line]]:
    """Lines between each two places: a line is halved where the function bends away from it. Start, slope, and value there."""
    if not between:
        return []
    ends = np.asarray([[pair[0][0], pair[1][0]] for pair in between])
    values = np.stack([np.stack([pair[0][1], pair[1][1]]) for pair in between])
    owner, is_open = np.arange(len(between)), np.ones(len(between), dtype=bool)
    while is_open.any() and len(ends) < MOST:
        tried = np.flatnonzero(is_open)
        middles = ends[tried].mean(axis=1)
        at_middles = _results(function, middles)
        bends = (np.abs(at_middles - values[tried].mean(axis=1)) / spread).max(axis=1)
        is_wide = ends[tried, 1] - ends[tried, 0] >= SHORT * width
        # Those that bend most come first where there are too many.
        chosen = np.flatnonzero((bends > CHORD) & is_wide)
        chosen = chosen[np.argsort(-bends[chosen])][: MOST - len(ends)]
        halved, half, made = tried[chosen], middles[chosen], at_middles[chosen]
        behind = np.stack([half, ends[halved, 1]], axis=1), np.stack([made, values[halved, 1]], axis=1), owner[halved]
        ends[halved, 1], values[halved, 1] = half, made
        is_open[:] = False
        is_open[halved] = True
        ends, values = np.vstack([ends, behind[0]]), np.concatenate([values, behind[1]])
        owner, is_open = np.concatenate([owner, behind[2]]), np.concatenate([is_open, np.ones(len(halved), dtype=bool)])
    slopes = (values[:, 1] - values[:, 0]) / (ends[:, 1] - ends[:, 0])[:, None]
    made_lines: list[list[Line]] = [[] for _ in between]
    for i in np.argsort(ends[:, 0], kind="stable"):
        made_lines[owner[i]].append((float(ends[i, 0]), slopes[i], values[i, 0]))
    return made_lines


class Stretch(NamedTuple):
    """Lines that share a product: from `first` to before `last`, over `ends`."""

    first: int
    last: int
    ends: tuple[float, float]

    def scale(self) -> tuple[float, float]:
        """Its middle and half its length."""
        low, high = self.ends
        return (low + high) / 2, max((high - low) / 2, abs(high) * 1e-6, 1e-30)


def _stretches(table: Lines) -> list[Stretch]:
    """Stretches over none of which a line would rise by much more than all results spread over."""
    spread = max(float(np.ptp(table.values)), 1e-30)
    steep = np.abs(table.slopes).max(axis=1)
    sloped = np.flatnonzero(steep)
    made: list[Stretch] = []
    for i in sloped.tolist():
        low, high = float(table.starts[i - 1]), float(table.starts[i])
        if made:
            last = made[-1]
            steepest = max(steep[last.first : i + 1])
            if steepest * (high - last.ends[0]) <= RISE * spread:
                made[-1] = Stretch(last.first, i + 1, (last.ends[0], high))
                continue
        made.append(Stretch(i, i + 1, (low, high)))
    return made


def apply(scope: Any, container: Any, x: str, table: Lines) -> str:
    """Adds the nodes that make a row of results of `x`, a row of one number; the name of that row."""
    stretches = _stretches(table)
    offsets, products = table.values.copy(), []
    for stretch in stretches:
        centre, width = stretch.scale()
        rows, lines_ = np.zeros_like(table.slopes), slice(stretch.first, stretch.last)
        rows[lines_] = table.slopes[lines_] * width
        offsets[lines_] += table.slopes[lines_] * (centre - table.starts[stretch.first - 1 : stretch.last - 1, None].astype(np.float64))
        inside = x if len(stretches) == 1 else _clip(scope, container, x, stretch.ends)
        centred = _constant_op(scope, container, "Sub", inside, centre)
        scaled = _constant_op(scope, container, "Div", centred, width)
        products.append(_node(scope, container, "Mul", [_rows(scope, container, x, table, rows), scaled]))
    total = _rows(scope, container, x, table, offsets)
    for product in products:
        total = _node(scope, container, "Add", [total, product])
    return total


def _rows(scope: Any, container: Any, x: str, table: Lines, rows: Array) -> str:
    """A row of numbers by the line in which x lies."""
    merged = np.flatnonzero(np.concatenate([[True], (rows[1:] != rows[:-1]).any(axis=1)]))
    attributes = tree(table.starts[merged[1:] - 1], rows[merged], is_behind=table.is_behind[merged[1:] - 1])
    return _node(scope, container, "TreeEnsembleRegressor", [x], op_domain="ai.onnx.ml", **attributes)


def _clip(scope: Any, container: Any, x: str, ends: tuple[float, float]) -> str:
    bounds = []
    for end in ends:
        bounds.append(str(scope.get_unique_variable_name("end")))
        container.add_initializer(bounds[-1], 1, [], [end])
    return _node(scope, container, "Clip", [x, *bounds])


def _node(scope: Any, container: Any, operator: str, inputs: list[str], **attributes: Any) -> str:
    made = str(scope.get_unique_variable_name(operator.lower()))
    container.add_node(operator, inputs, made, name=scope.get_unique_operator_name(operator), **attributes)
    return made


def _constant_op(scope: Any, container: Any, operator: str, x: str, constant: float) -> str:
    name = str(scope.get_unique_variable_name("constant"))
    container.add_initializer(name, 1, [1], [constant])
    return _node(scope, container, operator, [x, name])


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
