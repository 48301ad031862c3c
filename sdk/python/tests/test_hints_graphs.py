"""Hints about graphs, one after another: a small graph is refused with it, and the graph that it leads to works.

A case holds the hint as `hints.txt` spells it, the graph that it refuses, and each graph that does what it says. Those are compared
with what onnxruntime answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import ciro

Array = np.ndarray
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]
SAMPLES = 48
ELEMENTS = {onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.INT64: np.int64, onnx.TensorProto.BOOL: np.bool_}


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.normal(size=shape)


def below(bound: int, lowest: int = 0) -> Draw:
    """Whole numbers from `lowest` to one below `bound`."""
    return lambda rng, shape: rng.integers(lowest, bound, shape)


def between(low: float, high: float) -> Draw:
    return lambda rng, shape: rng.uniform(low, high, shape)


def apart(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of which no two of a sample are near each other, so that ranks do not hang on the last bit."""
    return np.argsort(rng.normal(size=(shape[0], int(np.prod(shape[1:])))), axis=1).reshape(shape) / 4.0


@dataclass
class Graph:
    """A graph in ONNX's text form, `(inputs) => (outputs) { nodes }`, with constants by name."""

    text: str
    constants: dict[str, Any] = field(default_factory=dict)
    draws: dict[str, Draw] = field(default_factory=dict)
    opset: int = 18

    def proto(self) -> onnx.ModelProto:
        head = f'<ir_version: 10, opset_import: ["" : {self.opset}, "ai.onnx.ml": 3]> g '
        model = onnx.parser.parse_model(head + self.text.replace("ml.", "ai.onnx.ml."))
        tensors = [onnx.numpy_helper.from_array(np.asarray(c), name) for name, c in self.constants.items()]
        model.graph.initializer.extend(tensors)
        return model

    def samples(self) -> dict[str, Array]:
        """A row for each sample, by the input's name."""
        rng, found = np.random.default_rng(5), {}
        for value in self.proto().graph.input:
            kind = value.type.tensor_type
            shape = (SAMPLES, *(d.dim_value for d in kind.shape.dim))
            drawn = self.draws.get(value.name, normal)(rng, shape)
            found[value.name] = np.asarray(drawn, ELEMENTS[kind.elem_type])
        return found


def with_(text: str, draws: dict[str, Draw] | None = None, *, opset: int = 18, **constants: Any) -> Graph:
    return Graph(text, constants, draws or {}, opset)


@dataclass
class Case:
    hint: str
    refused: Graph
    followed: list[Graph]
    tolerance: float = 0.02

    def __str__(self) -> str:
        return re.sub(r"\W+", "-", self.hint)[:60]


def spelled(hint: str) -> str:
    """A pattern of a hint: where `hints.txt` names a number of the source, it has that number."""
    return re.sub(r"\\\{\w+\\\}", r"\\d+", re.escape(hint))


def refusal_of(graph: Graph) -> str:
    with pytest.raises(ciro.CompileError) as refusal:
        ciro.compile(graph.proto().SerializeToString(), samples=graph.samples())
    return refusal.value.hint or ""


def answers_of(graph: Graph) -> list[dict[str, Array]]:
    """What onnxruntime answers to each sample."""
    session = onnxruntime.InferenceSession(graph.proto().SerializeToString(), providers=["CPUExecutionProvider"])
    names, samples = [output.name for output in session.get_outputs()], graph.samples()
    rows = [session.run(names, {name: rows[i] for name, rows in samples.items()}) for i in range(SAMPLES)]
    return [dict(zip(names, row)) for row in rows]


def assert_works(graph: Graph, tolerance: float) -> None:
    model = ciro.compile(graph.proto().SerializeToString(), samples=graph.samples())
    found, expected = model.run(graph.samples()), answers_of(graph)
    assert not [answer.refusal for answer in found if answer.refusal]
    for name in expected[0]:
        wanted = np.stack([np.ravel(answer[name]) for answer in expected]).astype(float)
        got = np.stack([np.ravel(answer.outputs[name]) for answer in found]).astype(float)
        assert np.ptp(wanted) > 0, "samples that are all answered alike show nothing"
        assert np.abs(got - wanted).max() <= tolerance * max(1.0, np.abs(wanted).max()), name


