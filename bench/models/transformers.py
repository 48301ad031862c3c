"""BERT-style encoders and GPT-2-style decoders, in the form that Hugging Face's models export with eager attention.

Weights are seeded. Linear layers keep the variance of what they read (Xavier), so that attention scores have a spread of
about one; branches are damped so that the residual stream grows slowly; embeddings have the spread of trained ones.
What seeded weights do not reproduce are the outlier channels of trained transformers: accuracy here is a floor for the
arithmetic, not a forecast for a published checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from graph import Graph


@dataclass(frozen=True)
class Size:
    """Dimensions of a transformer: `tokens` is the fixed sequence length, `inner` the width of the feed-forward part."""

    layers: int
    width: int
    heads: int
    inner: int
    tokens: int
    vocabulary: int

    @property
    def head(self) -> int:
        """Width of one head."""
        return self.width // self.heads


MINILM_L6 = Size(layers=6, width=384, heads=12, inner=1536, tokens=128, vocabulary=30522)
MINILM_MINI = Size(layers=2, width=64, heads=4, inner=96, tokens=16, vocabulary=128)
MINILM_PUBLISHED = Size(layers=2, width=32, heads=4, inner=64, tokens=16, vocabulary=96)
GPT2_SMALL = Size(layers=12, width=768, heads=12, inner=3072, tokens=64, vocabulary=50257)
GPT2_MINI = Size(layers=2, width=64, heads=4, inner=96, tokens=16, vocabulary=128)

# The lowest float32, which the decoder's mask puts in the place of a score.
LOWEST = float(np.finfo(np.float32).min)


def bert(size: Size, rng: np.random.Generator) -> onnx.ModelProto:
    """MiniLM: post-norm encoder over `input_ids` of shape (1, tokens); the output is the mean-pooled sentence embedding.

    All tokens attend to one another: the attention mask of an unpadded sentence folds away on export. Opset 14, as
    published files have it, so layer normalisation is spelt out.
    """
    g = Graph("bert", 14, rng)
    ids = g.input("input_ids", (1, size.tokens), "int64")
    with g.scope("embeddings"):
        words = g.op("Gather", g.normal("word_embeddings.weight", (size.vocabulary, size.width), 0.05), ids)
        kinds = g.normal("token_type_embeddings.weight", (1, 1, size.width), 0.01)
        places = g.normal("position_embeddings.weight", (1, size.tokens, size.width), 0.02)
        x = g.op("Add", g.op("Add", words, kinds), places)
        x = g.layer_norm("LayerNorm", x, size.width, 1e-12)
    for i in range(size.layers):
        with g.scope(f"encoder/layer.{i}"):
            x = _bert_layer(g, size, x, None)
    return g.finish(g.op("ReduceMean", x, axes=[1], keepdims=0), "sentence_embedding", (1, size.width))


def bert_published(size: Size, rng: np.random.Generator) -> onnx.ModelProto:
    """The same encoder in the form of published files: batch and sequence are named, so that every reshape computes its
    shape; padding is masked; three inputs, and the hidden states of all tokens for the output."""
    g = Graph("bert", 14, rng)
    names = ("input_ids", "attention_mask", "token_type_ids")
    ids, mask, kinds = (g.input(name, ("batch_size", "sequence_length"), "int64") for name in names)
    seen = g.op("Unsqueeze", g.op("Unsqueeze", mask, g.integers([1])), g.integers([2]))
    unseen = g.op("Sub", g.scalar(1.0), g.op("Cast", seen, to=onnx.TensorProto.FLOAT))
    mask = g.op("Mul", unseen, g.scalar(LOWEST))
    with g.scope("embeddings"):
        length = g.op("Unsqueeze", _dimension(g, ids, 1), g.integers([0]))
        all_places = g.weight("position_ids", np.arange(2 * size.tokens, dtype=np.int64)[None])
        places = g.op("Slice", all_places, g.integers([0]), length, g.integers([1]), g.integers([1]))
        words = g.op("Gather", g.normal("word_embeddings.weight", (size.vocabulary, size.width), 0.05), ids)
        kinds = g.op("Gather", g.normal("token_type_embeddings.weight", (2, size.width), 0.01), kinds)
        place_table = g.normal("position_embeddings.weight", (2 * size.tokens, size.width), 0.02)
        x = g.op("Add", g.op("Add", words, kinds), g.op("Gather", place_table, places))
        x = g.layer_norm("LayerNorm", x, size.width, 1e-12)
    for i in range(size.layers):
        with g.scope(f"encoder/layer.{i}"):
            x = _bert_layer(g, size, x, mask)
    return g.finish(x, "last_hidden_state", ("batch_size", "sequence_length", size.width))


def _bert_layer(g: Graph, size: Size, x: str, mask: str | None) -> str:
    """One layer; with a mask, in the form that computes its shapes."""
    split, join = (_split_heads, _join_heads) if mask is None else (_split_heads_anew, _join_heads_anew)
    with g.scope("attention"):
        query, key, value = (g.linear(n, x, size.width, size.width) for n in ("query", "key", "value"))
        key = g.op("Transpose", split(g, size, key), perm=[0, 2, 3, 1])
        query, value = (g.op("Transpose", split(g, size, t), perm=[0, 2, 1, 3]) for t in (query, value))
        scores = g.op("Div", g.op("MatMul", query, key), g.scalar(np.sqrt(size.head)))
        scores = scores if mask is None else g.op("Add", scores, mask)
        context = g.op("MatMul", g.op("Softmax", scores, axis=-1), value)
        out = g.linear("output/dense", join(g, size, context), size.width, size.width)
        x = g.layer_norm("output/LayerNorm", g.op("Add", out, x), size.width, 1e-12)
    wide = _gelu_erf(g, g.linear("intermediate/dense", x, size.width, size.inner))
    out = g.linear("output/dense", wide, size.inner, size.width)
    return g.layer_norm("output/LayerNorm", g.op("Add", out, x), size.width, 1e-12)


def gpt2(size: Size, rng: np.random.Generator) -> onnx.ModelProto:
    """GPT-2: pre-norm decoder over `input_ids` of shape (1, tokens); the output is the logits after the last token.

    The head shares the embedding's weights through a Transpose. Opset 17, so layer normalisation is one operator.
    """
    g = Graph("gpt2", 17, rng)
    ids = g.input("input_ids", (1, size.tokens), "int64")
    words = g.normal("wte.weight", (size.vocabulary, size.width), 0.14)
    places = g.normal("wpe.weight", (1, size.tokens, size.width), 0.1)
    x = g.op("Add", g.op("Gather", words, ids), places)
    causal = g.weight("attn.bias", np.tril(np.ones((1, 1, size.tokens, size.tokens), bool)))
    for i in range(size.layers):
        with g.scope(f"h.{i}"):
            x = _gpt2_block(g, size, x, causal)
    x = g.layer_norm("ln_f", x, size.width, 1e-5)
    last = g.op("Gather", x, g.scalar(-1, "int64"), axis=1)
    logits = g.op("MatMul", last, g.op("Transpose", words, perm=[1, 0]))
    return g.finish(logits, "logits", (1, size.vocabulary))


def _gpt2_block(g: Graph, size: Size, x: str, causal: str) -> str:
    damped = 1.0 / np.sqrt(2 * size.layers)
    with g.scope("attn"):
        joint = _conv1d(g, size, "c_attn", g.layer_norm("ln_1", x, size.width, 1e-5), size.width, 3 * size.width)
        parts = g.ops("Split", 3, joint, g.integers([size.width] * 3), axis=2)
        query, key, value = (_split_heads(g, size, part) for part in parts)
        query, value = (g.op("Transpose", t, perm=[0, 2, 1, 3]) for t in (query, value))
        key = g.op("Transpose", key, perm=[0, 2, 3, 1])
        scores = g.op("Div", g.op("MatMul", query, key), g.scalar(np.sqrt(size.head)))
        masked = g.op("Where", causal, scores, g.scalar(LOWEST))
        context = g.op("MatMul", g.op("Softmax", masked, axis=-1), value)
        out = _conv1d(g, size, "c_proj", _join_heads(g, size, context), size.width, size.width, damped)
        x = g.op("Add", out, x)
    with g.scope("mlp"):
        wide = _conv1d(g, size, "c_fc", g.layer_norm("ln_2", x, size.width, 1e-5), size.width, size.inner)
        out = _conv1d(g, size, "c_proj", _gelu_tanh(g, wide), size.inner, size.width, damped)
        return g.op("Add", x, out)


def _conv1d(g: Graph, size: Size, name: str, x: str, wide: int, out: int, gain: float = 1.0) -> str:
    """Hugging Face's `Conv1D`: a Gemm on the flattened tokens, between two reshapes."""
    with g.scope(name):
        weight = g.normal("weight", (wide, out), gain / np.sqrt(wide))
        flat = g.op("Gemm", g.reshape(x, (-1, wide)), weight, g.normal("bias", (out,), 0.02), alpha=1.0, beta=1.0)
        return g.reshape(flat, (1, size.tokens, out))


