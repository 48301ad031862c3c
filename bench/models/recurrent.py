"""LSTM and GRU classifiers, in the form that PyTorch's exporter gives `nn.LSTM` and `nn.GRU` with `batch_first`.

Weights are seeded and uniform in ±1/√hidden, as PyTorch initialises them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from graph import Graph


@dataclass(frozen=True)
class Size:
    """A layer over `steps` positions of `width` features, in `directions` directions, and `classes` logits."""

    steps: int
    width: int
    hidden: int
    directions: int
    classes: int


LSTM_MINI = Size(steps=16, width=8, hidden=16, directions=2, classes=5)
GRU_MINI = Size(steps=12, width=16, hidden=24, directions=1, classes=3)
VOCABULARY = 64


def lstm(size: Size, rng: np.random.Generator) -> onnx.ModelProto:
    """A bidirectional LSTM over `x` of shape (batch, steps, width); logits from the last position of both directions.

    The batch is named, so that the initial state's shape is computed, as it is on export with a dynamic axis.
    """
    g = Graph("lstm", 17, rng)
    x = g.input("x", ("batch", size.steps, size.width))
    state = _zeros(g, size, x)
    states = _layer(g, size, "LSTM", 4, g.op("Transpose", x, perm=[1, 0, 2]), state, state)[0]
    # (steps, directions, batch, hidden) to (batch, steps, directions · hidden).
    states = g.op("Transpose", states, perm=[2, 0, 1, 3])
    states = g.reshape(states, (0, 0, -1))
    last = g.op("Gather", states, g.scalar(-1, "int64"), axis=1)
    return g.finish(_head(g, size, last), "logits", ("batch", size.classes))


def gru(size: Size, rng: np.random.Generator) -> onnx.ModelProto:
    """A GRU over embedded tokens, `input_ids` of shape (batch, steps); logits from its last state."""
    g = Graph("gru", 17, rng)
    ids = g.input("input_ids", ("batch", size.steps), "int64")
    x = g.op("Gather", g.normal("embedding.weight", (VOCABULARY, size.width), 1.0), ids)
    state = _zeros(g, size, x)
    x = g.op("Transpose", x, perm=[1, 0, 2])
    last = _layer(g, size, "GRU", 3, x, state, linear_before_reset=1)[1]
    return g.finish(_head(g, size, g.op("Squeeze", last, g.integers([0]))), "logits", ("batch", size.classes))


def _zeros(g: Graph, size: Size, x: str) -> str:
    """The initial state, (directions, batch, hidden), for the batch that `x` has."""
    batch = g.op("Unsqueeze", g.op("Gather", g.op("Shape", x), g.scalar(0, "int64"), axis=0), g.integers([0]))
    shape = g.op("Concat", g.integers([size.directions]), batch, g.integers([size.hidden]), axis=0)
    return g.op("Expand", g.scalar(0.0), shape)


def _layer(g: Graph, size: Size, kind: str, gates: int, x: str, *state: str, **attributes: int) -> list[str]:
    """The operator with its weights; the state's shape and everything else as PyTorch has it."""
    bound = 1.0 / np.sqrt(size.hidden)
    rows = gates * size.hidden
    shapes = {"W": (rows, size.width), "R": (rows, size.hidden), "B": (2 * rows,)}
    weights = (
        g.weight(name, g.rng.uniform(-bound, bound, (size.directions, *shape)).astype(np.float32))
        for name, shape in shapes.items()
    )
    direction = {} if size.directions == 1 else {"direction": "bidirectional"}
    outputs = 3 if kind == "LSTM" else 2
    return g.ops(kind, outputs, x, *weights, "", *state, hidden_size=size.hidden, **direction, **attributes)


def _head(g: Graph, size: Size, x: str) -> str:
    wide = size.directions * size.hidden
    weight = g.normal("head.weight", (size.classes, wide), 2.0 / np.sqrt(wide))
    return g.op("Gemm", x, weight, g.normal("head.bias", (size.classes,), 0.1), transB=1)


def sequences(size: Size, count: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth sequences (count, steps, width): sines of random pitch and phase, with noise."""
    pitch, phase = rng.uniform(0.1, 0.9, (2, count, 1, size.width))
    smooth = np.sin(np.arange(size.steps)[None, :, None] * pitch + 6.0 * phase)
    return (smooth + rng.normal(0.0, 0.2, smooth.shape)).astype(np.float32)


def tokens(size: Size, count: int, rng: np.random.Generator) -> np.ndarray:
    """Token ids (count, steps), int64."""
    return rng.integers(0, VOCABULARY, (count, size.steps)).astype(np.int64)
