"""Residual networks for 3×32×32 images, as torchvision's `BasicBlock` networks export.

Convolutions are seeded (Kaiming); the head is fitted, so that the predicted class means something and agreement on it can
be measured: ten synthetic textures, the network's features, ridge regression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from graph import Graph
from onnx import numpy_helper

CLASSES, SIDE = 10, 32
# Steps per unit: about those of an eight-bit image after normalisation.
PIXEL = 64
Run = Callable[[onnx.ModelProto, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Size:
    """`widths` per stage, `blocks` in each stage; `folded`: batch normalisation inside the convolutions, as exporters do."""

    widths: tuple[int, ...]
    blocks: int
    folded: bool


RESNET18 = Size(widths=(64, 128, 256, 512), blocks=2, folded=True)
RESNET_MINI = Size(widths=(8, 16, 32), blocks=1, folded=False)


def resnet(size: Size, rng: np.random.Generator, run: Run) -> onnx.ModelProto:
    """The whole network: input (1, 3, 32, 32), output `logits` (1, 10). `run` evaluates a model on rows of images."""
    body, features = _graph(size, rng), size.widths[-1]
    headless = body.finish(_body(body, size), "features", (1, features))
    images, labels = textures(400, np.random.default_rng(1))
    weight, bias = _ridge(run(headless, images).reshape(len(images), features), labels)
    return _with_head(headless, weight, bias)


def _graph(size: Size, rng: np.random.Generator) -> Graph:
    return Graph("resnet18" if size is RESNET18 else "resnet", 17, rng)


def _body(g: Graph, size: Size) -> str:
    x = g.input("input", (1, 3, SIDE, SIDE))
    # A stem for small images: stride one and no pooling.
    x = g.op("Relu", _conv(g, size, "conv1", x, 3, size.widths[0], 3, 1))
    wide = size.widths[0]
    for stage, out in enumerate(size.widths):
        for block in range(size.blocks):
            with g.scope(f"layer{stage + 1}/layer{stage + 1}.{block}"):
                stride = 2 if stage > 0 and block == 0 else 1
                x = _block(g, size, x, wide, out, stride)
            wide = out
    return g.op("Flatten", g.op("GlobalAveragePool", x), axis=1)


def _block(g: Graph, size: Size, x: str, wide: int, out: int, stride: int) -> str:
    first = g.op("Relu", _conv(g, size, "conv1", x, wide, out, 3, stride))
    second = _conv(g, size, "conv2", first, out, out, 3, 1, gain=0.5)
    if stride != 1 or wide != out:
        x = _conv(g, size, "downsample", x, wide, out, 1, stride)
    return g.op("Relu", g.op("Add", second, x))


def _conv(
    g: Graph, size: Size, name: str, x: str, wide: int, out: int, kernel: int, stride: int, gain: float = 1.0
) -> str:
    """A convolution and its batch normalisation, folded or beside it."""
    shape = (out, wide, kernel, kernel)
    weight = g.rng.normal(0.0, np.sqrt(2.0 / (wide * kernel * kernel)), shape).astype(np.float32)
    gamma = g.rng.normal(gain, 0.1, out).astype(np.float32)
    beta, mean = (g.rng.normal(0.0, 0.1, out).astype(np.float32) for _ in range(2))
    variance = g.rng.uniform(0.8, 1.6, out).astype(np.float32)
    attributes = dict(
        dilations=[1, 1], group=1, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4, strides=[stride] * 2
    )
    with g.scope(name):
        if not size.folded:
            x = g.op("Conv", x, g.weight("weight", weight), **attributes)
            moments = (g.weight(*pair) for pair in (("running_mean", mean), ("running_var", variance)))
            scale = (g.weight(*pair) for pair in (("bn.weight", gamma), ("bn.bias", beta)))
            return g.op("BatchNormalization", x, *scale, *moments, epsilon=1e-5, momentum=0.9)
        factor = gamma / np.sqrt(variance + np.float32(1e-5))
        weight, bias = weight * factor[:, None, None, None], beta - mean * factor
        return g.op("Conv", x, g.weight("weight", weight), g.weight("bias", bias), **attributes)


def _ridge(features: np.ndarray, labels: np.ndarray, penalty: float = 1e-2) -> tuple[np.ndarray, np.ndarray]:
    """Weights (classes, features) and bias of a least-squares classifier on standardised features.

    Rounded to 2⁻¹⁰, so that the last bits of another machine's floats do not show in the file.
    """
    mean, spread = features.mean(0), features.std(0) + 1e-3
    z = ((features - mean) / spread).astype(np.float64)
    target = 10.0 * np.eye(CLASSES)[labels] - 1.0
    gram = z.T @ z + penalty * len(z) * np.eye(z.shape[1])
    weight = np.linalg.solve(gram, z.T @ target).T / spread
    bias = target.mean(0) - weight @ mean
    return _rounded(weight), _rounded(bias)


def _rounded(numbers: np.ndarray) -> np.ndarray:
    return np.round(numbers * 1024.0).astype(np.float32) / np.float32(1024.0)


def _with_head(model: onnx.ModelProto, weight: np.ndarray, bias: np.ndarray) -> onnx.ModelProto:
    graph = model.graph
    graph.initializer.extend([numpy_helper.from_array(weight, "fc.weight"), numpy_helper.from_array(bias, "fc.bias")])
    gemm = onnx.helper.make_node(
        "Gemm", ["features", "fc.weight", "fc.bias"], ["logits"], name="/fc/Gemm", alpha=1.0, beta=1.0, transB=1
    )
    graph.node.append(gemm)
    output = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [1, CLASSES])
    graph.output.pop()
    graph.output.append(output)
    onnx.checker.check_model(model, full_check=True)
    return model


def textures(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 3, 32, 32), float32 of about unit spread, and their classes: gratings that differ in direction,
    pitch and colour, under noise."""
    labels = rng.integers(0, CLASSES, count)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    angle = np.pi * (labels % 5) / 5 + rng.normal(0, 0.08, count)
    pitch = np.where(labels < 5, 4.0, 8.0) * rng.uniform(0.9, 1.1, count)
    across = x * np.cos(angle)[:, None, None] + y * np.sin(angle)[:, None, None]
    phase = rng.uniform(0, 2 * np.pi, count)[:, None, None]
    wave = np.sin(2 * np.pi * across / pitch[:, None, None] + phase)
    colour = rng.uniform(0.3, 1.0, (count, 3, 1, 1))
    images = 1.2 * colour * wave[:, None] + rng.normal(0, 0.5, (count, 3, SIDE, SIDE))
    return (np.round(images * PIXEL) / PIXEL).astype(np.float32), labels
