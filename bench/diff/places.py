"""Operators of random graphs that place elements, quantize them or decide by them; importing this registers them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from draws import MOST_ELEMENTS, Draw, Value, op


@op
def elements_at_constant_positions(d: Draw, x: Value) -> Value:
    axis = d.axis(x)
    n = x.shape[axis % x.rank]
    shape = tuple(1 + d.below(4) if i == axis % x.rank else m for i, m in enumerate(x.shape))
    shape = shape if int(np.prod(shape)) <= MOST_ELEMENTS else x.shape
    places = d.rng.integers(-n, n, shape)
    if d.chance(0.3):
        # The same places everywhere: whole slices.
        first = tuple(slice(None) if i == axis % x.rank else slice(0, 1) for i in range(x.rank))
        places = np.broadcast_to(places[first], shape)
    return d.node("GatherElements", [x.name, d.constant(np.ascontiguousarray(places))], shape, axis=axis)


@op
def elements_written_over(d: Draw, x: Value) -> Value:
    axis = d.axis(x)
    at = axis % x.rank
    count = 1 + d.below(x.shape[at])
    shape = tuple(count if i == at else m for i, m in enumerate(x.shape))
    # Where two meet, onnxruntime promises nothing.
    places = np.argsort(d.rng.random(x.shape), axis=at).take(range(count), axis=at)
    others = [v for v in d.seen if v.shape == shape]
    updates = d.pick(others).name if others else d.constant(d.rng.standard_normal(shape).astype(np.float32))
    return d.node("ScatterElements", [x.name, d.constant(places), updates], x.shape, axis=axis)


@op
def slices_written_over(d: Draw, x: Value) -> Value | None:
    if x.rank < 3:
        return None
    depth = 2 + d.below(x.rank - 2)
    picked = int(np.prod(x.shape[1:depth]))
    count = 1 + d.below(min(4, picked))
    flat = d.rng.permutation(picked)[:count]
    places = np.stack(np.unravel_index(flat, (1, *x.shape[1:depth])), -1)
    updates = d.constant(d.rng.standard_normal((count, *x.shape[depth:])).astype(np.float32))
    form = {"reduction": "add"} if d.chance(0.4) else {}
    return d.node("ScatterND", [x.name, d.constant(places), updates], x.shape, **form)


@op
def local_response(d: Draw, x: Value) -> Value | None:
    if x.rank != 4:
        return None
    form = {"size": 1 + 2 * d.below(2), "alpha": float(d.rng.uniform(0.01, 0.5)), "beta": float(d.rng.uniform(0.3, 1)), "bias": 1.0}
    return d.node("LRN", [x.name], x.shape, **form)


@op
def grid_sample(d: Draw, x: Value) -> Value | None:
    if x.rank != 4:
        return None
    rows, cols = 1 + d.below(4), 1 + d.below(4)
    grid = d.constant(d.rng.uniform(-1.2, 1.2, (1, rows, cols, 2)).astype(np.float32))
    form = {"mode": d.pick(["bilinear", "nearest"]), "padding_mode": d.pick(["zeros", "border", "reflection"])}
    return d.node("GridSample", [x.name, grid], (*x.shape[:2], rows, cols), align_corners=d.below(2), **form)


@op
def channel_shuffle(d: Draw, x: Value) -> Value | None:
    groups = [g for g in range(2, x.shape[1]) if x.shape[1] % g == 0] if x.rank > 2 else []
    if not groups:
        return None
    g = d.pick(groups)
    rest = x.shape[2:]
    split = d.node("Reshape", [x.name, d.ints(1, g, x.shape[1] // g, *rest)], (1, g, x.shape[1] // g, *rest))
    turned = d.node("Transpose", [split.name], (1, x.shape[1] // g, g, *rest), perm=[0, 2, 1, *range(3, x.rank + 1)])
    return d.node("Reshape", [turned.name, d.ints(*x.shape)], x.shape)


@op
def magnitude_of_pairs(d: Draw, x: Value) -> Value | None:
    if x.rank < 3 or x.shape[1] % 2:
        return None
    half = x.shape[1] // 2
    shape = (1, half, *x.shape[2:])
    parts = [f"v{len(d.nodes)}_{i}" for i in range(2)]
    d.nodes.append(helper.make_node("Split", [x.name, d.ints(half, half)], parts, axis=1))
    squares = [d.node("Mul", [part, part], shape).name for part in parts]
    return d.node("Sqrt", [d.node("Add", squares, shape).name], shape)


@op
def eight_bits(d: Draw, x: Value) -> Value:
    kind = d.pick([np.uint8, np.int8])
    scale = d.constant(np.float32(d.rng.uniform(0.004, 0.015)))
    zero = d.constant(kind(128 if kind is np.uint8 else 0))
    stored = d.node("QuantizeLinear", [x.name, scale, zero], x.shape)
    return d.node("DequantizeLinear", [stored.name, scale, zero], x.shape)


@op
def clip_by_its_largest(d: Draw, x: Value) -> Value:
    largest = d.node("ReduceMax", [x.name], (), keepdims=0)
    low = d.node("Sub", [largest.name, d.constant(np.float32(d.rng.uniform(0.5, 3)))], ())
    return d.node("Clip", [x.name, low.name], x.shape)


@op
def branch_by_the_input(d: Draw, x: Value) -> Value:
    mean = d.node("ReduceMean", [x.name], (), keepdims=0)
    decided = d.node("Greater", [mean.name, d.constant(np.float32(0))], ())
    value = Value(f"v{len(d.nodes)}", x.shape)

    def branch(kind: str, suffix: str) -> onnx.GraphProto:
        result = helper.make_tensor_value_info(value.name + suffix, TensorProto.FLOAT, list(x.shape))
        return helper.make_graph([helper.make_node(kind, [x.name], [value.name + suffix])], suffix, [], [result])

    branches = {"then_branch": branch("Tanh", "_yes"), "else_branch": branch("Neg", "_no")}
    d.nodes.append(helper.make_node("If", [decided.name], [value.name], **branches))
    return value


@op
def largest_of_rows(d: Draw, x: Value) -> Value:
    axis = d.axis(x)
    at = axis % x.rank
    k = 1 + d.below(min(3, x.shape[at]))
    shape = tuple(k if i == at else n for i, n in enumerate(x.shape))
    values = Value(f"v{len(d.nodes)}_0", shape)
    d.nodes.append(helper.make_node("TopK", [x.name, d.ints(k)], [values.name, values.name + "_at"], axis=axis, largest=d.below(2)))
    return values


@op
def elements_at_the_largest_of_another(d: Draw, x: Value) -> Value | None:
    others = [v for v in d.seen if v.shape == x.shape and v.name != x.name]
    if not others:
        return None
    axis = d.axis(x)
    shape = tuple(1 if i == axis % x.rank else n for i, n in enumerate(x.shape))
    at = d.node(d.pick(["ArgMax", "ArgMin"]), [d.pick(others).name], shape, axis=axis, keepdims=1)
    return d.node("GatherElements", [x.name, at.name], shape, axis=axis)


@op
def slice_at_the_largest(d: Draw, x: Value) -> Value | None:
    if x.rank < 3:
        return None
    row = d.node("ReduceMean", [x.name, d.ints(*range(2, x.rank))], x.shape[:2], keepdims=0)
    at = d.node("ArgMax", [row.name], (1,), axis=1, keepdims=0)
    return d.node("Gather", [x.name, at.name], (1, 1, *x.shape[2:]), axis=1)


@op
def eight_bits_of_its_own_scale(d: Draw, x: Value) -> Value:
    stored, scale, zero = (f"v{len(d.nodes)}_{part}" for part in ("q", "s", "z"))
    d.nodes.append(helper.make_node("DynamicQuantizeLinear", [x.name], [stored, scale, zero]))
    return d.node("DequantizeLinear", [stored, scale, zero], x.shape)


@op
def integers_times_a_matrix(d: Draw, x: Value) -> Value | None:
    if x.rank < 2 or x.size > MOST_ELEMENTS // 8:
        return None
    n = 1 + d.below(8)
    weights = d.constant(d.rng.integers(-127, 128, (x.shape[-1], n)).astype(np.int8))
    stored, scale, zero = (f"v{len(d.nodes)}_{part}" for part in ("q", "s", "z"))
    d.nodes.append(helper.make_node("DynamicQuantizeLinear", [x.name], [stored, scale, zero]))
    sums = d.node("MatMulInteger", [stored, weights, zero], (*x.shape[:-1], n))
    numbers = d.node("Cast", [sums.name], sums.shape, to=TensorProto.FLOAT)
    unit = d.node("Mul", [scale, d.constant(np.float32(1 / 127))], ())
    return d.node("Mul", [numbers.name, unit.name], sums.shape)


@op
def normalised_as_exporters_spell_it(d: Draw, x: Value) -> Value | None:
    """The factor belongs to the deviation, and the dimension need not be the last."""
    axis = d.axis(x)
    n = x.shape[axis % x.rank]
    if n < 4:
        return None
    shape = tuple(1 if i == axis % x.rank else m for i, m in enumerate(x.shape))
    own = tuple(n if i == axis % x.rank else 1 for i in range(x.rank))
    mean = d.node("ReduceMean", [x.name, d.ints(axis)], shape, keepdims=1)
    square = d.node("Mul", [x.name, x.name], x.shape)
    squares = d.node("ReduceMean", [square.name, d.ints(axis)], shape, keepdims=1)
    of_mean = d.node("Mul", [mean.name, mean.name], shape)
    variance = d.node("Max", [d.node("Sub", [squares.name, of_mean.name], shape).name, d.constant(np.float32(0))], shape)
    root = d.node("Sqrt", [d.node("Add", [variance.name, d.constant(np.float32(1e-3))], shape).name], shape)
    inverse = d.node("Mul", [d.node("Reciprocal", [root.name], shape).name, d.constant(d.rng.uniform(0.5, 1.5, own).astype(np.float32))], x.shape)
    if d.chance(0.5):
        centred = d.node("Sub", [x.name, mean.name], x.shape)
        return d.node("Mul", [centred.name, inverse.name], x.shape)
    scaled = d.node("Mul", [x.name, inverse.name], x.shape)
    offset = d.node("Mul", [mean.name, inverse.name], x.shape)
    return d.node("Sub", [scaled.name, offset.name], x.shape)
