"""Random ONNX graphs: a seed makes one graph, with inputs for it.

A graph grows from one input by operators whose attributes, constants and shapes are drawn. Every `@op` takes a `Draw` and the
value that the graph has reached, and returns the next one; shapes are tracked here, so that each draw is a valid graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import places  # noqa: F401 - registers its operators
from draws import MOST_ELEMENTS, OPS, OPSET, Draw, Value, op
from onnx import TensorProto, helper, numpy_helper


def unary(kind: str, **attributes: object) -> None:
    def grow(d: Draw, x: Value) -> Value:
        return d.node(kind, [x.name], x.shape, **attributes)

    grow.__name__ = kind
    OPS.append(grow)


for name in ["Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Erf", "Abs", "Neg", "HardSwish", "Mish", "Sign", "Identity", "Sin", "Cos"]:
    unary(name)


@op
def activation_with_a_parameter(d: Draw, x: Value) -> Value:
    kind = d.pick(["LeakyRelu", "Elu", "Celu", "ThresholdedRelu", "HardSigmoid", "Selu"])
    alpha = float(np.float32(d.rng.uniform(0.05, 1.5)))
    return d.node(kind, [x.name], x.shape, alpha=alpha)


@op
def parametric_relu(d: Draw, x: Value) -> Value:
    shape = (1,) * (x.rank - 2) + x.shape[-1:] if d.chance(0.5) else x.shape[1:2] + (1,) * (x.rank - 2)
    slope = d.constant(d.rng.uniform(-0.5, 1, shape).astype(np.float32))
    return d.node("PRelu", [x.name, slope], x.shape)


@op
def clip(d: Draw, x: Value) -> Value:
    low, high = (d.constant(np.float32(v)) for v in (d.rng.uniform(-1, 0), d.rng.uniform(0.1, 1.5)))
    ends = d.pick([[low, high], [low], ["", high]])
    return d.node("Clip", [x.name, *ends], x.shape)


@op
def arithmetic_with_a_constant(d: Draw, x: Value) -> Value:
    kind = d.pick(["Add", "Sub", "Mul", "Div", "Min", "Max"])
    shape = tuple(n if d.chance(0.6) else 1 for n in x.shape[1:])
    shape = d.pick([shape, shape[-1:], (1, *shape), ()])
    array = d.rng.uniform(0.3, 2, shape) * (1 if kind == "Div" else d.rng.choice([-1, 1], shape))
    inputs = [x.name, d.constant(np.asarray(array, np.float32))]
    if kind in ("Add", "Sub", "Mul", "Min", "Max") and d.chance(0.4):
        inputs.reverse()
    return d.node(kind, inputs, x.shape)


@op
def arithmetic_of_two(d: Draw, x: Value) -> Value | None:
    others = [v for v in d.seen if v.shape == x.shape or (v.rank == x.rank and v.shape[-1] == 1)]
    others = [v for v in others if all(a in (1, b) for a, b in zip(v.shape, x.shape))]
    return d.node(d.pick(["Add", "Sub", "Mul", "Min", "Max", "Mean"]), [x.name, d.pick(others).name], x.shape) if others else None


@op
def gemm(d: Draw, x: Value) -> Value | None:
    if x.rank != 2:
        return None
    n, transposed = 1 + d.below(12), d.below(2)
    weights = d.weights(n, x.shape[1]) if transposed else d.weights(x.shape[1], n)
    bias = [[], [d.weights(n)], [d.weights(1, n)], [d.weights(1)]][d.below(4)]
    alpha, beta = (float(np.float32(v)) for v in (d.pick([1, 1, 0.5]), d.pick([1, 1, 2])))
    return d.node("Gemm", [x.name, weights, *bias], (1, n), transB=transposed, alpha=alpha, beta=beta)


@op
def matmul(d: Draw, x: Value) -> Value | None:
    n = 1 + d.below(12)
    if x.size // x.shape[-1] * n > MOST_ELEMENTS:
        return None
    return d.node("MatMul", [x.name, d.weights(x.shape[-1], n)], (*x.shape[:-1], n))


@op
def matmul_from_the_left(d: Draw, x: Value) -> Value | None:
    if x.rank < 3:
        return None
    n = 1 + d.below(6)
    return d.node("MatMul", [d.weights(n, x.shape[-2]), x.name], (*x.shape[:-2], n, x.shape[-1]))


@op
def self_attention(d: Draw, x: Value) -> Value | None:
    if x.rank != 3:
        return None
    turned = d.node("Transpose", [x.name], (1, x.shape[2], x.shape[1]), perm=[0, 2, 1])
    scores = d.node("MatMul", [x.name, turned.name], (1, x.shape[1], x.shape[1]))
    scaled = d.node("Mul", [scores.name, d.constant(np.float32(1 / x.shape[2]))], scores.shape)
    weights = d.node("Softmax", [scaled.name], scores.shape, axis=-1)
    return d.node("MatMul", [weights.name, x.name], x.shape)


@op
def conv(d: Draw, x: Value) -> Value | None:
    if x.rank not in (3, 4):
        return None
    spatial = x.rank - 2
    group = d.pick([g for g in (1, 1, 2, x.shape[1]) if x.shape[1] % g == 0])
    out = group * (1 + d.below(3))
    kernel = [1 + d.below(min(3, n)) for n in x.shape[2:]]
    dilations = [1 + d.below(2) if k > 1 and (k - 1) * 2 + 1 <= n else 1 for k, n in zip(kernel, x.shape[2:])]
    strides = [1 + d.below(2) for _ in kernel]
    reach = [(k - 1) * e + 1 for k, e in zip(kernel, dilations)]
    pads = [d.below(2) if k > 1 else 0 for k in kernel * 2]
    size = [(n + a + b - r) // s + 1 for n, a, b, r, s in zip(x.shape[2:], pads[:spatial], pads[spatial:], reach, strides)]
    padding: dict[str, object] = {"pads": pads}
    if d.chance(0.2) and all(e == 1 for e in dilations):
        padding = {"auto_pad": d.pick(["SAME_UPPER", "SAME_LOWER"])}
        size = [-(-n // s) for n, s in zip(x.shape[2:], strides)]
    if out * int(np.prod(size)) > MOST_ELEMENTS:
        return None
    bias = [d.weights(out)] if d.chance(0.7) else []
    weights = d.weights(out, x.shape[1] // group, *kernel)
    return d.node("Conv", [x.name, weights, *bias], (1, out, *size), group=group, strides=strides, dilations=dilations, **padding)


@op
def conv_transpose(d: Draw, x: Value) -> Value | None:
    if x.rank != 4:
        return None
    kernel, strides = [1 + d.below(3) for _ in range(2)], [1 + d.below(2) for _ in range(2)]
    pads = [min(d.below(2), k - 1) for k in kernel] * 2
    extra = [d.below(s) for s in strides]
    size = [(n - 1) * s + k - a - b + e for n, s, k, a, b, e in zip(x.shape[2:], strides, kernel, pads[:2], pads[2:], extra)]
    out = 1 + d.below(3)
    if min(size) < 1 or out * int(np.prod(size)) > MOST_ELEMENTS:
        return None
    weights = d.weights(x.shape[1], out, *kernel)
    return d.node("ConvTranspose", [x.name, weights], (1, out, *size), strides=strides, pads=pads, output_padding=extra)


@op
def pool(d: Draw, x: Value) -> Value | None:
    if x.rank not in (3, 4) or min(x.shape[2:]) < 2:
        return None
    kind, spatial = d.pick(["MaxPool", "AveragePool"]), x.rank - 2
    kernel = [1 + d.below(min(3, n)) for n in x.shape[2:]]
    strides = [1 + d.below(2) for _ in kernel]
    pads = [d.below(2) if k > 1 else 0 for k in kernel * 2]
    size = [(n + a + b - k) // s + 1 for n, a, b, k, s in zip(x.shape[2:], pads[:spatial], pads[spatial:], kernel, strides)]
    attributes: dict[str, object] = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    if kind == "AveragePool":
        attributes["count_include_pad"] = d.below(2)
    return d.node(kind, [x.name], (*x.shape[:2], *size), **attributes)


@op
def global_pool(d: Draw, x: Value) -> Value | None:
    if x.rank not in (3, 4):
        return None
    return d.node(d.pick(["GlobalAveragePool", "GlobalMaxPool"]), [x.name], (*x.shape[:2], *(1,) * (x.rank - 2)))


@op
def batch_norm(d: Draw, x: Value) -> Value | None:
    if x.rank < 2:
        return None
    n = x.shape[1]
    scale, shift, mean = (d.weights(n) for _ in range(3))
    variance = d.constant(d.rng.uniform(0.3, 2, n).astype(np.float32))
    return d.node("BatchNormalization", [x.name, scale, shift, mean, variance], x.shape, epsilon=1e-3)


@op
def layer_norm(d: Draw, x: Value) -> Value | None:
    axis = d.axis(x)
    rest = x.shape[axis % x.rank :]
    if int(np.prod(rest)) < 4:
        return None
    scale = d.constant(d.rng.uniform(0.5, 1.5, rest).astype(np.float32))
    shift = [d.weights(*rest)] if d.chance(0.7) else []
    return d.node("LayerNormalization", [x.name, scale, *shift], x.shape, axis=axis, epsilon=1e-3)


@op
def softmax(d: Draw, x: Value) -> Value:
    return d.node(d.pick(["Softmax", "Softmax", "LogSoftmax"]), [x.name], x.shape, axis=d.axis(x))


@op
def reduce(d: Draw, x: Value) -> Value:
    kind = d.pick(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"])
    axes = sorted({d.axis(x) % x.rank for _ in range(1 + d.below(2))})
    keep = d.below(2) if x.rank - len(axes) >= 2 else 1
    shape = [1 if i in axes else n for i, n in enumerate(x.shape)] if keep else [n for i, n in enumerate(x.shape) if i not in axes]
    inputs, attributes = [x.name, d.ints(*axes)], {"keepdims": keep}
    return d.node(kind, inputs, tuple(shape), **attributes)


@op
def reshape(d: Draw, x: Value) -> Value:
    count = x.size
    divisors = [n for n in range(1, count + 1) if count % n == 0]
    first = d.pick(divisors)
    shape = d.pick([(1, count), (1, first, count // first), (1, count // first, first)])
    asked = list(shape)
    if d.chance(0.5):
        asked[1 + d.below(len(asked) - 1)] = -1
    if asked[0] == 1 and d.chance(0.3):
        asked[0] = 0
    return d.node("Reshape", [x.name, d.ints(*asked)], shape)


@op
def reshape_by_its_own_shape(d: Draw, x: Value) -> Value:
    batch = d.node("Shape", [x.name], (1,), start=0, end=1)
    shape = d.node("Concat", [batch.name, d.ints(-1)], (2,), axis=0)
    return d.node("Reshape", [x.name, shape.name], (1, x.size))


@op
def flatten(d: Draw, x: Value) -> Value:
    return d.node("Flatten", [x.name], (1, x.size), axis=d.pick([1, 1, 1 - x.rank]))


@op
def transpose(d: Draw, x: Value) -> Value | None:
    if x.rank < 3:
        return None
    order = [0, *(1 + d.rng.permutation(x.rank - 1)).tolist()]
    return d.node("Transpose", [x.name], tuple(x.shape[i] for i in order), perm=order)


@op
def unsqueeze(d: Draw, x: Value) -> Value | None:
    if x.rank > 3:
        return None
    axis = 1 + d.below(x.rank)
    return d.node("Unsqueeze", [x.name, d.ints(axis)], (*x.shape[:axis], 1, *x.shape[axis:]))


@op
def squeeze(d: Draw, x: Value) -> Value | None:
    ones = [i for i in range(1, x.rank) if x.shape[i] == 1]
    if not ones or x.rank < 3:
        return None
    axis = d.pick(ones)
    return d.node("Squeeze", [x.name, d.ints(axis)], tuple(n for i, n in enumerate(x.shape) if i != axis))


@op
def concat(d: Draw, x: Value) -> Value | None:
    axis = d.axis(x)
    at = axis % x.rank
    fits = [v for v in d.seen if v.rank == x.rank and all(i == at or a == b for i, (a, b) in enumerate(zip(v.shape, x.shape)))]
    if not fits:
        return None
    other = d.pick(fits)
    shape = tuple(n + other.shape[at] if i == at else n for i, n in enumerate(x.shape))
    return d.node("Concat", [x.name, other.name], shape, axis=axis) if int(np.prod(shape)) <= MOST_ELEMENTS else None


@op
def slice_with_a_step(d: Draw, x: Value) -> Value:
    axis = d.axis(x)
    n = x.shape[axis % x.rank]
    step = d.pick([1, 1, 2, -1])
    start, end = d.below(n), n - d.below(2)
    start, end = (min(start, n - 1), max(end, start + 1)) if step > 0 else (n - 1, d.pick([-n - 1, 0]) if n > 1 else -n - 1)
    left = len(range(n)[start:end:step]) if step > 0 else len(range(n)[start : (None if end < -n else end) : step])
    shape = tuple(left if i == axis % x.rank else m for i, m in enumerate(x.shape))
    return d.node("Slice", [x.name, d.ints(start), d.ints(end), d.ints(axis), d.ints(step)], shape)


@op
def gather(d: Draw, x: Value) -> Value:
    axis = d.axis(x)
    n = x.shape[axis % x.rank]
    places = d.rng.integers(-n, n, 1 + d.below(4))
    shape = tuple(len(places) if i == axis % x.rank else m for i, m in enumerate(x.shape))
    return d.node("Gather", [x.name, d.constant(places.astype(np.int64))], shape, axis=axis)


@op
def pad(d: Draw, x: Value) -> Value | None:
    mode = d.pick(["constant", "constant", "edge", "reflect"])
    most = [0, *(min(2, n - 1) if mode == "reflect" else 2 for n in x.shape[1:])]
    pads = [d.below(m + 1) for m in most * 2]
    shape = tuple(n + a + b for n, a, b in zip(x.shape, pads[: x.rank], pads[x.rank :]))
    if int(np.prod(shape)) > MOST_ELEMENTS:
        return None
    value = [d.constant(np.float32(d.rng.uniform(-1, 1)))] if mode == "constant" and d.chance(0.5) else []
    return d.node("Pad", [x.name, d.ints(*pads), *value], shape, mode=mode)


@op
def split(d: Draw, x: Value) -> Value | None:
    axis = d.axis(x)
    n = x.shape[axis % x.rank]
    if n < 2:
        return None
    first = 1 + d.below(n - 1)
    parts = [Value(f"v{len(d.nodes)}_{i}", tuple(m if j == axis % x.rank else k for j, k in enumerate(x.shape))) for i, m in enumerate((first, n - first))]
    d.nodes.append(helper.make_node("Split", [x.name, d.ints(first, n - first)], [part.name for part in parts], axis=axis))
    d.seen.append(parts[1])
    return parts[0]


@op
def choose_by_comparison(d: Draw, x: Value) -> Value:
    bound = d.constant(np.float32(d.rng.uniform(-0.5, 0.5)))
    mask = d.node(d.pick(["Greater", "Less", "GreaterOrEqual", "LessOrEqual"]), [x.name, bound], x.shape)
    other = d.constant(np.float32(d.rng.uniform(-1, 1)))
    return d.node("Where", [mask.name, *d.pick([[x.name, other], [other, x.name]])], x.shape)


@op
def mask_as_a_number(d: Draw, x: Value) -> Value:
    mask = d.node("Greater", [x.name, d.constant(np.float32(0.1))], x.shape)
    number = d.node("Cast", [mask.name], x.shape, to=TensorProto.FLOAT)
    return d.node("Mul", [x.name, number.name], x.shape)


@op
def root_of_a_square(d: Draw, x: Value) -> Value:
    square = d.node("Mul", [x.name, x.name], x.shape)
    shifted = d.node("Add", [square.name, d.constant(np.float32(d.pick([0.01, 0.1, 1])))], x.shape)
    return d.node(d.pick(["Sqrt", "Log", "Reciprocal"]), [shifted.name], x.shape)


@op
def exponential(d: Draw, x: Value) -> Value:
    bounded = d.node("Tanh", [x.name], x.shape)
    return d.node("Exp", [bounded.name], x.shape)


@op
def power(d: Draw, x: Value) -> Value:
    return d.node("Pow", [x.name, d.constant(np.float32(d.pick([2, 3])))], x.shape)


@op
def gelu(d: Draw, x: Value) -> Value:
    scaled = d.node("Div", [x.name, d.constant(np.float32(np.sqrt(2)))], x.shape)
    erf = d.node("Erf", [scaled.name], x.shape)
    shifted = d.node("Add", [erf.name, d.constant(np.float32(1))], x.shape)
    product = d.node("Mul", [x.name, shifted.name], x.shape)
    return d.node("Mul", [product.name, d.constant(np.float32(0.5))], x.shape)


@op
def resize(d: Draw, x: Value) -> Value | None:
    if x.rank != 4 or x.size * 4 > MOST_ELEMENTS:
        return None
    scales = d.constant(np.array([1, 1, 2, d.pick([1, 2])], np.float32))
    shape = (*x.shape[:2], x.shape[2] * 2, x.shape[3] * int(numpy_helper.to_array(d.constants[-1])[3]))
    mode, coordinates = d.pick([("nearest", "asymmetric"), ("linear", "half_pixel"), ("linear", "align_corners"), ("nearest", "half_pixel")])
    attributes = {"nearest_mode": d.pick(["floor", "round_prefer_floor"])} if mode == "nearest" else {}
    return d.node("Resize", [x.name, "", scales], shape, mode=mode, coordinate_transformation_mode=coordinates, **attributes)


@op
def space_and_depth(d: Draw, x: Value) -> Value | None:
    if x.rank != 4:
        return None
    if x.shape[1] % 4 == 0:
        shape = (1, x.shape[1] // 4, x.shape[2] * 2, x.shape[3] * 2)
        return d.node("DepthToSpace", [x.name], shape, blocksize=2, mode=d.pick(["DCR", "CRD"]))
    if x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0:
        return d.node("SpaceToDepth", [x.name], (1, x.shape[1] * 4, x.shape[2] // 2, x.shape[3] // 2), blocksize=2)
    return None


@op
def cumulative_sum(d: Draw, x: Value) -> Value:
    axis = d.constant(np.int64(d.axis(x)))
    return d.node("CumSum", [x.name, axis], x.shape, exclusive=d.below(2), reverse=d.below(2))


@op
def expand(d: Draw, x: Value) -> Value | None:
    ones = [i for i in range(1, x.rank) if x.shape[i] == 1]
    if not ones or x.size * 3 > MOST_ELEMENTS:
        return None
    shape = tuple(3 if i == ones[0] else n for i, n in enumerate(x.shape))
    return d.node("Expand", [x.name, d.ints(*shape)], shape)


@op
def tile(d: Draw, x: Value) -> Value | None:
    if x.size * 2 > MOST_ELEMENTS:
        return None
    at = 1 + d.below(x.rank - 1)
    repeats = [2 if i == at else 1 for i in range(x.rank)]
    return d.node("Tile", [x.name, d.ints(*repeats)], tuple(n * r for n, r in zip(x.shape, repeats)))


@op
def triangle(d: Draw, x: Value) -> Value | None:
    return d.node("Trilu", [x.name], x.shape, upper=d.below(2)) if x.rank >= 3 else None


@op
def einsum(d: Draw, x: Value) -> Value | None:
    if x.rank != 3:
        return None
    n = 1 + d.below(6)
    return d.node("Einsum", [x.name, d.weights(x.shape[2], n)], (1, n, x.shape[1]), equation="bij,jk->bki")


@dataclass(frozen=True)
class Graph:
    """A model with inputs for it."""

    model: onnx.ModelProto
    inputs: np.ndarray

    @property
    def operators(self) -> list[str]:
        return [node.op_type for node in self.model.graph.node]


def graph(seed: int, samples: int) -> Graph:
    """The graph of this seed, with so many inputs, of which each has a batch of one."""
    rng = np.random.default_rng(seed)
    shape = [(1, 3 + int(rng.integers(12))), (1, 2 + int(rng.integers(5)), 2 + int(rng.integers(6))), (1, 1 + int(rng.integers(4)), 4 + int(rng.integers(4)), 4 + int(rng.integers(4)))]
    start = Value("x", tuple(shape[int(rng.integers(3))]))
    draw = Draw(rng, seen=[start])
    value, wanted = start, 1 + int(rng.integers(6))
    while len(draw.seen) <= wanted:
        grown = draw.pick(OPS)(draw, value)
        if grown is not None:
            draw.seen.append(grown)
            value = grown
    ports = [[helper.make_tensor_value_info(v.name, TensorProto.FLOAT, list(v.shape))] for v in (start, value)]
    body = helper.make_graph(draw.nodes, f"seed {seed}", *ports, draw.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    scale = 10.0 ** rng.uniform(-1, 1)
    return Graph(model, (rng.standard_normal((samples, *start.shape[1:])) * scale).astype(np.float32))
