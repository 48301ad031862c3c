#!/usr/bin/env python3
"""Writes the large models that the prover is measured on, ResNet-18 for CIFAR's shape, MiniLM-L6 and GPT-2 small, and small
ones of more kinds for the tests: recurrent classifiers, and a decoder's step with a cache.

Graphs are built by hand in the form that PyTorch's exporter writes, with seeded weights, so that nothing is downloaded and
no PyTorch is needed. Each model NAME becomes three files:

  NAME.onnx        the model, fixed shapes, batch of one
  NAME.npz         samples: `x`, or arrays by input name (one row each; token ids are int64), and `y`, the last
                   output that onnxruntime gave
  NAME.input.json  {"input_data": [[...]]}, the first sample, flat for each input

Needs: pip install numpy onnx onnxruntime
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Union

import numpy as np
import onnx
import onnxruntime

sys.path.insert(0, str(Path(__file__).parent))
import llama
import recurrent
import resnet
import transformers

SEED = 0
# Samples, one row each; by input name where there are several.
Rows = Union[np.ndarray, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Recipe:
    """How a model and its samples are made; `is_small` models are kept in the repository for the tests."""

    what: str
    is_small: bool
    build: Callable[[np.random.Generator], onnx.ModelProto]
    samples: Callable[[np.random.Generator], Rows]


def _images(count: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: resnet.textures(count, rng)[0]


def _recipes() -> dict[str, Recipe]:
    t, r = transformers, resnet
    return {
        "I_resnet18_cifar": Recipe(
            "ResNet-18, 3x32x32", False, lambda g: r.resnet(r.RESNET18, g, answers), _images(32)
        ),
        "I_resnet_mini": Recipe(
            "residual network of three blocks, BatchNormalization kept",
            True,
            lambda g: r.resnet(r.RESNET_MINI, g, answers),
            _images(4),
        ),
        "J_minilm_l6": Recipe(
            "MiniLM-L6, 128 tokens, erf-GELU, sentence embedding",
            False,
            lambda g: t.bert(t.MINILM_L6, g),
            lambda g: t.sentences(t.MINILM_L6, 8, g),
        ),
        "J_minilm_mini": Recipe(
            "two layers of the same, width 64, 16 tokens",
            True,
            lambda g: t.bert(t.MINILM_MINI, g),
            lambda g: t.sentences(t.MINILM_MINI, 16, g),
        ),
        "J_minilm_published": Recipe(
            "the encoder in the form of published files: named dimensions, masks, computed shapes",
            True,
            lambda g: t.bert_published(t.MINILM_PUBLISHED, g),
            lambda g: t.padded_sentences(t.MINILM_PUBLISHED, 8, g),
        ),
        "K_gpt2_small": Recipe(
            "GPT-2 small, 64 tokens, tanh-GELU, logits after the last token",
            False,
            lambda g: t.gpt2(t.GPT2_SMALL, g),
            lambda g: t.sentences(t.GPT2_SMALL, 4, g),
        ),
        "K_gpt2_mini": Recipe(
            "two layers of the same, width 64, 16 tokens",
            True,
            lambda g: t.gpt2(t.GPT2_MINI, g),
            lambda g: t.sentences(t.GPT2_MINI, 16, g),
        ),
        "L_lstm_mini": Recipe(
            "bidirectional LSTM, 16 positions, initial state of a computed shape",
            True,
            lambda g: recurrent.lstm(recurrent.LSTM_MINI, g),
            lambda g: recurrent.sequences(recurrent.LSTM_MINI, 32, g),
        ),
        "L_gru_mini": Recipe(
            "GRU over embedded tokens",
            True,
            lambda g: recurrent.gru(recurrent.GRU_MINI, g),
            lambda g: recurrent.tokens(recurrent.GRU_MINI, 32, g),
        ),
        "M_llama_step_mini": Recipe(
            "a decoder's step with a cache: rotary positions, RMS normalisation, SiLU, shared heads, mask",
            True,
            lambda g: llama.step(llama.LLAMA_MINI, g),
            lambda g: llama.steps(llama.LLAMA_MINI, 16, g),
        ),
    }


def answers(model: onnx.ModelProto, rows: Rows) -> np.ndarray:
    """The last output that onnxruntime gives for each row, stacked."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    named = rows if isinstance(rows, dict) else {session.get_inputs()[0].name: rows}
    feeds = ({name: array[i : i + 1] for name, array in named.items()} for i in range(_count(rows)))
    return np.stack([session.run(None, feed)[-1][0] for feed in feeds])


def _count(rows: Rows) -> int:
    return len(next(iter(rows.values())) if isinstance(rows, dict) else rows)


def write(name: str, recipe: Recipe, folder: Path) -> str:
    """Writes one model's files; a line about it."""
    model = recipe.build(np.random.default_rng(SEED))
    rows = recipe.samples(np.random.default_rng(SEED + 1000))
    y = answers(model, rows)
    if not np.isfinite(y).all():
        raise ValueError(f"{name}: expected finite answers, got others")
    onnx.save(model, folder / f"{name}.onnx")
    arrays = rows if isinstance(rows, dict) else {"x": rows}
    np.savez_compressed(folder / f"{name}.npz", **arrays, y=y)
    first = {"input_data": [array[0].reshape(-1).tolist() for array in arrays.values()]}
    (folder / f"{name}.input.json").write_text(json.dumps(first) + "\n")
    size = (folder / f"{name}.onnx").stat().st_size
    parameters = sum(int(np.prod(i.dims)) for i in model.graph.initializer if i.data_type == onnx.TensorProto.FLOAT)
    return f"{name}: {recipe.what}; {parameters:,} parameters, {size:,} bytes, answers spread {y.std():.3f}"


def default_folder() -> Path:
    """Under the user's cache: these files are large and can be made again."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "ciro" / "models"


def main() -> None:
    """Parses the arguments and writes what was asked for."""
    recipes = _recipes()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(recipes)}")
    parser.add_argument("--out", type=Path, default=default_folder(), help="default: %(default)s")
    parser.add_argument("--small", action="store_true", help="only the small variants, which the tests use")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(recipes)
    if unknown:
        parser.error(f"expected names out of {', '.join(recipes)}, got {', '.join(sorted(unknown))}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or recipes:
        if recipes[name].is_small or not arguments.small:
            print(write(name, recipes[name], arguments.out), flush=True)


if __name__ == "__main__":
    main()