def _split_heads(g: Graph, size: Size, x: str) -> str:
    return g.reshape(x, (1, size.tokens, size.heads, size.head))


def _join_heads(g: Graph, size: Size, x: str) -> str:
    return g.reshape(g.op("Transpose", x, perm=[0, 2, 1, 3]), (1, size.tokens, size.width))


def _split_heads_anew(g: Graph, size: Size, x: str) -> str:
    return g.op("Reshape", x, _shape_of(g, x, (0, 1), (size.heads, size.head)))


def _join_heads_anew(g: Graph, size: Size, x: str) -> str:
    x = g.op("Transpose", x, perm=[0, 2, 1, 3])
    return g.op("Reshape", x, _shape_of(g, x, (0, 1), (size.width,)))


def _shape_of(g: Graph, x: str, axes: tuple[int, ...], rest: tuple[int, ...]) -> str:
    """A shape that begins with dimensions of `x` and ends with numbers."""
    own = [g.op("Unsqueeze", _dimension(g, x, axis), g.integers([0])) for axis in axes]
    return g.op("Concat", *own, *(g.integers([n]) for n in rest), axis=0)


def _dimension(g: Graph, x: str, axis: int) -> str:
    return g.op("Gather", g.op("Shape", x), g.scalar(axis, "int64"), axis=0)