RNG = np.random.default_rng(2)
F32 = np.float32
GRID = RNG.uniform(-1, 1, (1, 2, 2, 2)).astype(F32)
TWO_BY_THREE = RNG.normal(size=(3, 2)).astype(F32)


def tree(x: str, y: str) -> str:
    """A tree that splits at zero, as a node."""
    return (
        f"{y} = ml.TreeEnsembleRegressor <nodes_treeids = [0, 0, 0], nodes_nodeids = [0, 1, 2], nodes_featureids = [0, 0, 0],"
        ' nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF"], nodes_values = [0.0, 0.0, 0.0], nodes_truenodeids = [1, 0, 0],'
        " nodes_falsenodeids = [2, 0, 0], target_treeids = [0, 0], target_nodeids = [1, 2], target_ids = [0, 0],"
        f" target_weights = [WEIGHTS], n_targets = 1> ({x})"
    )


def planted(text: str, leaves: str = "1.5, -2.0") -> str:
    """`text` where `y = Tree(x)` stands for a tree's node."""
    return re.sub(r"(\w+) = Tree\((\w+)\)", lambda m: tree(m[2], m[1]), text).replace("WEIGHTS", leaves)


def categories(n: int) -> str:
    names = ", ".join(map(str, range(n)))
    return f"(int64[1, 1] x) => (float[1, 1, {n}] y) {{ y = ml.OneHotEncoder <cats_int64s = [{names}]> (x) }}"


def listed(n: int) -> Graph:
    """Elements of a list of `n` constants at two positions, in a classical model."""
    text = '(int64[1,2] x) => (float[1,2] z) { y = GatherElements <axis = 1> (c, x)  z = ml.Normalizer <norm = "L2"> (y) }'
    return with_(text, {"x": below(n)}, c=RNG.normal(size=(1, n)).astype(F32))


ROWS = RNG.normal(size=(2, 3)).astype(F32)


def scanned(norm: str) -> Graph:
    """A loop over constant rows: a norm of each one's difference from the input."""
    text = (
        "(float[1,3] x) => (float[1,3] z, float[2,1] y) { z, y = Scan <num_scan_inputs = 1, body ="
        " b (float[1,3] s, float[3] r) => (float[1,3] t, float[1] d)"
        f" {{ t = Identity(s)  e = Sub(s, r)  d = {norm} <axes = [1], keepdims = 0> (e) }}> (x, rows) }}"
    )
    return with_(text, opset=11, rows=ROWS)


def supported(n: int) -> Graph:
    """A support vector machine of `n` vectors."""
    coefficients, vectors = (",".join(f"{v:.4f}" for v in RNG.normal(size=k)) for k in (n, 3 * n))
    return with_(
        '(float[1,3] x) => (float[1,1] y) { y = ml.SVMRegressor <kernel_type = "RBF", kernel_params = [0.5, 0.0, 3.0],'
        f" n_supports = {n}, rho = [0.1], coefficients = [{coefficients}], support_vectors = [{vectors}]> (x) }}"
    )


def divided(by: str = "", **constants: Any) -> Graph:
    """A quotient of negative numbers, or by what the node `by` makes of them."""
    made, divisor = (f"n = {by} ", "n") if by else ("", "d")
    text = f"(float[2,3] x, float[2,3] d) => (float[2,3] y) {{ {made} y = Div(x, {divisor}) }}"
    return with_(text, {"d": between(-2, -0.5)}, **constants)


def filled(fill: float, then: str = "") -> Graph:
    """Elements that a mask replaces, on their way to a product."""
    text = f"(float[2,3] x) => (float[2,2] y) {{ m = Where(keep, x, fill)  {then or 'p = Identity(m)'}  y = MatMul(p, w) }}"
    return with_(text, keep=np.array([[True, False, True]] * 2), fill=F32(fill), w=TWO_BY_THREE)


def normed(norm: str, of: str = "Identity") -> Graph:
    return with_(f'(float[1,3] x) => (float[1,3] y) {{ s = {of}(x)  y = ml.Normalizer <norm = "{norm}"> (s) }}')


