"""One step of a Llama-style decoder with a cache, in the form that Hugging Face's models export with eager attention.

RMS normalisation spelt out, rotary positions from a table of frequencies, keys and values shared by groups of heads, SiLU
gates, and the keys and values of earlier tokens as inputs and outputs. Weights are seeded, as in `transformers.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from graph import Graph


@dataclass(frozen=True)
class Size:
    """Dimensions of a decoder: `shared` heads of keys and values for `heads` of queries, `past` tokens in the cache."""

    layers: int
    width: int
    heads: int
    shared: int
    inner: int
    past: int
    vocabulary: int

    @property
    def head(self) -> int:
        """Width of one head."""
        return self.width // self.heads


LLAMA_MINI = Size(layers=2, width=32, heads=4, shared=2, inner=48, past=12, vocabulary=64)
LOWEST = float(np.finfo(np.float32).min)


def step(size: Size, rng: np.random.Generator) -> onnx.ModelProto:
    """The next token: `input_ids` (1, 1), `attention_mask` (1, past + 1), `position_ids` (1, 1) and for each layer i
    `past_key_values.i.key` and `.value`, (1, shared, past, head); outputs `present.i.key` and `.value`, one longer, and
    `logits`, (1, 1, vocabulary)."""
    g = Graph("llama", 17, rng)
    ids = g.input("input_ids", (1, 1), "int64")
    mask = g.input("attention_mask", (1, size.past + 1), "int64")
    positions = g.input("position_ids", (1, 1), "int64")
    cache = (1, size.shared, size.past, size.head)
    past = [[g.input(f"past_key_values.{i}.{kind}", cache) for kind in ("key", "value")] for i in range(size.layers)]
    x = g.op("Gather", g.normal("embed_tokens.weight", (size.vocabulary, size.width), 1.0), ids)
    seen = g.op("Cast", g.op("Unsqueeze", mask, g.integers([1, 2])), to=onnx.TensorProto.BOOL)
    unseen = g.op("Where", seen, g.scalar(0.0), g.scalar(LOWEST))
    turns = _turns(g, size, positions)
    outputs = []
    for i, layer_past in enumerate(past):
        with g.scope(f"layers.{i}"):
            x, present = _layer(g, size, x, unseen, turns, layer_past)
        shape = (1, size.shared, size.past + 1, size.head)
        outputs += [(name, f"present.{i}.{kind}", shape) for name, kind in zip(present, ("key", "value"))]
    x = _rms_norm(g, size, "norm", x)
    logits = g.op("MatMul", x, g.normal("lm_head.weight", (size.width, size.vocabulary), 1.0 / np.sqrt(size.width)))
    return g.finish_all([*outputs, (logits, "logits", (1, 1, size.vocabulary))])


def _turns(g: Graph, size: Size, positions: str) -> tuple[str, str]:
    """Cosines and sines of the angles by which pairs of features are turned: (1, 1, 1, head) each."""
    frequencies = 10000.0 ** (-np.arange(0, size.head, 2) / size.head)
    inverse = g.weight("rotary_emb.inv_freq", frequencies.astype(np.float32)[None, :, None])
    places = g.op("Cast", g.op("Unsqueeze", positions, g.integers([1])), to=onnx.TensorProto.FLOAT)
    angles = g.op("Transpose", g.op("MatMul", inverse, places), perm=[0, 2, 1])
    angles = g.op("Concat", angles, angles, axis=-1)
    cosine, sine = (g.op("Unsqueeze", g.op(f, angles), g.integers([1])) for f in ("Cos", "Sin"))
    return cosine, sine


def _turned(g: Graph, size: Size, x: str, turns: tuple[str, str]) -> str:
    half = g.integers([size.head // 2])
    first = g.op("Slice", x, g.integers([0]), half, g.integers([3]), g.integers([1]))
    second = g.op("Slice", x, half, g.integers([np.iinfo(np.int64).max]), g.integers([3]), g.integers([1]))
    crossed = g.op("Concat", g.op("Neg", second), first, axis=-1)
    return g.op("Add", g.op("Mul", x, turns[0]), g.op("Mul", crossed, turns[1]))


def _layer(
    g: Graph, size: Size, x: str, unseen: str, turns: tuple[str, str], past: list[str]
) -> tuple[str, tuple[str, str]]:
    with g.scope("self_attn"):
        normal = _rms_norm(g, size, "input_layernorm", x)
        query = _heads(g, size, "q_proj", normal, size.heads)
        key, value = (_heads(g, size, name, normal, size.shared) for name in ("k_proj", "v_proj"))
        query, key = (_turned(g, size, t, turns) for t in (query, key))
        key, value = (g.op("Concat", old, new, axis=2) for old, new in zip(past, (key, value)))
        all_keys, all_values = (_repeated(g, size, t) for t in (key, value))
        scores = g.op("MatMul", query, g.op("Transpose", all_keys, perm=[0, 1, 3, 2]))
        scores = g.op("Add", g.op("Mul", scores, g.scalar(1.0 / np.sqrt(size.head))), unseen)
        context = g.op("MatMul", g.op("Softmax", scores, axis=-1), all_values)
        context = g.reshape(g.op("Transpose", context, perm=[0, 2, 1, 3]), (1, -1, size.width))
        x = g.op("Add", x, _linear(g, "o_proj", context, size.width, size.width))
    with g.scope("mlp"):
        normal = _rms_norm(g, size, "post_attention_layernorm", x)
        gate = _linear(g, "gate_proj", normal, size.width, size.inner)
        gate = g.op("Mul", gate, g.op("Sigmoid", gate))
        wide = g.op("Mul", gate, _linear(g, "up_proj", normal, size.width, size.inner))
        return g.op("Add", x, _linear(g, "down_proj", wide, size.inner, size.width)), (key, value)


def _heads(g: Graph, size: Size, name: str, x: str, heads: int) -> str:
    parts = g.reshape(_linear(g, name, x, size.width, heads * size.head), (1, -1, heads, size.head))
    return g.op("Transpose", parts, perm=[0, 2, 1, 3])


def _repeated(g: Graph, size: Size, x: str) -> str:
    """Shared heads for each head of their group, by Expand between two changes of shape."""
    group, tokens = size.heads // size.shared, size.past + 1
    each = g.op("Unsqueeze", x, g.integers([2]))
    each = g.op("Expand", each, g.integers([1, size.shared, group, tokens, size.head]))
    return g.reshape(each, (1, size.heads, tokens, size.head))


def _linear(g: Graph, name: str, x: str, wide: int, out: int) -> str:
    return g.op("MatMul", x, g.normal(f"{name}.weight", (wide, out), 1.0 / np.sqrt(wide)))


def _rms_norm(g: Graph, size: Size, name: str, x: str) -> str:
    with g.scope(name):
        square = g.op("ReduceMean", g.op("Pow", x, g.scalar(2.0)), axes=[-1])
        root = g.op("Sqrt", g.op("Add", square, g.scalar(1e-6)))
        scaled = g.op("Mul", x, g.op("Div", g.scalar(1.0), root))
        return g.op("Mul", g.normal("weight", (size.width,), 0.1, mean=1.0), scaled)


def steps(size: Size, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Inputs by name, (count, …): a token after `past` others, of which the first are padding in every other row."""
    padding = np.where(np.arange(count) % 2 == 0, 0, rng.integers(1, size.past // 2, count))
    mask = (np.arange(size.past + 1) >= padding[:, None]).astype(np.int64)
    rows = {
        "input_ids": rng.integers(0, size.vocabulary, (count, 1)),
        "attention_mask": mask,
        "position_ids": (size.past - padding)[:, None].astype(np.int64),
    }
    shape = (count, size.shared, size.past, size.head)
    caches = (f"past_key_values.{i}.{kind}" for i in range(size.layers) for kind in ("key", "value"))
    return rows | {name: rng.normal(0.0, 1.0, shape).astype(np.float32) for name in caches}