def _gelu_erf(g: Graph, x: str) -> str:
    erf = g.op("Erf", g.op("Div", x, g.scalar(np.sqrt(2.0))))
    return g.op("Mul", g.op("Mul", x, g.op("Add", erf, g.scalar(1.0))), g.scalar(0.5))


def _gelu_tanh(g: Graph, x: str) -> str:
    cubed = g.op("Mul", g.op("Pow", x, g.scalar(3.0)), g.scalar(0.044715))
    inner = g.op("Mul", g.op("Add", x, cubed), g.scalar(np.sqrt(2.0 / np.pi)))
    outer = g.op("Add", g.op("Tanh", inner), g.scalar(1.0))
    return g.op("Mul", g.op("Mul", x, g.scalar(0.5)), outer)


def sentences(size: Size, count: int, rng: np.random.Generator) -> np.ndarray:
    """Token ids (count, tokens), int64: frequent tokens are frequent, as in text."""
    rank = rng.zipf(1.2, (count, size.tokens)) - 1
    return (rank % size.vocabulary).astype(np.int64)


def padded_sentences(size: Size, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Token ids, masks and kinds, each (count, tokens), int64; every other sentence ends in padding."""
    ids = sentences(size, count, rng)
    lengths = np.where(np.arange(count) % 2 == 0, size.tokens, rng.integers(3, size.tokens, count))
    mask = (np.arange(size.tokens) < lengths[:, None]).astype(np.int64)
    return {"input_ids": ids * mask, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