def scaled(*scale: float) -> Graph:
    """A tree on features that are scaled before it."""
    n, zeros = len(scale), [0.0] * len(scale)
    node = f"ml.Scaler <offset = {zeros}, scale = {list(scale)}> (x)"
    return with_(planted(f"(float[1,{n}] x) => (float[1,1] y) {{ s = {node}  y = Tree(s) }}"))


def product(rows: int) -> Graph:
    nodes = 'p = MatMul(x, w)  y = ml.Normalizer <norm = "L2"> (p)'
    return with_(f"(float[{rows},3] x) => (float[{rows},2] y) {{ {nodes} }}", w=TWO_BY_THREE)


def powers(reach: float) -> Graph:
    """Powers of inputs up to `reach`, as shares."""
    nodes = 'e = Exp(x)  z = ml.Normalizer <norm = "L1"> (e)'
    return with_(f"(float[1,3] x) => (float[1,3] z) {{ {nodes} }}", {"x": between(-reach, reach)})


def shares(of: str) -> Graph:
    """What the node `of` makes of the input, divided by its sum."""
    nodes = f'p = {of}(x)  s = ReduceSum <keepdims = 1> (p, a)  y = Div(p, s)  z = ml.Normalizer <norm = "L2"> (y)'
    return with_(f"(float[1,3] x) => (float[1,3] z) {{ {nodes} }}", a=np.array([1]))


COS, SIN = (RNG.uniform(-1, 1, (8, 2)).astype(F32) for _ in range(2))


def rotated(inputs: str, operands: str, draws: dict[str, Draw] | None = None, **constants: Any) -> Graph:
    text = f"(float[1,1,3,4] x{inputs}) => (float[1,1,3,4] y) {{ y = RotaryEmbedding(x, {operands}) }}"
    return with_(text, draws, opset=23, **constants)


