"""A random graph under construction, and the registry of what grows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
MOST_ELEMENTS = 512


@dataclass(frozen=True)
class Value:
    """A tensor of the graph; `shape` begins with the batch, which is one."""

    name: str
    shape: tuple[int, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


@dataclass
class Draw:
    """A graph that grows, and the randomness that it grows from."""

    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    seen: list[Value] = field(default_factory=list)

    def below(self, n: int) -> int:
        return int(self.rng.integers(n))

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def pick(self, of: list) -> object:
        return of[self.below(len(of))]

    def axis(self, value: Value, first: int = 1) -> int:
        """A dimension behind the batch, sometimes counted from the end."""
        axis = first + self.below(value.rank - first)
        return axis - value.rank if self.chance(0.3) else axis

    def constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def weights(self, *shape: int) -> str:
        fan = max(1, int(np.prod(shape[1:])) if len(shape) > 1 else 1)
        return self.constant((self.rng.standard_normal(shape) / np.sqrt(fan)).astype(np.float32))

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def node(self, kind: str, inputs: list[str], shape: tuple[int, ...], **attributes: object) -> Value:
        value = Value(f"v{len(self.nodes)}", tuple(shape))
        self.nodes.append(helper.make_node(kind, inputs, [value.name], **attributes))
        return value


Grow = Callable[[Draw, Value], "Value | None"]
OPS: list[Grow] = []


def op(grow: Grow) -> Grow:
    OPS.append(grow)
    return grow