CASES = [
    Case(
        "a constant grid works: export the model with its positions computed beforehand",
        with_("(float[1,1,3,3] x, float[1,2,2,2] grid) => (float[1,1,2,2] y) { y = GridSample(x, grid) }"),
        [with_("(float[1,1,3,3] x) => (float[1,1,2,2] y) { y = GridSample(x, grid) }", grid=GRID)],
    ),
    Case(
        "categories are numbers here: encode texts before the model",
        with_(
            "(int64[1,1] x) => (float[1,1,2] y) {"
            ' t = ml.LabelEncoder <keys_int64s = [0, 1], values_strings = ["a", "b"]> (x)'
            ' y = ml.OneHotEncoder <cats_strings = ["a", "b"]> (t) }',
            {"x": below(2)},
        ),
        [
            with_(
                "(int64[1,1] x) => (float[1,1,2] y) { y = ml.OneHotEncoder <cats_int64s = [0, 1]> (x) }",
                {"x": below(2)},
            )
        ],
    ),
    Case(
        "compile the network and the classical model one by one",
        with_(
            planted(
                "(float[1,1,4,4] x) => (float[1,1] y) { c = Conv(x, w)  r = Relu(c)  f = Flatten(r)  y = Tree(f) }"
            ),
            w=RNG.normal(size=(1, 1, 3, 3)).astype(F32),
        ),
        [
            with_(
                "(float[1,1,4,4] x) => (float[1,4] f) { c = Conv(x, w)  r = Relu(c)  f = Flatten(r) }",
                w=RNG.normal(size=(1, 1, 3, 3)).astype(F32),
            ),
            with_(planted("(float[1,4] f) => (float[1,1] y) { y = Tree(f) }")),
        ],
    ),
    Case(
        "constant positions work; a tree model in tensor form is exported as TreeEnsembleClassifier or TreeEnsembleRegressor",
        with_(
            "(float[1,4] x, int64[1,4] at, float[1,4] u) => (float[1,4] y) { y = ScatterElements <axis = 1> (x, at, u) }",
            {"at": below(4)},
        ),
        [
            with_(
                "(float[1,4] x, float[1,4] u) => (float[1,4] y) { y = ScatterElements <axis = 1> (x, at, u) }",
                at=np.array([[2, 0, 1, 3]]),
            ),
            with_(planted("(float[1,4] x) => (float[1,1] y) { y = Tree(x) }")),
        ],
    ),
    Case(
        "constant positions work; or give the cosines and sines of the positions themselves",
        rotated(", int64[1,3] at", "cos, sin, at", {"at": below(8)}, cos=COS, sin=SIN),
        [
            rotated("", "cos, sin, at", cos=COS, sin=SIN, at=np.array([[5, 0, 7]])),
            rotated(", float[1,3,2] cos, float[1,3,2] sin", "cos, sin", {"cos": between(-1, 1), "sin": between(-1, 1)}),
        ],
    ),
    Case(
        "divide by positive values, such as norms, sums of squares or exponentials",
        divided(),
        [
            divided("ReduceL2 <keepdims = 1> (d, a)", a=np.array([1])),
            divided("ReduceSumSquare <keepdims = 1> (d, a)", a=np.array([1])),
            divided("Exp(d)"),
        ],
    ),
    Case(
        "divide by positive values, such as sums of probabilities, and pass samples",
        shares("Identity"),
        [shares("Sigmoid")],
    ),
    Case(
        "drop the feature, or scale it by something else",
        scaled(0.0, 1.0),
        [scaled(0.5, 1.0), scaled(1.0)],
    ),
    Case(
        "encode or compare whole numbers, and cut off or round them before the model",
        with_("(float[1,3] x) => (float[1,1] y) { f = Floor(x)  y = ml.LinearRegressor <coefficients = [1.0, -2.0, 0.5]> (f) }"),
        [
            with_(
                "(float[1,3] x) => (float[1,1] y) { y = ml.LinearRegressor <coefficients = [1.0, -2.0, 0.5]> (x) }",
                {"x": lambda rng, shape: np.floor(normal(rng, shape))},
            )
        ],
    ),
    Case(
        "export a forest as one TreeEnsemble operator, and encode fewer categories",
        with_(categories(4000), {"x": below(4000)}),
        [with_(categories(500), {"x": below(500)}), with_(planted("(float[1,4] x) => (float[1,1] y) { y = Tree(x) }"))],
    ),
    Case(
        "give each column of ids an input of its own, or a table of fewer rows",
        with_(
            "(int64[1,2] x) => (float[1,3] y) { i = Gather <axis = 1> (x, c)  e = Gather(t, i)  y = Relu(e) }",
            {"x": below(2000)},
            c=np.array(0),
            t=RNG.normal(size=(2000, 3)).astype(F32),
        ),
        [
            with_(
                "(int64[1] x) => (float[1,3] y) { e = Gather(t, x)  y = Relu(e) }",
                {"x": below(2000)},
                t=RNG.normal(size=(2000, 3)).astype(F32),
            ),
            with_(
                "(int64[1,2] x) => (float[1,3] y) { i = Gather <axis = 1> (x, c)  e = Gather(t, i)  y = Relu(e) }",
                {"x": below(900)},
                c=np.array(0),
                t=RNG.normal(size=(900, 3)).astype(F32),
            ),
        ],
    ),
    Case(
        "give the whole numbers as an input of integers",
        with_("(float[2,2] x) => (float[2,2] y) { i = Cast <to = 7> (x)  f = Cast <to = 1> (i)  y = Sigmoid(f) }"),
        [with_("(int64[2,2] x) => (float[2,2] y) { f = Cast <to = 1> (x)  y = Sigmoid(f) }", {"x": below(4)})],
    ),
    Case(
        "lists of up to {LONGEST_LIST} numbers work",
        listed(4097),
        [listed(4096)],
    ),
    Case(
        "loops whose number of trips is a constant work, without a condition that depends on the input",
        with_(
            "(float[1,3] x, int64 n) => (float[1,3] y) { y = Loop <body = b (int64 i, bool c, float[1,3] v) => (bool d, float[1,3] w)"
            " { d = Identity(c)  s = Sin(v)  w = Add(s, v) }> (n, go, x) }",
            {"n": below(4)},
            go=np.array(True),
        ),
        [
            with_(
                "(float[1,3] x) => (float[1,3] y) { y = Loop <body = b (int64 i, bool c, float[1,3] v) => (bool d, float[1,3] w)"
                " { d = Identity(c)  s = Sin(v)  w = Add(s, v) }> (n, go, x) }",
                go=np.array(True),
                n=np.array(3),
            )
        ],
    ),
    Case(
        "make one of them a constant",
        with_("(float[2,3] x, float[2,3] z) => (float[2,3] y) { y = Pow(x, z) }", {"x": between(0.5, 2)}),
        [
            with_("(float[2,3] x) => (float[2,3] y) { y = Pow(x, c) }", {"x": between(0.5, 2)}, c=F32(1.5)),
            with_("(float[2,3] z) => (float[2,3] y) { y = Pow(c, z) }", c=F32(1.5)),
        ],
    ),
    Case(
        "masks directly before a Softmax may fill in anything; elsewhere, fill in zero",
        filled(-3e38),
        [filled(-3e38, "p = Softmax(m)"), filled(7.0, "p = Softmax(m)"), filled(0.0)],
    ),
    Case(
        "of Scan, distances to the rows of a constant work; unroll other loops for a fixed length",
        scanned("ReduceMax"),
        [
            scanned("ReduceSumSquare"),
            scanned("ReduceL1"),
            with_(
                "(float[1,3] x) => (float[1,2] y) { a = Sub(x, r)  b = Sub(x, s)  c = ReduceMax <axes = [1]> (a)"
                "  d = ReduceMax <axes = [1]> (b)  y = Concat <axis = 1> (c, d) }",
                opset=11,
                r=ROWS[:1],
                s=ROWS[1:],
            ),
        ],
    ),
    Case(
        "up to {MOST_NUMBERS} numbers of support vectors work: train on fewer samples",
        supported(10923),
        [supported(10922)],
    ),
    Case(
        "one sample is proven at a time: export with a batch of one",
        product(2),
        [product(1)],
    ),
    Case(
        "scale the inputs to a few units before they reach the model, or leave out samples that are far larger than the others",
        powers(200),
        [powers(2)],
    ),
    Case(
        "up to {MOST_FLAGS} pairs of both work",
        with_("(float[64,256] x, int64[64,65] at) => (float[64,65] y) { y = GatherElements <axis = 1> (x, at) }", {"at": below(256)}),
        [with_("(float[4,16] x, int64[4,5] at) => (float[4,5] y) { y = GatherElements <axis = 1> (x, at) }", {"at": below(16)})],
    ),
    Case(
        "up to {MOST_RANKED} elements times positions work",
        with_("(float[8,1024] x) => (float[8,129] y, int64[8,129] i) { y, i = TopK(x, k) }", k=np.array([129])),
        [with_("(float[2,8] x) => (float[2,3] y, int64[2,3] i) { y, i = TopK(x, k) }", {"x": apart}, k=np.array([3]))],
    ),
    Case(
        "use a padding smaller than the window",
        with_("(float[1,1,4,4] x) => (float[1,1,7,7] y) { y = MaxPool <kernel_shape = [2, 2], pads = [2, 2, 2, 2]> (x) }"),
        [with_("(float[1,1,4,4] x) => (float[1,1,5,5] y) { y = MaxPool <kernel_shape = [2, 2], pads = [1, 1, 1, 1]> (x) }")],
    ),
    Case(
        "use the norm L1 or L2, or apply it after Relu, Sigmoid or Softmax",
        normed("MAX"),
        [normed("L1"), normed("L2"), *(normed("MAX", of) for of in ("Relu", "Sigmoid", "Softmax"))],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_hints_about_graphs_say_works(case: Case) -> None:
    assert re.search(spelled(case.hint), refusal_of(case.refused))
    for graph in case.followed:
        assert_works(graph, case.tolerance)


def test_the_hints_that_these_cases_follow_are_listed() -> None:
    lines = (Path(__file__).parent / "hints.txt").read_text().splitlines()
    listed = {hint for test, hint in (line.split("\t") for line in lines) if test == test_what_hints_about_graphs_say_works.__name__}
    assert listed == {case.hint for case in CASES}
